// The package managers that install our packages in tests, and the registry that they use.

'use strict';

const { spawn, spawnSync } = require('node:child_process');
const { mkdirSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const { readJson, stageAll } = require('./stage.js');
const { installTools } = require('./tools.js');

const VERSIONS = ['pnpm@10.34.9', 'yarn@1.22.22', '@yarnpkg/cli-dist@4.18.1', 'bun@1.4.5'];

/**
 * @typedef {object} Manager
 * @property {string} name
 * @property {string[]} add installs batondb into the project of the working directory
 * @property {boolean} [ignoresLibc] it installs the packages of both C libraries
 * @property {string[]} [addWithoutOptional]
 * @property {NodeJS.ProcessEnv} env
 * @property {(folder: string) => void} [prepare] the project
 */

/** Installs missing package managers. @returns {string} where they are */
function managerTools() {
  return installTools('managers', VERSIONS);
}

/**
 * @param {string} modules where the package managers are
 * @param {string} registry
 * @param {string} work a directory for caches, so that no cache of another run is used
 * @returns {Manager[]}
 */
function managers(modules, registry, work) {
  const node = process.execPath;
  const pnpm = [
    node,
    join(modules, 'pnpm/bin/pnpm.cjs'),
    'add',
    '--store-dir',
    join(work, 'pnpm-store'),
    'batondb',
  ];
  const yarn = [node, join(modules, 'yarn/bin/yarn.js'), 'add', '--no-progress', 'batondb'];
  const berry = [node, join(modules, '@yarnpkg/cli-dist/bin/yarn.js'), 'add', 'batondb'];
  const npm = ['npm', 'install', '--no-audit', '--no-fund', 'batondb'];
  const bun = [join(modules, 'bun/bin/bun.exe'), 'add', 'batondb'];
  const env = { npm_config_registry: registry, npm_config_cache: join(work, 'npm-cache') };
  return [
    { name: 'npm', add: npm, addWithoutOptional: [...npm, '--omit=optional'], env },
    { name: 'pnpm', add: pnpm, addWithoutOptional: [...pnpm, '--no-optional'], env },
    {
      name: 'yarn',
      ignoresLibc: true,
      add: yarn,
      addWithoutOptional: [...yarn, '--ignore-optional'],
      env: { ...env, YARN_CACHE_FOLDER: join(work, 'yarn-cache') },
      prepare: (folder) => writeFileSync(join(folder, '.yarnrc'), `registry "${registry}"\n`),
    },
    {
      name: 'berry',
      add: berry,
      env: { YARN_GLOBAL_FOLDER: join(work, 'berry'), YARN_ENABLE_TELEMETRY: '0' },
      prepare: (folder) => {
        const lines = [
          `npmRegistryServer: "${registry}"`,
          'unsafeHttpWhitelist: ["127.0.0.1"]',
          'nodeLinker: node-modules',
        ];
        writeFileSync(join(folder, '.yarnrc.yml'), `${lines.join('\n')}\nnpmMinimalAgeGate: 0\n`);
        writeFileSync(join(folder, 'yarn.lock'), '');
      },
    },
    {
      name: 'bun',
      add: bun,
      addWithoutOptional: [...bun, '--omit=optional'],
      env: { ...env, BUN_INSTALL_CACHE_DIR: join(work, 'bun-cache') },
    },
  ];
}

/**
 * Packs everything and serves it from a separate process, since the installs block this one.
 *
 * @param {string} work
 * @param {(name: string) => Buffer} addonOf of a platform
 */
async function startRegistry(work, addonOf) {
  const tarballs = join(work, 'tarballs');
  mkdirSync(tarballs);
  const folders = stageAll({ stage: join(work, 'stage'), addonOf });
  const list = folders.map((folder) => {
    const { name, version } = readJson(join(folder, 'package.json'));
    const command = `npm pack --silent --ignore-scripts --pack-destination "${tarballs}"`;
    const { status, stderr } = spawnSync(command, { cwd: folder, encoding: 'utf8', shell: true });
    if (status !== 0) {
      throw new Error(`npm pack failed in ${folder}: ${stderr}`);
    }
    return [join(folder, 'package.json'), join(tarballs, `${name}-${version}.tgz`)];
  });
  const child = spawn(process.execPath, [join(__dirname, 'registry.js'), JSON.stringify(list)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise((done, fail) => {
    child.stdout.once('data', (data) => done(String(data).trim()));
    child.once('exit', (code) => fail(new Error(`the registry ended with ${code}`)));
  });
  return { url: /** @type {string} */ (url), close: () => void child.kill() };
}

module.exports = { managerTools, managers, startRegistry };

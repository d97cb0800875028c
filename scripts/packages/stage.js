// Stages the packages to publish under dist/npm: batondb itself, without an addon and with its platform
// packages as optional dependencies, and each platform package with its addon.

'use strict';

const { spawnSync } = require('node:child_process');
const { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { dirname, join } = require('node:path');

const { PLATFORMS, ROOT, addonName, addonPath } = require('./platforms.js');

const STAGE = join(ROOT, 'dist', 'npm');

/** @typedef {Record<string, any>} Manifest */

/** @param {string} file @returns {Manifest} */
function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** @param {string} file @param {Manifest} value */
function writeJson(file, value) {
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}

/**
 * The manifest as published. The repository's own manifest does not list the platform packages: npm would
 * look for them in the registry before they exist, and `npm ci` would refuse a lockfile without them.
 *
 * @param {Manifest} manifest
 */
function publishedManifest(manifest) {
  const { devDependencies: _, scripts: __, napi: ___, files, ...rest } = manifest;
  const names = PLATFORMS.map(({ name }) => [`batondb-${name}`, manifest.version]);
  return {
    ...rest,
    files: files.filter((/** @type {string} */ pattern) => !pattern.endsWith('.node')),
    optionalDependencies: Object.fromEntries(names),
    publishConfig: { access: 'public' },
  };
}

/** The files of a folder that npm would pack. @param {string} folder @returns {string[]} */
function packedFiles(folder) {
  // In a shell, because npm is a batch file on Windows.
  const { status, stdout, stderr } = spawnSync('npm pack --dry-run --json --ignore-scripts', {
    cwd: folder,
    encoding: 'utf8',
    shell: true,
  });
  if (status !== 0) {
    throw new Error(`npm pack failed in ${folder}: ${stderr}`);
  }
  // A list or, since npm 12, an object by name.
  const [packed] = Object.values(JSON.parse(stdout));
  return packed.files.map((/** @type {{ path: string }} */ { path }) => path).sort();
}

/** @param {string} folder where to */
function stageMain(folder) {
  for (const file of packedFiles(ROOT).filter((path) => !path.endsWith('.node'))) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(ROOT, file), join(folder, file));
  }
  writeJson(join(folder, 'package.json'), publishedManifest(readJson(join(ROOT, 'package.json'))));
}

/** @param {string} name of the platform @param {string} folder where to @param {string | Buffer} addon file or content */
function stagePlatform(name, folder, addon) {
  mkdirSync(folder, { recursive: true });
  cpSync(join(ROOT, 'npm', name, 'README.md'), join(folder, 'README.md'));
  cpSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
  const manifest = readJson(join(ROOT, 'npm', name, 'package.json'));
  writeJson(join(folder, 'package.json'), { ...manifest, publishConfig: { access: 'public' } });
  if (typeof addon === 'string') {
    cpSync(addon, join(folder, addonName(name)));
  } else {
    writeFileSync(join(folder, addonName(name)), addon);
  }
}

/**
 * Stages everything from scratch.
 *
 * @param {object} [options]
 * @param {string} [options.stage] the folder for the packages' folders
 * @param {(name: string) => string | Buffer | undefined} [options.addonOf] of a platform; left out if
 * undefined
 * @returns {string[]} the folders in the order in which they must be published: batondb last, so that nobody can
 *   install it before its dependencies exist
 */
function stageAll({ stage = STAGE, addonOf = addonPath } = {}) {
  rmSync(stage, { recursive: true, force: true });
  const folders = [];
  for (const { name } of PLATFORMS) {
    const addon = addonOf(name);
    if (addon === undefined) {
      continue;
    }
    if (typeof addon === 'string' && !existsSync(addon)) {
      throw new Error(`there is no addon for ${name}: ${addon}`);
    }
    folders.push(join(stage, `batondb-${name}`));
    stagePlatform(name, join(stage, `batondb-${name}`), addon);
  }
  stageMain(join(stage, 'batondb'));
  return [...folders, join(stage, 'batondb')];
}

module.exports = { STAGE, packedFiles, publishedManifest, readJson, stageAll };

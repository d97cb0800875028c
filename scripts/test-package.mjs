// Installs the published packages into fresh projects, with each package manager, and runs them there.
//
//   npm run test:package -- [npm] [pnpm] [yarn] [berry] [bun]
//
// The registry is served by this process and knows only our packages. The package managers and bundlers
// themselves come from the npm registry, into target/tools. The addon of this machine is the last one built;
// those of the other platforms are empty files, which nobody may install.

import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { PLATFORMS as SUPPORTED, packageOf, platformOf } from '../lib/addon/platform.js';
import { ROOT, addonName } from './packages/platforms.js';
import { bundlers } from './packages/bundlers.js';
import { managers, managerTools, startRegistry } from './packages/managers.js';
import { EXPECTED, FILES } from './packages/programs.js';

const here = platformOf({
  platform: process.platform,
  arch: process.arch,
  glibc: /** @type {any} */ (process.report.getReport()).header.glibcVersionRuntime,
});
const addon = join(ROOT, addonName(here));
const work = mkdtempSync(join(tmpdir(), 'baton-package-'));
/** @type {string[]} */
const failures = [];
let passed = 0;

/** @param {string} what @param {() => void} check */
function step(what, check) {
  try {
    check();
    passed += 1;
    console.log(`passed  ${what}`);
  } catch (error) {
    failures.push(what);
    console.log(`FAILED  ${what}\n${/** @type {Error} */ (error).message}`);
  }
}

/** @param {string} cwd @param {string[]} command @param {NodeJS.ProcessEnv} [env] */
function attempt(cwd, command, env = {}) {
  const [program = '', ...args] = command;
  const options = {
    cwd,
    encoding: /** @type {const} */ ('utf8'),
    timeout: 120_000,
    env: { ...process.env, ...env },
  };
  return spawnSync(program, args, options);
}

/** @param {string} cwd @param {string[]} command @param {NodeJS.ProcessEnv} [env] */
function run(cwd, command, env) {
  const { status, stdout, stderr, error } = attempt(cwd, command, env);
  if (status !== 0) {
    throw new Error(`${command.join(' ')}: ${error?.message ?? `exit code ${status}`}\n${stdout}${stderr}`);
  }
  return stdout;
}

/** @param {unknown} actual @param {unknown} expected @param {string} what */
function same(actual, expected, what) {
  if (actual !== expected) {
    throw new Error(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
  }
}

/** @param {string} text @param {string} part */
function contains(text, part) {
  if (!text.includes(part)) {
    throw new Error(`expected ${JSON.stringify(part)} in:\n${text}`);
  }
}

/** @param {string} name */
function project(name) {
  const folder = join(work, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version: '1.0.0', private: true }));
  for (const [file, content] of Object.entries(FILES)) {
    writeFileSync(join(folder, file), content);
  }
  return folder;
}

let stores = 0;

/** @param {string} folder @param {string} program @param {string[]} [node] */
function expectRuns(folder, program, node = [process.execPath]) {
  stores += 1;
  same(run(folder, [...node, program, join(work, `store-${stores}`)]), EXPECTED, program);
}

/** @param {string} folder @param {string} resolution */
function typeCheck(folder, resolution) {
  const module = resolution === 'bundler' ? 'preserve' : 'nodenext';
  const flags = ['--strict', '--outDir', 'out', '--target', 'es2023', '--module', module];
  const types = [
    '--moduleResolution',
    resolution,
    '--typeRoots',
    join(ROOT, 'node_modules/@types'),
    '--types',
    'node',
  ];
  run(folder, [
    process.execPath,
    join(ROOT, 'node_modules/typescript/bin/tsc'),
    ...flags,
    ...types,
    'program.mts',
    'program.cts',
  ]);
}

/** @param {string} folder @param {string[]} flags */
function bundle(folder, ...flags) {
  const esbuild = join(ROOT, 'node_modules/esbuild/bin/esbuild');
  return attempt(folder, [esbuild, '--bundle', '--platform=node', '--log-level=error', ...flags]);
}

/** @param {string} folder */
function expectBundles(folder) {
  const external = bundle(
    folder,
    'program.mjs',
    '--format=esm',
    '--external:batondb',
    '--outfile=external.mjs',
  );
  same(external.status, 0, `esbuild: ${external.stderr}`);
  expectRuns(folder, 'external.mjs');
  // Without `external`, the bundler meets a .node file, for which it has no loader, and reports that.
  const whole = bundle(folder, 'program.cjs', '--outfile=whole.cjs');
  same(whole.status, 1, 'exit code of a bundle without external');
  contains(whole.stderr, 'No loader is configured for ".node" files');
  const copied = bundle(folder, 'program.cjs', '--loader:.node=copy', '--outfile=copied.cjs');
  same(copied.status, 0, `esbuild with a loader: ${copied.stderr}`);
  expectRuns(folder, 'copied.cjs');
}

/** The installed packages of ours. @param {string} folder */
function installed(folder) {
  // pnpm puts the packages' dependencies beside them, in a separate folder.
  const folders = [join(folder, 'node_modules'), join(folder, 'node_modules/.pnpm/node_modules')];
  const names = folders.filter(existsSync).flatMap((each) => readdirSync(each));
  return SUPPORTED.map(packageOf)
    .filter((name) => names.includes(name))
    .join(' ');
}

/** @param {import('./packages/managers.js').Manager} manager */
function expectedPackages({ ignoresLibc }) {
  const fits = (/** @type {string} */ name) => name === here || (ignoresLibc && name.startsWith(withoutLibc));
  const withoutLibc = `${process.platform}-${process.arch}-`;
  return SUPPORTED.filter(fits).map(packageOf).join(' ');
}

/** @param {import('./packages/managers.js').Manager} manager */
function testManager(manager) {
  const folder = project(manager.name);
  step(`${manager.name}: install`, () => {
    manager.prepare?.(folder);
    run(folder, manager.add, manager.env);
    same(installed(folder), expectedPackages(manager), 'platform packages');
  });
  step(`${manager.name}: CommonJS`, () => expectRuns(folder, 'program.cjs'));
  step(`${manager.name}: ES modules`, () => expectRuns(folder, 'program.mjs'));
  for (const resolution of ['nodenext', 'bundler']) {
    step(`${manager.name}: TypeScript, moduleResolution ${resolution}`, () => typeCheck(folder, resolution));
  }
  step(`${manager.name}: compiled TypeScript`, () => {
    typeCheck(folder, 'nodenext');
    expectRuns(folder, 'out/program.mjs');
    expectRuns(folder, 'out/program.cjs');
  });
  step(`${manager.name}: esbuild`, () => expectBundles(folder));
  // The layout of installed packages differs between package managers, but not for these checks.
  if (manager.name === 'npm') {
    for (const { name, command, output } of bundlers(folder)) {
      step(`${manager.name}: ${name}`, () => {
        run(folder, command);
        expectRuns(folder, output);
      });
    }
  }
  const without = manager.addWithoutOptional;
  if (without !== undefined) {
    const bare = project(`${manager.name}-without-optional`);
    step(`${manager.name}: without optional dependencies the error says so`, () => {
      manager.prepare?.(bare);
      run(bare, without, manager.env);
      const { status, stderr } = attempt(bare, [process.execPath, 'program.cjs', 'nowhere']);
      same(status, 1, 'exit code');
      contains(stderr, `the package ${packageOf(here)}@`);
      contains(stderr, "code: 'ERR_ADDON_NOT_LOADED'");
    });
  }
}

if (!existsSync(addon)) {
  console.error(`${addonName(here)} is missing: npm run build`);
  process.exit(1);
}
const wanted = process.argv.slice(2);
const registry = await startRegistry(work, (name) => (name === here ? readFileSync(addon) : Buffer.alloc(0)));
try {
  for (const manager of managers(managerTools(), registry.url, work)) {
    if (wanted.length === 0 || wanted.includes(manager.name)) {
      testManager(manager);
    }
  }
} finally {
  registry.close();
  rmSync(work, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 && passed > 0 ? 0 : 1;

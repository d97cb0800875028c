// The steps of a release; .github/workflows/release.yml calls them, and docs/packages.md says how to make one.
//
//   npm run release:check -- [--tag v1.2.3]   one version everywhere, and an entry in the changelog
//   npm run release:notes                     that entry
//   npm run pack:all -- [--partial]           dist/npm and dist/*.tgz; --partial leaves out what was not built
//   npm run release:publish -- [--dry-run]    publishes dist/npm, the platform packages first

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { parseArgs } from 'node:util';

import { PLATFORMS, ROOT, addonPath } from './packages/platforms.js';
import { disagreements, notes, read } from './packages/release.js';
import { STAGE, readJson, stageAll } from './packages/stage.js';

const { values: options, positionals } = parseArgs({
  options: {
    tag: { type: 'string' },
    partial: { type: 'boolean', default: false },
    'dry-run': { type: 'boolean', default: false },
  },
  allowPositionals: true,
});

/** @param {string[]} args @param {string} cwd */
function npm(args, cwd) {
  // In a shell, because npm is a batch file on Windows. None of the arguments contains a space.
  const { status } = spawnSync(`npm ${args.join(' ')}`, { cwd, stdio: 'inherit', shell: true });
  if (status !== 0) {
    throw new Error(`npm ${args[0]} failed in ${cwd}`);
  }
}

function check() {
  const found = disagreements(options.tag);
  if (found.length > 0) {
    throw new Error(found.join('\n'));
  }
  console.log(`Everything says ${readJson(`${ROOT}/package.json`).version}.`);
}

function pack() {
  check();
  const addonOf = (/** @type {string} */ name) =>
    !options.partial || existsSync(addonPath(name)) ? addonPath(name) : undefined;
  for (const folder of stageAll({ addonOf })) {
    npm(['pack', '--silent', '--ignore-scripts', '--pack-destination', '../..'], folder);
  }
}

/** Whether the registry already has it, as after a release that failed half way. @param {string} folder */
function isPublished(folder) {
  const { name, version } = readJson(`${folder}/package.json`);
  return (
    spawnSync(`npm view ${name}@${version} version`, { encoding: 'utf8', shell: true }).stdout.trim() ===
    version
  );
}

function publish() {
  const folders = [...PLATFORMS.map(({ name }) => `${STAGE}/batondb-${name}`), `${STAGE}/batondb`];
  const missing = folders.filter((folder) => !existsSync(folder));
  if (missing.length > 0) {
    throw new Error(
      `not staged in ${dirname(STAGE)}: ${missing.map((folder) => basename(folder)).join(', ')}`,
    );
  }
  const flags = ['--access', 'public', ...(options['dry-run'] ? ['--dry-run'] : ['--provenance'])];
  for (const folder of folders) {
    if (!options['dry-run'] && isPublished(folder)) {
      console.log(`${basename(folder)} is published already`);
      continue;
    }
    npm(['publish', '--ignore-scripts', ...flags], folder);
  }
}

/** @type {Record<string, () => void>} */
const steps = {
  check,
  notes: () => console.log(notes(read('CHANGELOG.md'), readJson(`${ROOT}/package.json`).version)),
  pack,
  publish,
};
try {
  const step = steps[positionals[0] ?? ''];
  if (step === undefined) {
    throw new Error(`node scripts/release.mjs <${Object.keys(steps).join(' | ')}>`);
  }
  step();
} catch (error) {
  console.error(/** @type {Error} */ (error).message);
  process.exitCode = 1;
}

'use strict';

const { execFile } = require('node:child_process');
const { readFileSync, readdirSync } = require('node:fs');
const { join } = require('node:path');
const { promisify } = require('node:util');

const { PLATFORMS, addonName } = require('../../scripts/packages/platforms.js');
const { disagreements, notes, versions } = require('../../scripts/packages/release.js');
const { packedFiles, readJson, stageAll } = require('../../scripts/packages/stage.js');
const { ROOT, temporaryDirectory } = require('../helpers.js');

const manifest = require('../../package.json');

const stage = temporaryDirectory();
const main = join(stage, 'batondb');
const LIST = join(__dirname, '..', 'fixtures', 'package-files.txt');

// npm and attw take their time on a busy machine.
jest.setTimeout(120_000);

beforeAll(() => {
  stageAll({ stage, addonOf: (name) => Buffer.from(`the addon of ${name}`) });
});

/** Runs a tool of node_modules; its output where it fails. */
async function tool(path, ...args) {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(ROOT, 'node_modules', path), ...args],
    {
      cwd: stage,
      env: { ...process.env, FORCE_COLOR: '0' },
    },
  ).catch((error) => {
    throw new Error(`${error.message}\n${error.stdout}`);
  });
  return stdout;
}

test('batondb is published with the files of the list and no other', () => {
  const listed = readFileSync(LIST, 'utf8').trim().split('\n');
  // The list is in fixtures/package-files.txt. A file that is missing there would be published by accident.
  expect(packedFiles(main)).toEqual(listed);
});

test('a pack of the working copy is the same, with the addon of this machine', () => {
  const addons = /^batondb\.[\w-]+\.node$/;
  const files = packedFiles(ROOT);
  expect(files.filter((file) => !addons.test(file))).toEqual(packedFiles(main));
  // That of `npm run build`, where there is one: the tests have theirs elsewhere.
  expect(files.filter((file) => addons.test(file))).toEqual(
    readdirSync(ROOT).filter((file) => addons.test(file)),
  );
});

test.each(PLATFORMS.map(({ name }) => name))('batondb-%s has its addon and nothing that runs', (name) => {
  const folder = join(stage, `batondb-${name}`);
  expect(packedFiles(folder)).toEqual(['LICENSE', 'README.md', addonName(name), 'package.json'].sort());
  const own = readJson(join(folder, 'package.json'));
  const [os, cpu, abi] = name.split('-');
  expect(own).toMatchObject({ name: `batondb-${name}`, os: [os], cpu: [cpu], main: addonName(name) });
  expect(own.libc).toEqual({ gnu: ['glibc'], musl: ['musl'] }[abi]);
  expect([own.engines, own.license]).toEqual([manifest.engines, manifest.license]);
  expect(own.scripts).toBeUndefined();
});

test('the published manifest has every platform package at its own version, and no scripts', () => {
  const published = readJson(join(main, 'package.json'));
  const expected = PLATFORMS.map(({ name }) => [`batondb-${name}`, manifest.version]);
  expect(published.optionalDependencies).toEqual(Object.fromEntries(expected));
  expect(published).not.toHaveProperty('scripts');
  expect(published).not.toHaveProperty('devDependencies');
  expect(published.exports).toEqual(manifest.exports);
  // Nor does an install of the working copy run anything.
  for (const script of ['preinstall', 'install', 'postinstall', 'prepare']) {
    expect(manifest.scripts).not.toHaveProperty(script);
  }
});

test('publint has nothing against any of them', async () => {
  for (const folder of [
    main,
    join(stage, 'batondb-linux-x64-gnu'),
    join(stage, 'batondb-win32-arm64-msvc'),
  ]) {
    await tool('publint/src/cli.js', 'run', folder, '--strict', '--pack', 'false', '--level', 'warning');
  }
});

test('the types are right for ES modules, CommonJS and bundlers', async () => {
  const output = await tool(
    '@arethetypeswrong/cli/dist/index.js',
    '--pack',
    main,
    '--profile',
    'node16',
    '--no-emoji',
  );
  // Of each entry all but the resolution of Node 10, which knows no `exports` and is ignored.
  const rows = output.match(/^│ "batondb.*$/gm) ?? [];
  expect(rows.length).toBeGreaterThan(4);
  expect(rows.filter((row) => !/^│ "[^"]+" +│ OK [^│]*│ OK [^│]*│ OK /.test(row))).toEqual([]);
});

test('every file states the same version', () => {
  expect(disagreements()).toEqual([]);
  expect(Object.keys(versions())).toHaveLength(PLATFORMS.length + 5);
});

test('a version or tag that differs is named', () => {
  const stated = { 'package.json': '1.2.0', 'Cargo.toml': '1.1.0' };
  const changelog = '# Changelog\n\n## Unreleased\n\n## 1.1.0 - 2026-01-01\n\nOld.\n';
  expect(disagreements('v1.3.0', stated, changelog)).toEqual([
    'Cargo.toml says 1.1.0, package.json says 1.2.0',
    'the newest entry of CHANGELOG.md is 1.1.0, package.json says 1.2.0',
    'the tag is v1.3.0, package.json says 1.2.0',
  ]);
  expect(disagreements('v1.2.0', { 'package.json': '1.2.0' }, '## Unreleased\n')).toEqual([
    'CHANGELOG.md has no entry for 1.2.0: rename "Unreleased"',
  ]);
});

test('the entry of a version is taken out of the changelog', () => {
  const changelog =
    '# Changelog\n\n## [1.2.0] - 2026-02-01\n\n### Added\n\n- New.\n\n## 1.1.0 - 2026-01-01\n\nOld.\n';
  expect(notes(changelog, '1.2.0')).toBe('### Added\n\n- New.');
  expect(notes(changelog, '1.1.0')).toBe('Old.');
  expect(() => notes(changelog, '1.0.0')).toThrow('no entry for 1.0.0');
});

// The debug addon of the tests stays out of the way of users and benches.

'use strict';

const { cpSync, mkdirSync, readFileSync, utimesSync, writeFileSync } = require('node:fs');
const { basename, join } = require('node:path');

const { NativeStore } = require('../../lib/addon/native.js');
const manifest = require('../../package.json');
const { ROOT, addonUnderTest, runNode, temporaryDirectory } = require('../helpers.js');

const directory = temporaryDirectory();

test('the tests build where no package looks', () => {
  expect(manifest.scripts.build).not.toContain('--output-dir');
  // The loader looks for its addon beside itself, whichever build has written it.
  const loader = readFileSync(join(ROOT, 'binding.js'), 'utf8');
  expect(loader).toContain("require('./batondb.linux-x64-gnu.node')");
  expect(loader).not.toContain('target/');
  expect(manifest.files.some((file) => file.startsWith('target'))).toBe(false);
});

// CI runs some tests on the addons that are published.
const onDebug = NativeStore.buildProfile() === 'debug' ? test : test.skip;

onDebug('benches refuse a debug addon by name', async () => {
  const benches = ['startup', 'sql', 'commits'].map((name) => [`bench/${name}.mjs`]);
  for (const bench of [...benches, ['scripts/bench.mjs', '--no-build']]) {
    const error = await runNode(...bench).catch((failed) => failed);
    expect({ bench, code: error.code, stderr: error.stderr }).toEqual({
      bench,
      code: 1,
      stderr: expect.stringContaining(`${basename(addonUnderTest())} is a debug build`),
    });
  }
});

test('of the addons of a clone the tests get the one that was built last, and others never that of the tests', async () => {
  const [own, built] = [join(directory, 'target', 'addon'), directory].map((folder) =>
    join(folder, 'batondb.x.node'),
  );
  mkdirSync(join(directory, 'lib', 'addon'), { recursive: true });
  mkdirSync(join(directory, 'target', 'addon'), { recursive: true });
  cpSync(join(ROOT, 'lib', 'addon', 'addon-file.js'), join(directory, 'lib', 'addon', 'addon-file.js'));
  const { addonOfTests, VARIABLE } = require(join(directory, 'lib', 'addon', 'addon-file.js'));
  const before = process.env[VARIABLE];
  const found = (/** @type {string | undefined} */ asked) => {
    if (asked === undefined) delete process.env[VARIABLE];
    else process.env[VARIABLE] = asked;
    return addonOfTests('x');
  };
  try {
    expect(found('tests')).toBeUndefined();
    writeFileSync(own, '');
    expect(found('tests')).toBe(own);
    writeFileSync(built, '');
    utimesSync(own, 1_000, 1_000);
    expect(found('tests')).toBeUndefined();
    utimesSync(built, 999, 999);
    expect(found('tests')).toBe(own);
    for (const asked of [undefined, '', 'release', own]) expect(found(asked)).toBeUndefined();
  } finally {
    if (before === undefined) delete process.env[VARIABLE];
    else process.env[VARIABLE] = before;
  }
});

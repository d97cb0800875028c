'use strict';

const { execFile } = require('node:child_process');
const { cpSync, mkdirSync, rmSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { promisify } = require('node:util');

const { GLIBC_FLOOR, PLATFORMS, explain, platformOf } = require('../../lib/addon/platform.js');
const manifest = require('../../package.json');
const { ROOT, addonUnderTest, temporaryDirectory } = require('../helpers.js');

const HERE = platformOf({
  platform: process.platform,
  arch: process.arch,
  glibc: process.report.getReport().header.glibcVersionRuntime,
});
const PACKAGE = `batondb-${HERE}`;
const directory = temporaryDirectory();
const modules = join(directory, 'node_modules');
const main = join(modules, 'batondb');

/** batondb as it is published: without an addon of its own. */
beforeAll(() => {
  mkdirSync(main, { recursive: true });
  for (const name of ['index.js', 'index.mjs', 'binding.js', 'package.json', 'lib', 'bin']) {
    cpSync(join(ROOT, name), join(main, name), { recursive: true });
  }
});

/** A package whose addon is whatever the test says, or the one that was built here. */
function install(platform, { version = manifest.version, addon = undefined } = {}) {
  const target = join(modules, `batondb-${platform}`);
  const file = `batondb.${platform}.node`;
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
  writeFileSync(join(target, 'package.json'), JSON.stringify({ name: PACKAGE, version, main: file }));
  if (addon === undefined) {
    cpSync(addonUnderTest(), join(target, file));
  } else {
    writeFileSync(join(target, file), addon);
  }
}

afterEach(() =>
  PLATFORMS.forEach((name) => rmSync(join(modules, `batondb-${name}`), { recursive: true, force: true })),
);

/** What a program in the directory sees when it asks for batondb. */
async function load(prelude = '') {
  const program = `${prelude}
    try { require('batondb'); console.log(JSON.stringify({ loaded: true })); }
    catch ({ message, code, reason, package: name, cause }) {
      console.log(JSON.stringify({ message, code, reason, name, cause: cause?.message }));
    }`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', program], { cwd: directory });
  return JSON.parse(stdout);
}

test('the package of this platform is loaded', async () => {
  install(HERE);
  expect(await load()).toEqual({ loaded: true });
});

test('a missing package is named, with the reasons why it is left out', async () => {
  const error = await load();
  expect(error).toMatchObject({ code: 'ERR_ADDON_NOT_LOADED', reason: 'missing', name: PACKAGE });
  expect(error.message).toContain(`${PACKAGE}@${manifest.version} is not installed`);
  for (const hint of ['--omit=optional', 'issues/4828', 'container', 'external', '--include=optional']) {
    expect(error.message).toContain(hint);
  }
  // What the generated loader said is kept.
  expect(error.cause).toContain('Cannot find native binding');
});

test('the package of another platform that is there instead is named', async () => {
  const other = PLATFORMS.find((platform) => platform !== HERE && !platform.startsWith(process.platform));
  install(other, { addon: '' });
  const error = await load();
  expect(error.reason).toBe('missing');
  expect(error.message).toContain(`Installed instead: batondb-${other}.`);
});

test('a package of another version is refused, although it would load', async () => {
  install(HERE, { version: '9.9.9' });
  const error = await load();
  expect(error).toMatchObject({ code: 'ERR_ADDON_NOT_LOADED', reason: 'version', name: PACKAGE });
  expect(error.message).toContain(`batondb is version ${manifest.version}, and ${PACKAGE} is version 9.9.9`);
});

test('an addon that the system refuses is reported with its words', async () => {
  install(HERE, { addon: 'This is no library.' });
  const error = await load();
  expect(error).toMatchObject({ code: 'ERR_ADDON_NOT_LOADED', reason: 'refused', name: PACKAGE });
  expect(error.message).toContain(`${PACKAGE}`);
  expect(error.message).toContain('the system refused to load it: ');
});

test('a package without its file is a missing one', async () => {
  install(HERE, { addon: '' });
  rmSync(join(modules, PACKAGE, `batondb.${HERE}.node`));
  expect(await load()).toMatchObject({ reason: 'missing' });
});

test.each([
  ['freebsd', 'x64'],
  ['linux', 'arm'],
  ['aix', 'ppc64'],
])('%s %s is told which platforms there are', async (platform, arch) => {
  install(HERE);
  const error = await load(`for (const [name, value] of Object.entries(${JSON.stringify({ platform, arch })}))
    Object.defineProperty(process, name, { value });`);
  expect(error).toMatchObject({ code: 'ERR_ADDON_NOT_LOADED', reason: 'unsupported' });
  expect(error.message).toContain(`${platform}-${arch}`);
  for (const supported of PLATFORMS) {
    expect(error.message).toContain(supported);
  }
});

const FINDING = {
  machine: { platform: 'linux', arch: 'x64', glibc: '2.36' },
  node: 'v22.0.0',
  version: '1.2.3',
  installed: '1.2.3',
  others: [],
  failure: "version `GLIBC_2.17' not found",
};

test('an older C library than the floor is told so', () => {
  const machine = { ...FINDING.machine, glibc: '2.12' };
  const { reason, message } = explain({ ...FINDING, machine });
  expect(reason).toBe('refused');
  expect(message).toContain(`glibc ${GLIBC_FLOOR} or later; this machine has only 2.12`);
  expect(explain(FINDING).message).toContain('this machine has 2.36');
});

test('musl is told apart from glibc, and neither is named elsewhere', () => {
  expect(platformOf({ platform: 'linux', arch: 'arm64', glibc: undefined })).toBe('linux-arm64-musl');
  expect(platformOf({ platform: 'linux', arch: 'arm64', glibc: '2.31' })).toBe('linux-arm64-gnu');
  expect(platformOf({ platform: 'darwin', arch: 'arm64', glibc: undefined })).toBe('darwin-arm64');
  expect(platformOf({ platform: 'win32', arch: 'arm64', glibc: undefined })).toBe('win32-arm64-msvc');
  const machine = { platform: 'linux', arch: 'x64', glibc: undefined };
  expect(explain({ ...FINDING, machine }).message).not.toContain('glibc');
});

'use strict';

// The libraries in fixtures/binaries are made of addon.c by Zig 0.15:
//   zig cc -target aarch64-linux-gnu.2.17 -shared -Os -s -fvisibility=hidden -o addon.so addon.c
//   zig cc -target x86_64-linux-gnu.2.28 -shared -Os -g -DEXTRA -fvisibility=hidden -o extra.so addon.c
//   zig cc -target aarch64-macos -shared -Os -s -fvisibility=hidden -o addon.dylib addon.c
//   zig cc -target x86_64-windows-gnu -shared -Os -s -o addon.dll addon.c

const { join } = require('node:path');

const { GLIBC_FLOOR, PLATFORMS: NAMES } = require('../../lib/addon/platform.js');
const { problems } = require('../../scripts/packages/check-addon.js');
const { inspect, inspectFile } = require('../../scripts/packages/inspect.js');
const { PLATFORMS } = require('../../scripts/packages/platforms.js');
const { withTable } = require('../../scripts/packages/table.js');
const { addonUnderTest } = require('../helpers.js');
const manifest = require('../../package.json');

const ENTRY = 'napi_register_module_v1';
const read = (name) => inspectFile(join(__dirname, '..', 'fixtures', 'binaries', name));
const platform = (name) => PLATFORMS.find((each) => each.name === name);

test('one list of platforms: the loader, the scripts and the manifest', () => {
  expect(PLATFORMS.map(({ name }) => name).sort()).toEqual([...NAMES].sort());
  expect(PLATFORMS.map(({ target }) => target).sort()).toEqual([...manifest.napi.targets].sort());
});

test('ELF', () => {
  expect(read('addon.so')).toMatchObject({
    format: 'elf',
    arch: 'arm64',
    exports: [ENTRY],
    needed: ['libc.so.6'],
    versions: [`GLIBC_${GLIBC_FLOOR}`],
    stripped: true,
  });
  expect(problems(read('addon.so'), platform('linux-arm64-gnu'))).toEqual([]);
  expect(read('extra.so')).toMatchObject({ arch: 'x64', exports: [ENTRY, 'extra'], stripped: false });
});

test('Mach-O', () => {
  const expected = {
    format: 'mach-o',
    arch: 'arm64',
    exports: [ENTRY],
    needed: ['/usr/lib/libSystem.B.dylib'],
  };
  expect(read('addon.dylib')).toMatchObject(expected);
  expect(problems(read('addon.dylib'), platform('darwin-arm64'))).toEqual([]);
});

test('PE', () => {
  expect(read('addon.dll')).toMatchObject({ format: 'pe', arch: 'x64', exports: [ENTRY], stripped: true });
  expect(read('addon.dll').needed).toContain('KERNEL32.dll');
  expect(problems(read('addon.dll'), platform('win32-x64-msvc'))).toEqual([]);
});

test('what is wrong with an addon is named', () => {
  const found = problems(read('extra.so'), platform('linux-arm64-gnu')).join('\n');
  expect(found).toContain('it is elf for x64, not elf for arm64');
  expect(found).toContain('it exports 1 names that nobody needs, such as extra');
  expect(found).toContain('it is not stripped');
});

test.each([
  ['linux-arm64-gnu', { versions: ['GLIBC_2.9', 'GLIBC_2.28'] }, 'needs glibc 2.28'],
  ['linux-arm64-gnu', { versions: [] }, 'of an unknown version'],
  ['linux-arm64-musl', {}, `needs glibc ${GLIBC_FLOOR}, and is for musl`],
  ['linux-arm64-gnu', { exports: [] }, `does not export ${ENTRY}`],
  ['linux-arm64-gnu', { needed: ['libstdc++.so.6'] }, 'libraries that a machine may lack: libstdc++.so.6'],
  ['darwin-arm64', {}, 'not mach-o for arm64'],
])('%s with %j is refused', (name, change, message) => {
  expect(problems({ ...read('addon.so'), ...change }, platform(name)).join('\n')).toContain(message);
});

test('the addon that was built here is for this machine', () => {
  const binary = inspectFile(addonUnderTest());
  expect(binary.arch).toBe(process.arch);
  expect(binary.exports).toContain(ENTRY);
});

test('a file that is no library is refused', () => {
  for (const data of [Buffer.alloc(0), Buffer.from('MZ'), Buffer.alloc(100)]) {
    expect(() => inspect(data)).toThrow('no 64-bit ELF, Mach-O or PE library');
  }
});

test('the table keeps the rows of what was not built this time', () => {
  const text = 'a\n<!-- sizes: written by npm run build:all -->\n\n| `batondb-b` | 1 |\n<!-- /sizes -->\nz\n';
  const once = withTable(text, [['`batondb-a`', '2']], ['a', 'b']);
  expect(once).toMatch(
    /^a\n<!-- sizes[^]*\| `batondb-a` \| 2 \|\n\| `batondb-b` \| 1 \|\n\n<!-- \/sizes -->\nz\n$/,
  );
  expect(withTable(once, [['`batondb-b`', '3']], ['a', 'b'])).toContain(
    '| `batondb-a` | 2 |\n| `batondb-b` | 3 |',
  );
  expect(() => withTable('nothing', [], [])).toThrow('the document has no');
});

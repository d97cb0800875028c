'use strict';

const { execFileSync } = require('node:child_process');
const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const { addonUnderTest, runNode, temporaryDirectory } = require('../helpers.js');

const directory = temporaryDirectory();

const SHT_DYNAMIC = 6;
const DT_NEEDED = 1n;

/**
 * The shared libraries that an ELF file of 64 bits needs to be loaded.
 *
 * @param {Buffer} file
 */
function neededLibraries(file) {
  expect(file.subarray(0, 6)).toEqual(Buffer.from('\x7fELF\x02\x01', 'latin1'));
  const [start, size, count] = [
    Number(file.readBigUInt64LE(40)),
    file.readUInt16LE(58),
    file.readUInt16LE(60),
  ];
  const sections = Array.from({ length: count }, (_, index) => {
    const header = file.subarray(start + index * size);
    const [offset, length] = [24, 32].map((at) => Number(header.readBigUInt64LE(at)));
    return {
      type: header.readUInt32LE(4),
      link: header.readUInt32LE(40),
      data: file.subarray(offset, offset + length),
    };
  });
  const { data, link } = sections.find(({ type }) => type === SHT_DYNAMIC);
  const names = sections[link].data;
  const needed = [];
  for (let entry = 0; entry < data.length; entry += 16) {
    if (data.readBigUInt64LE(entry) === DT_NEEDED) {
      const name = names.subarray(Number(data.readBigUInt64LE(entry + 8)));
      needed.push(name.subarray(0, name.indexOf(0)).toString());
    }
  }
  return needed;
}

// A process loads one client library for good, so none of these runs in a process of Jest's.
const open = (foundationdb) => `
  const { Store } = require('./');
  Store.open({ foundationdb: ${JSON.stringify(foundationdb)} }).catch(({ code, message }) => console.log(code, message));
`;

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux('the addon does not need a client library to be loaded', () => {
  const needed = neededLibraries(readFileSync(addonUnderTest()));
  expect(needed.some((name) => name.startsWith('libc.'))).toBe(true);
  expect(needed.filter((name) => name.includes('fdb'))).toEqual([]);
});

onLinux('a client library that is too old is named, with what to install', async () => {
  const source = join(directory, 'old.c');
  const clientLibrary = join(directory, 'libfdb_c.so');
  writeFileSync(source, 'int fdb_get_max_api_version(void) { return 630; }');
  execFileSync(process.env.CC ?? 'cc', ['-shared', '-fPIC', '-o', clientLibrary, source]);
  const { stdout } = await runNode('-e', open({ prefix: 'test', clientLibrary }));
  expect(stdout).toMatch(
    /^ERR_UNAVAILABLE .* up to version 630, needed is 730\. Install the FoundationDB clients/,
  );
  expect(stdout).toContain(clientLibrary);
});

test.each([
  ['is not there', () => {}],
  ['is no library', (file) => writeFileSync(file, 'no library')],
])('a client library that %s is named, with what to install', async (_name, prepare) => {
  const clientLibrary = join(directory, `${Math.random()}.so`);
  prepare(clientLibrary);
  const { stdout } = await runNode('-e', open({ prefix: 'test', clientLibrary }));
  expect(stdout).toMatch(/^ERR_UNAVAILABLE .*Install the FoundationDB clients package.*FDB_CLIENT_LIBRARY/);
  // Once: the system's own words about it do not name it again.
  expect(stdout.split(clientLibrary)).toHaveLength(2);
});

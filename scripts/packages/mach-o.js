// Reads the exports and dependencies of a Mach-O library from its load commands.

'use strict';

const { cString } = require('./c-string.js');

const ARCHES = new Map([
  [0x01000007, /** @type {const} */ ('x64')],
  [0x0100000c, /** @type {const} */ ('arm64')],
]);
const HEADER_BYTES = 32;
const LC_SYMTAB = 0x2;
const LC_LOAD_DYLIB = 0xc;
const LC_LOAD_WEAK_DYLIB = 0x80000018;
/** Names that Zig's linker adds to every library. */
const OF_THE_LINKER = ['__mh_dylib_header', '___dso_handle'];
const N_STAB = 0xe0;
const N_PEXT = 0x10;
const N_TYPE = 0x0e;
const N_EXT = 0x01;

/** @param {Buffer} data */
function* commands(data) {
  let at = HEADER_BYTES;
  for (let left = data.readUInt32LE(16); left > 0; left -= 1) {
    yield { type: data.readUInt32LE(at), at };
    at += data.readUInt32LE(at + 4);
  }
}

/** @param {Buffer} data @param {number} at of LC_SYMTAB */
function symbols(data, at) {
  const table = data.readUInt32LE(at + 8);
  const strings = data.readUInt32LE(at + 16);
  return Array.from({ length: data.readUInt32LE(at + 12) }, (_, index) => {
    const symbol = table + index * 16;
    return { type: data[symbol + 4] ?? 0, name: cString(data, strings + data.readUInt32LE(symbol)) };
  });
}

/** @param {Buffer} data */
function readMachO(data) {
  const all = [...commands(data)];
  const dylibs = all.filter(({ type }) => type === LC_LOAD_DYLIB || type === LC_LOAD_WEAK_DYLIB);
  const table = all.find(({ type }) => type === LC_SYMTAB);
  const found = table === undefined ? [] : symbols(data, table.at);
  const debug = found.filter(({ type }) => (type & N_STAB) !== 0);
  const rest = found.filter(({ type }) => (type & N_STAB) === 0);
  const local = rest.filter(({ type }) => (type & N_EXT) === 0);
  const defined = rest.filter(
    ({ name, type }) =>
      (type & N_EXT) !== 0 && (type & (N_TYPE | N_PEXT)) === N_TYPE && !OF_THE_LINKER.includes(name),
  );
  return {
    format: /** @type {const} */ ('mach-o'),
    arch: ARCHES.get(data.readUInt32LE(4)) ?? /** @type {const} */ ('other'),
    // C names have an underscore in front.
    exports: defined.map(({ name }) => name.replace(/^_/, '')),
    needed: dylibs.map(({ at }) => cString(data, at + data.readUInt32LE(at + 8))),
    versions: [],
    // `strip -x` leaves a few names that the linker has added.
    stripped: debug.length === 0 && local.length < 16,
  };
}

module.exports = { readMachO };

// Reads the exports and dependencies of a PE library (Windows) from its directories.

'use strict';

const { cString } = require('./c-string.js');

const ARCHES = new Map([
  [0x8664, /** @type {const} */ ('x64')],
  [0xaa64, /** @type {const} */ ('arm64')],
]);
const EXPORTS = 0;
const IMPORTS = 1;

/** @param {Buffer} data @param {number} header offset of the COFF header */
function addresses(data, header) {
  const first = header + 20 + data.readUInt16LE(header + 16);
  const sections = Array.from({ length: data.readUInt16LE(header + 2) }, (_, index) => {
    const at = first + index * 40;
    const [size, start, raw] = [8, 12, 20].map((offset) => data.readUInt32LE(at + offset));
    return { size: size ?? 0, start: start ?? 0, raw: raw ?? 0 };
  });
  /** The file offset of what is at an address once it is loaded. @param {number} address */
  return (address) => {
    const section = sections.find(({ start, size }) => address >= start && address < start + size);
    if (section === undefined) {
      throw new Error(`no section holds the address ${address}`);
    }
    return address - section.start + section.raw;
  };
}

/** @param {Buffer} data @param {number} at @param {(address: number) => number} offsetOf */
function exportsOf(data, at, offsetOf) {
  const names = offsetOf(data.readUInt32LE(at + 32));
  return Array.from({ length: data.readUInt32LE(at + 24) }, (_, index) =>
    cString(data, offsetOf(data.readUInt32LE(names + index * 4))),
  );
}

/** @param {Buffer} data @param {number} at @param {(address: number) => number} offsetOf */
function importsOf(data, at, offsetOf) {
  const libraries = [];
  for (let entry = at; data.readUInt32LE(entry + 12) !== 0; entry += 20) {
    libraries.push(cString(data, offsetOf(data.readUInt32LE(entry + 12))));
  }
  return libraries;
}

/** @param {Buffer} data */
function readPe(data) {
  const header = data.readUInt32LE(0x3c) + 4;
  const offsetOf = addresses(data, header);
  /** @param {number} index */
  const directory = (index) => {
    const address = data.readUInt32LE(header + 20 + 112 + index * 8);
    return address === 0 ? undefined : offsetOf(address);
  };
  const exported = directory(EXPORTS);
  const imported = directory(IMPORTS);
  return {
    format: /** @type {const} */ ('pe'),
    arch: ARCHES.get(data.readUInt16LE(header)) ?? /** @type {const} */ ('other'),
    exports: exported === undefined ? [] : exportsOf(data, exported, offsetOf),
    needed: imported === undefined ? [] : importsOf(data, imported, offsetOf),
    versions: [],
    // The number of COFF symbols; MSVC puts debug information into a separate file.
    stripped: data.readUInt32LE(header + 12) === 0,
  };
}

module.exports = { readPe };

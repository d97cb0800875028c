// Reads the exports and dependencies of an ELF library from its section headers.

'use strict';

const { cString } = require('./c-string.js');

const MACHINES = new Map([
  [62, /** @type {const} */ ('x64')],
  [183, /** @type {const} */ ('arm64')],
]);
const SHT_SYMTAB = 2;
const SHT_DYNAMIC = 6;
const SHT_DYNSYM = 11;
const SHT_GNU_VERNEED = 0x6ffffffe;
const DT_NEEDED = 1;
const BIND_GLOBAL = 1;
const BIND_WEAK = 2;

/** @typedef {{ type: number, offset: number, size: number, link: number, info: number }} Section */

/** @param {Buffer} data @returns {Section[]} */
function sections(data) {
  if (data[4] !== 2 || data[5] !== 1) {
    throw new Error('the ELF file is not of 64 bits, little-endian');
  }
  const table = Number(data.readBigUInt64LE(0x28));
  const size = data.readUInt16LE(0x3a);
  return Array.from({ length: data.readUInt16LE(0x3c) }, (_, index) => {
    const at = table + index * size;
    return {
      type: data.readUInt32LE(at + 4),
      offset: Number(data.readBigUInt64LE(at + 24)),
      size: Number(data.readBigUInt64LE(at + 32)),
      link: data.readUInt32LE(at + 40),
      info: data.readUInt32LE(at + 44),
    };
  });
}

/** @param {Section | undefined} section @param {number} size */
function entries(section, size) {
  const count = section === undefined ? 0 : Math.floor(section.size / size);
  return Array.from({ length: count }, (_, index) => /** @type {Section} */ (section).offset + index * size);
}

/** @param {Buffer} data @param {Section[]} all @param {Section | undefined} table */
function namesOf(data, all, table) {
  const strings = table === undefined ? 0 : (all[table.link]?.offset ?? 0);
  return (/** @type {number} */ offset) => cString(data, strings + offset);
}

/** @param {Buffer} data @param {Section[]} all */
function exportsOf(data, all) {
  const table = all.find(({ type }) => type === SHT_DYNSYM);
  const name = namesOf(data, all, table);
  return entries(table, 24)
    .filter((at) => {
      const bind = (data[at + 4] ?? 0) >> 4;
      const defined = data.readUInt16LE(at + 6) !== 0;
      return defined && (bind === BIND_GLOBAL || bind === BIND_WEAK);
    })
    .map((at) => name(data.readUInt32LE(at)));
}

/** @param {Buffer} data @param {Section[]} all */
function neededOf(data, all) {
  const table = all.find(({ type }) => type === SHT_DYNAMIC);
  const name = namesOf(data, all, table);
  return entries(table, 16)
    .filter((at) => data.readBigUInt64LE(at) === BigInt(DT_NEEDED))
    .map((at) => name(Number(data.readBigUInt64LE(at + 8))));
}

/** The symbol versions that it needs from other libraries. @param {Buffer} data @param {Section[]} all */
function versionsOf(data, all) {
  const table = all.find(({ type }) => type === SHT_GNU_VERNEED);
  const name = namesOf(data, all, table);
  const versions = new Set();
  let library = table?.offset ?? 0;
  for (let left = table?.info ?? 0; left > 0; left -= 1) {
    let version = library + data.readUInt32LE(library + 8);
    for (let count = data.readUInt16LE(library + 2); count > 0; count -= 1) {
      versions.add(name(data.readUInt32LE(version + 8)));
      version += data.readUInt32LE(version + 12);
    }
    library += data.readUInt32LE(library + 12);
  }
  return [...versions].sort();
}

/** @param {Buffer} data */
function readElf(data) {
  const all = sections(data);
  return {
    format: /** @type {const} */ ('elf'),
    arch: MACHINES.get(data.readUInt16LE(18)) ?? /** @type {const} */ ('other'),
    exports: exportsOf(data, all),
    needed: neededOf(data, all),
    versions: versionsOf(data, all),
    stripped: all.every(({ type }) => type !== SHT_SYMTAB),
  };
}

module.exports = { readElf };

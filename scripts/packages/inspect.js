// Inspects a built addon: format, processor, exports, and the libraries and versions that it needs. Reads
// them from the file itself, since a machine need not have tools for the formats of other platforms.

'use strict';

const { readFileSync } = require('node:fs');

const { readElf } = require('./elf.js');
const { readMachO } = require('./mach-o.js');
const { readPe } = require('./pe.js');

/**
 * @typedef {object} Binary
 * @property {'elf' | 'mach-o' | 'pe'} format
 * @property {'x64' | 'arm64' | 'other'} arch
 * @property {string[]} exports names that other libraries can link to
 * @property {string[]} needed libraries that are loaded with it
 * @property {string[]} versions of the symbols that it needs, such as GLIBC_2.17; only ELF has these
 * @property {boolean} stripped without symbols for a debugger
 * @property {number} bytes
 */

/** @param {Buffer} data @returns {Binary} */
function inspect(data) {
  const read =
    data.length < 64
      ? undefined
      : data.readUInt32BE(0) === 0x7f454c46
        ? readElf
        : data.readUInt32LE(0) === 0xfeedfacf
          ? readMachO
          : data.toString('latin1', 0, 2) === 'MZ'
            ? readPe
            : undefined;
  if (read === undefined) {
    throw new Error('the file is no 64-bit ELF, Mach-O or PE library');
  }
  return { ...read(data), bytes: data.length };
}

/** @param {string} file */
function inspectFile(file) {
  return inspect(readFileSync(file));
}

module.exports = { inspect, inspectFile };

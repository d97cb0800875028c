// The table of sizes in docs/packages.md: what was built and checked, one row for each platform.

'use strict';

const { readFileSync, writeFileSync } = require('node:fs');
const { gzipSync } = require('node:zlib');

const { glibcFloor } = require('./check-addon.js');

const BEGIN = '<!-- sizes: written by npm run build:all -->';
const END = '<!-- /sizes -->';
const HEADER = ['Package', 'Size', 'Compressed', 'Oldest C library', 'Libraries that it loads'];

/** @param {number} bytes */
function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(2)} MB`;
}

/**
 * @param {string} name of the platform
 * @param {import('./inspect.js').Binary} binary
 * @param {Buffer} data
 */
function row(name, binary, data) {
  const floor = glibcFloor(binary);
  const libc = floor === undefined ? (name.endsWith('-musl') ? 'musl' : '') : `glibc ${floor}`;
  const libraries = binary.needed.map((library) => `\`${library.replace(/^.*\//, '')}\``);
  const cells = [`\`batondb-${name}\``, megabytes(binary.bytes), megabytes(gzipSync(data).length), libc];
  return [...cells, libraries.join(', ')];
}

/** @param {string[]} cells */
function line(cells) {
  return `| ${cells.join(' | ')} |`;
}

/** @param {string[][]} rows */
function table(rows) {
  return [line(HEADER), line(HEADER.map(() => '---')), ...rows.map(line)].join('\n');
}

/** The rows of a document. @param {string} text @returns {Map<string, string>} by package */
function rowsOf(text) {
  const found = text.matchAll(/^\| (`batondb-[\w-]+`) \|.*$/gm);
  return new Map([...found].map(([whole, name]) => [/** @type {string} */ (name), whole]));
}

/**
 * Puts the rows into the document. A platform that was not built this time keeps its row.
 *
 * @param {string} text
 * @param {string[][]} rows
 * @param {readonly string[]} order names of the platforms
 */
function withTable(text, rows, order) {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) {
    throw new Error(`the document has no ${BEGIN} with ${END} after it`);
  }
  const lines = rowsOf(text.slice(begin, end));
  for (const cells of rows) {
    lines.set(/** @type {string} */ (cells[0]), line(cells));
  }
  const sorted = order.flatMap((name) => lines.get(`\`batondb-${name}\``) ?? []);
  return `${text.slice(0, begin)}${BEGIN}\n\n${[table([]), ...sorted].join('\n')}\n\n${text.slice(end)}`;
}

/** @param {string} file @param {string[][]} rows @param {readonly string[]} order */
function writeTable(file, rows, order) {
  writeFileSync(file, withTable(readFileSync(file, 'utf8'), rows, order));
}

module.exports = { row, table, withTable, writeTable };

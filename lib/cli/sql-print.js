// Prints rows as a table, as JSON or as CSV, while they arrive.

'use strict';

const { eachStatement } = require('../database/scripts.js');
const { json, plain, table } = require('./output.js');

const MODES = ['table', 'json', 'csv'];
/** How many rows are formatted and written together. */
const ROWS_TOGETHER = 500;

/** @typedef {InstanceType<typeof import('./output.js').Output>} Output */

/** @param {unknown} value */
function cell(value) {
  if (value === null) return 'NULL';
  if (value instanceof Uint8Array) return `x'${Buffer.from(value).toString('hex')}'`;
  return plain(String(value));
}

/** @param {unknown} value */
function csvCell(value) {
  if (value === null) return '';
  const text = value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value);
  return /[",\r\n]/.test(text) || text === '' ? `"${text.replaceAll('"', '""')}"` : text;
}

/** @param {unknown} value */
function jsonValue(value) {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

/**
 * @param {string[]} columns
 * @param {AsyncIterable<unknown[]>} rows
 * @param {Output} out
 */
async function printTable(columns, rows, out) {
  /** @type {unknown[][]} */
  let waiting = [];
  let header = true;
  const flush = async () => {
    const right = columns.flatMap((_, column) =>
      waiting.every((row) => ['number', 'bigint'].includes(typeof row[column])) && waiting.length > 0
        ? [column]
        : [],
    );
    const text = table(
      columns.map(plain),
      waiting.map((row) => row.map(cell)),
      right,
    );
    await out.line(header ? text : text.slice(text.indexOf('\n') + 1));
    header = false;
    waiting = [];
  };
  for await (const row of rows) {
    if (out.closed) return;
    waiting.push(row);
    if (waiting.length >= ROWS_TOGETHER) await flush();
  }
  if (header || waiting.length > 0) await flush();
}

/**
 * Prints an array of objects. Columns with the same name get different ones: `id`, `id_2`.
 *
 * @param {string[]} columns
 * @param {AsyncIterable<unknown[]>} rows
 * @param {Output} out
 */
async function printJson(columns, rows, out) {
  /** @type {string[]} */
  const names = [];
  for (const column of columns) {
    let name = column;
    for (let number = 2; names.includes(name); number += 1) name = `${column}_${number}`;
    names.push(name);
  }
  let first = true;
  /** @type {string[]} */
  let waiting = [];
  for await (const row of rows) {
    if (out.closed) return;
    const entries = names.map((name, column) => [name, jsonValue(row[column])]);
    waiting.push(`${first ? '[' : ','}\n  ${json(Object.fromEntries(entries), 0)}`);
    first = false;
    if (waiting.length >= ROWS_TOGETHER) {
      await out.text(waiting.join(''));
      waiting = [];
    }
  }
  await out.line(`${waiting.join('')}${first ? '[]' : '\n]'}`);
}

/**
 * @param {string[]} columns
 * @param {AsyncIterable<unknown[]>} rows
 * @param {Output} out
 */
async function printCsv(columns, rows, out) {
  let waiting = [columns.map(csvCell).join(',')];
  for await (const row of rows) {
    if (out.closed) return;
    waiting.push(row.map(csvCell).join(','));
    if (waiting.length >= ROWS_TOGETHER) {
      await out.line(waiting.join('\n'));
      waiting = [];
    }
  }
  if (waiting.length > 0) await out.line(waiting.join('\n'));
}

const PRINTERS = { table: printTable, json: printJson, csv: printCsv };

/**
 * Runs the statements of a text and prints the answer of each.
 *
 * @param {InstanceType<typeof import('../database/database.js').Database>} database
 * @param {string} sql
 * @param {keyof typeof PRINTERS} mode
 * @param {Output} out
 * @param {AbortSignal} [signal]
 */
async function runAndPrint(database, sql, mode, out, signal) {
  for await (const answer of eachStatement(database, sql, { signal })) {
    if (Array.isArray(answer)) {
      const told = mode === 'table' ? answer.filter(({ readonly }) => !readonly) : [];
      if (told.length > 0) await out.line(told.map(({ changes }) => `${changes} changed`).join('\n'));
    } else {
      await PRINTERS[mode](answer.columns, answer.rows, out);
    }
    signal?.throwIfAborted();
  }
}

module.exports = { MODES, runAndPrint };

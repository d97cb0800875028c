// Converts complete answers of the addon from chunks to results. Large answers are decoded in slices, and the
// event loop turns in between.

'use strict';

const { ChunkHeader, RowReader } = require('./rows.js');
const { SLICE_MS, nextTurn } = require('../addon/turns.js');

const ROWS_BETWEEN_CLOCKS = 64;

/** @typedef {import('./rows.js').RowFormat} RowFormat */
/** @typedef {InstanceType<typeof import('./rows.js').ShapeCache>} ShapeCache */

/**
 * Receives the names of an answer's columns.
 *
 * @typedef {(names: readonly string[]) => void} Seen
 */

/**
 * @param {InstanceType<typeof ChunkHeader>} header
 * @param {RowFormat} format
 */
function runResult(header, { readBigInts }) {
  return { changes: header.changes, lastInsertRowid: header.lastInsertRowid(readBigInts) };
}

/**
 * @param {InstanceType<typeof ChunkHeader>} header
 * @param {ShapeCache} shapes
 * @param {RowFormat} format
 * @param {Seen} [seen]
 */
function firstRow(header, shapes, format, seen) {
  const shape = shapes.get(header);
  seen?.(shape.names);
  return header.rows === 0 ? undefined : new RowReader(header, shape, format).next();
}

/**
 * @param {Uint8Array | Uint8Array[]} answer
 * @param {ShapeCache} shapes
 * @param {RowFormat} format
 * @param {Seen} [seen]
 */
async function allRows(answer, shapes, format, seen) {
  const rows = new SlicedRows(format);
  const chunks = Array.isArray(answer) ? answer : [answer];
  const first = new ChunkHeader(chunks[0]);
  const shape = shapes.get(first);
  seen?.(shape.names);
  for (let index = 0; index < chunks.length; index += 1) {
    const header = index === 0 ? first : new ChunkHeader(chunks[index]);
    await rows.append(header, shape);
  }
  return rows.rows;
}

/**
 * {@link allRows} in one go.
 *
 * @param {readonly InstanceType<typeof ChunkHeader>[]} headers
 * @param {ShapeCache} shapes
 * @param {RowFormat} format
 * @param {Seen} [seen]
 */
function allRowsSync(headers, shapes, format, seen) {
  const shape = shapes.get(headers[0]);
  seen?.(shape.names);
  /** @type {unknown[]} */
  const rows = [];
  for (const header of headers) {
    new RowReader(header, shape, format).read(rows, header.rows);
  }
  return rows;
}

/**
 * {@link batchResults} in one go.
 *
 * @param {Uint8Array[]} answers
 * @param {ShapeCache} shapes
 * @param {RowFormat} format
 */
function batchResultsSync(answers, shapes, format) {
  return answers.map((answer) => {
    const header = new ChunkHeader(answer);
    const { names } = shapes.get(header);
    return { ...runResult(header, format), columns: [...names], rows: allRowsSync([header], shapes, format) };
  });
}

/**
 * @param {Uint8Array[]} answers
 * @param {ShapeCache} shapes
 * @param {RowFormat} format
 */
async function batchResults(answers, shapes, format) {
  const slices = new SlicedRows(format);
  const results = [];
  for (const answer of answers) {
    const header = new ChunkHeader(answer);
    const shape = shapes.get(header);
    slices.rows = [];
    await slices.append(header, shape);
    results.push({ ...runResult(header, format), columns: [...shape.names], rows: slices.rows });
  }
  return results;
}

/** Rows that are decoded in time slices of the event loop. */
class SlicedRows {
  #format;
  #sliceBegan = performance.now();
  /** @type {unknown[]} */
  rows = [];

  /** @param {RowFormat} format */
  constructor(format) {
    this.#format = format;
  }

  /**
   * @param {InstanceType<typeof ChunkHeader>} header
   * @param {import('./rows.js').Shape} shape
   */
  async append(header, shape) {
    const reader = new RowReader(header, shape, this.#format);
    reader.read(this.rows, ROWS_BETWEEN_CLOCKS);
    while (reader.rowsLeft > 0) {
      await this.#yieldIfDue();
      reader.read(this.rows, ROWS_BETWEEN_CLOCKS);
    }
    await this.#yieldIfDue();
  }

  async #yieldIfDue() {
    if (performance.now() - this.#sliceBegan > SLICE_MS) {
      await nextTurn();
      this.#sliceBegan = performance.now();
    }
  }
}

module.exports = { allRows, allRowsSync, batchResults, batchResultsSync, firstRow, runResult };

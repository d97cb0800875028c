// Text with one or several statements, run on the calling thread. Not visible to users: the adapters use it.
//
// The rows of a text with a single statement that only reads are fetched as they are needed. All others have their
// rows when the call returns.

'use strict';

const { firstWord } = require('../addon/sql-state.js');
const { queryOptions, sqlText } = require('../arguments/query-options.js');
const { isBatonError } = require('../error.js');
const { beginEvents } = require('../observe/channels.js');
const { ChunkHeader, RowReader } = require('../results/rows.js');
const { SCRIPT_KINDS, insideOf } = require('./scripts.js');
const { ITERATE, closeWhenDropped } = require('./sync-cursor.js');

/** The first words of statements that read. All others have no more rows than they have written. */
const READS = ['select', 'with', 'values', 'explain'];

/** @typedef {import('./scripts.js').Inside} Inside */
/** @typedef {import('../results/rows.js').RowFormat} RowFormat */
/** @typedef {import('../results/rows.js').Shape} Shape */

/** The rows of a query, as arrays. */
class SyncRows {
  #format;
  /** @type {Shape} */
  #shape;
  /** @type {InstanceType<typeof RowReader>} */
  #reader;
  /** The chunks that were fetched ahead of their use. @type {InstanceType<typeof ChunkHeader>[]} */
  #ahead = [];
  #held;
  #event;
  /** What is thrown behind the last row. @type {unknown} */
  #failure;
  /** How many rows SQLite has returned so far. */
  rowsRead;

  /**
   * @param {Inside} inside
   * @param {Uint8Array} answer
   * @param {RowFormat} format
   * @param {ReturnType<typeof beginEvents>} event Of the call, which ends with its last row.
   */
  constructor(inside, answer, format, event) {
    const { connection, scope } = inside;
    const header = new ChunkHeader(answer);
    this.#format = format;
    this.#shape = connection.shapes.get(header);
    this.#reader = new RowReader(header, this.#shape, format);
    this.#held = header.cursor === 0 ? undefined : { connection, scope, cursor: header.cursor };
    if (this.#held) closeWhenDropped(this, this.#held);
    this.columns = [...this.#shape.names];
    this.changes = header.changes;
    this.rowsRead = header.rows;
    this.#event = event;
    if (!this.isOpen) this.#ended();
  }

  /** Whether there are rows that SQLite has not returned yet. */
  get isOpen() {
    return this.#held !== undefined && this.#held.cursor !== 0;
  }

  /** How many rows need not be fetched. */
  get rowsHere() {
    return this.#ahead.reduce((count, { rows }) => count + rows, this.#reader.rowsLeft);
  }

  /**
   * @param {() => Inside} where Rows are fetched: the database, or the transaction that the caller is in.
   * @returns {any[] | undefined} None after the last row.
   */
  next(where) {
    while (this.#reader.rowsLeft === 0) {
      const header = this.#ahead.shift() ?? (this.isOpen ? this.#fetch(where()) : undefined);
      if (header === undefined) {
        if (this.#failure !== undefined) throw this.#failure;
        return undefined;
      }
      this.#reader = new RowReader(header, this.#shape, this.#format);
    }
    try {
      return /** @type {any[]} */ (this.#reader.next());
    } catch (error) {
      // A value that cannot be returned. The reader stands in the middle of its row.
      this.close();
      throw error;
    }
  }

  /**
   * Fetches the remaining rows now, before the transaction ends in which they can be read.
   *
   * @param {Inside} inside
   * @param {{ bytes: number, rows: number }} max
   */
  fetchAhead(inside, max) {
    try {
      let [bytes, rows] = [0, 0];
      while (this.isOpen && bytes < max.bytes && rows < max.rows) {
        const header = this.#fetch(inside);
        bytes += header.bytes.length;
        rows += header.rows;
        this.#ahead.push(header);
      }
    } catch (error) {
      // Whoever reads as far as that gets it.
      this.#failure = error;
    }
  }

  /** Lets go of the rows that nobody has read. */
  close() {
    this.#ahead = [];
    this.#reader.rowsLeft = 0;
    if (this.#held && this.isOpen) {
      const { connection, scope, cursor } = this.#held;
      this.#held.cursor = 0;
      connection.closeCursorSync(scope, cursor);
      this.#ended();
    }
  }

  #ended() {
    this.#event?.succeeded({ rowCount: this.rowsRead, changes: this.changes });
    this.#event = undefined;
  }

  /** @param {Inside} inside */
  #fetch({ connection, scope }) {
    const held = /** @type {import('./sync-cursor.js').Held} */ (this.#held);
    const { cursor } = held;
    let chunk;
    try {
      chunk = connection.callSync(scope, (native, id) =>
        native.fetchSync(id, cursor, connection.functions.dispatch),
      );
    } catch (error) {
      if (!isBatonError(error, 'ERR_BUSY')) {
        held.cursor = 0;
        this.#event?.failed(error);
        this.#event = undefined;
      }
      throw error;
    }
    const header = new ChunkHeader(/** @type {Uint8Array} */ (chunk));
    held.cursor = header.cursor;
    this.rowsRead += header.rows;
    if (!this.isOpen) this.#ended();
    return header;
  }
}

/**
 * Runs the statements of a text; the parameters are those of the last statement, and so are the rows. Several
 * statements are one transaction.
 *
 * @param {Inside} inside
 * @param {string} sql
 * @param {any} params
 * @param {import('../../index.js').SyncQueryOptions} options With rows as arrays.
 */
function runTextSync(inside, sql, params, options) {
  const text = sqlText(sql);
  const format = queryOptions(options);
  const event = beginEvents({ connection: inside.connection, operation: 'batch', sql: text });
  const dispatch = () => run(inside, text, params);
  let answer;
  try {
    answer = event ? event.begin(dispatch) : dispatch();
  } catch (error) {
    event?.failed(error);
    throw error;
  }
  return new SyncRows(inside, answer, format, event);
}

/**
 * @param {Inside} inside
 * @param {string} sql
 * @param {any} params
 */
function run(inside, sql, params) {
  if (!maySplit(sql)) {
    return call(inside, ITERATE, sql, params);
  }
  // Some pragmas take effect when they are compiled, and so when SQLite is asked whether something follows.
  if (READS.includes(firstWord(sql)) && !/\bpragma\b/i.test(sql)) {
    try {
      return call(inside, ITERATE, sql, params);
    } catch (error) {
      // Nothing was done if there are several statements; if something else is wrong, it is so again.
      if (!isBatonError(error, 'ERR_INVALID_ARG')) throw error;
    }
  }
  return call(inside, SCRIPT_KINDS.together, sql, params);
}

/**
 * @param {Inside} inside
 * @param {number} kind
 * @param {string} sql
 * @param {any} params
 */
function call({ connection, scope }, kind, sql, params) {
  // A copy of the chunk, since other calls run while its rows are read.
  return connection.runSync(scope, kind, sql, params, ({ bytes }, _, length) => bytes.slice(0, length));
}

/**
 * Whether a text may have several statements: something stands behind a semicolon. It may as well be part of a string
 * or of a trigger, which only SQLite knows.
 *
 * @param {string} sql
 */
function maySplit(sql) {
  const at = sql.indexOf(';');
  return at !== -1 && /[^\s;]/.test(sql.slice(at));
}

module.exports = { SyncRows, runTextSync };

// `ctx.storage.sql`: SQL on the calling thread.

'use strict';

const check = require('../../lib/arguments/check.js');
const { BatonError } = require('../../lib/error.js');
const { sqlText } = require('../../lib/arguments/query-options.js');
const { runTextSync } = require('../../lib/database/sync-rows.js');
const { firstWord, isBlank } = require('../../lib/addon/sql-state.js');
const { narrowRow, readOptions } = require('../arguments.js');
const { SqlCursor } = require('./cursor.js');
const { passesOver, refuseCascade } = require('./foreign-keys.js');

/** @typedef {InstanceType<typeof import('./scopes.js').Scopes>} Scopes */
/** @typedef {InstanceType<typeof import('../../lib/database/sync-rows.js').SyncRows>} SyncRows */

/** The first words of statements that begin and end transactions. */
const TRANSACTIONS = ['begin', 'commit', 'end', 'rollback', 'savepoint', 'release'];
const SIZE =
  'SELECT (page_count - freelist_count) * page_size FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()';

class SqlStorage {
  #scopes;
  #options;

  /**
   * @param {Scopes} scopes
   * @param {'error' | 'bigint'} largeIntegers
   */
  constructor(scopes, largeIntegers) {
    this.#scopes = scopes;
    const options = readOptions(largeIntegers, 'durableObjectStorage(database, options)');
    this.#options = /** @type {const} */ ({ rowMode: 'array', ...options });
  }

  /**
   * @param {string} query
   * @param {...unknown} bindings Of the last statement.
   */
  exec(query, ...bindings) {
    const sql = sqlText(query, 'query');
    if (isBlank(sql)) {
      throw check.invalid('query', 'SQL with at least one statement', query);
    }
    const params = bindings.includes(undefined) ? bindings.map((value) => value ?? null) : bindings;
    return new SqlCursor(this.#run(sql, params));
  }

  get databaseSize() {
    const row = this.#scopes.current().queries.getSync(SIZE, [], { rowMode: 'array' });
    return /** @type {number} */ (row?.[0]);
  }

  /**
   * @param {string} sql
   * @param {unknown[]} params
   * @returns {import('./cursor.js').Source}
   */
  #run(sql, params) {
    const { queries, inside } = this.#scopes.current();
    const word = firstWord(sql);
    if (TRANSACTIONS.includes(word)) {
      const message = `${word.toUpperCase()} is refused: use storage.transactionSync(() => …) or await storage.transaction(async () => …)`;
      throw new BatonError('ERR_INVALID_ARG', message);
    }
    if (word === 'pragma' && passesOver(sql, this.#scopes.frame())) {
      return new ReadRows({ columns: [], changes: 0, rows: [] }, false);
    }
    if (word === 'drop' && this.#scopes.frame()?.isForeignKeysOff) {
      refuseCascade(sql, queries);
    }
    const options = this.#options;
    if (inside === undefined) {
      // A user's wrapper around a database has its methods, and therefore one statement at a time.
      const [result] = queries.batchSync([{ sql, params: /** @type {any} */ (params) }], options);
      return new ReadRows(result, options.readBigInts);
    }
    const rows = runTextSync(inside, sql, params, options);
    const fetched = new FetchedRows(this.#scopes, rows, options.readBigInts);
    if (rows.isOpen) {
      this.#scopes.opened(fetched);
    }
    return fetched;
  }
}

/** Rows that are fetched as they are needed. */
class FetchedRows {
  #where;
  #rows;
  #narrows;
  /** Whether a loop over them was left, so that others need not keep them. It can go on all the same. */
  isLeft = false;

  /**
   * @param {Scopes} scopes
   * @param {SyncRows} rows
   * @param {boolean} narrows
   */
  constructor(scopes, rows, narrows) {
    this.#where = () => /** @type {any} */ (scopes.current().inside);
    this.#rows = rows;
    this.#narrows = narrows;
    this.columns = rows.columns;
    this.changes = rows.changes;
  }

  get rowsRead() {
    return this.#rows.rowsRead;
  }

  get rowsHere() {
    return this.#rows.rowsHere;
  }

  get isOpen() {
    return this.#rows.isOpen;
  }

  next() {
    const row = this.#rows.next(this.#where);
    this.isLeft = false;
    return row && asDurableObject(row, this.#narrows);
  }

  close() {
    this.#rows.close();
  }

  /**
   * @param {import('../../lib/database/scripts.js').Inside} inside
   * @param {{ bytes: number, rows: number }} max
   */
  fetchAhead(inside, max) {
    this.#rows.fetchAhead(inside, max);
  }
}

/** Rows that are all here. */
class ReadRows {
  #rows;
  #narrows;
  #at = 0;
  isOpen = false;
  isLeft = false;

  /**
   * @param {{ columns: string[], changes: number, rows: any[][] }} result
   * @param {boolean} narrows
   */
  constructor({ columns, changes, rows }, narrows) {
    this.columns = columns;
    this.changes = changes;
    this.rowsRead = rows.length;
    this.#rows = rows;
    this.#narrows = narrows;
  }

  get rowsHere() {
    return this.#rows.length - this.#at;
  }

  next() {
    if (this.#at >= this.#rows.length) {
      return undefined;
    }
    this.#at += 1;
    return asDurableObject(this.#rows[this.#at - 1], this.#narrows);
  }

  close() {
    this.#at = this.#rows.length;
  }
}

/**
 * Blobs are `ArrayBuffer`s in a Durable Object.
 *
 * @param {any[]} row
 * @param {boolean} narrows Whether integers were read as `bigint`.
 */
function asDurableObject(row, narrows) {
  if (narrows) {
    narrowRow(row);
  }
  for (let index = 0; index < row.length; index += 1) {
    const value = row[index];
    if (typeof value === 'object' && value !== null) {
      const { buffer, byteOffset, byteLength } = value;
      row[index] =
        byteLength === buffer.byteLength ? buffer : buffer.slice(byteOffset, byteOffset + byteLength);
    }
  }
  return row;
}

module.exports = { FetchedRows, SqlStorage };

// What Kysely holds while it runs a query, a transaction or a function given to `db.connection()`.
//
// Kysely counts on a SQLite connection being used by one of these at a time: whoever has it may turn a PRAGMA, or
// begin a transaction by hand. A lock sees to that. It is given back while Baton itself keeps others apart: in a
// transaction, whose end everybody waits for in the database's line anyway (and which Baton's deadline ends if
// nobody does), and in a stream, so that queries in the loop over its rows do not wait for the end of the loop.

'use strict';

const { narrowRow, readOptions } = require('../arguments.js');
const { BatonError } = require('../../lib/error.js');
const { HeldTransaction } = require('./transaction.js');

/** @typedef {import('../../index.js').Database} Database */
/** @typedef {import('../../index.js').SqlParam} SqlParam */
/** @typedef {import('kysely').CompiledQuery} CompiledQuery */
/** @typedef {{ largeIntegers: 'error' | 'bigint', transactionTimeoutMs: number | undefined }} Settings */
/** @typedef {{ signal?: AbortSignal | undefined }} Abortable What Kysely 0.29 passes along, and 0.28 does not. */

const CHUNK_ROWS_DEFAULT = 100;
const WRITES = ['InsertQueryNode', 'UpdateQueryNode', 'DeleteQueryNode', 'MergeQueryNode'];

/** First come, first served. */
class Lock {
  /** @type {Promise<void>} */
  #last = Promise.resolve();

  /** @returns {Promise<() => void>} What gives it back. */
  async take() {
    const before = this.#last;
    /** @type {() => void} */
    let release = () => {};
    this.#last = new Promise((resolve) => {
      release = resolve;
    });
    await before;
    return release;
  }
}

class BatonConnection {
  #database;
  #settings;
  #lock;
  /** @type {(() => void) | undefined} */
  #release;
  /** Whether a query ran outside of a transaction, which may have set what others must not see. */
  #isUsed = false;
  /** Whether Kysely has given the connection back. Whoever kept it may still use it, as with Kysely's own dialects. */
  #isReturned = false;
  /** @type {InstanceType<typeof HeldTransaction> | undefined} */
  #transaction;
  /**
   * Ends the query under way, if Kysely may ask for that.
   *
   * @type {AbortController | undefined}
   */
  #canceller;

  /**
   * @param {Database} database
   * @param {Settings} settings
   * @param {InstanceType<typeof Lock>} lock
   */
  constructor(database, settings, lock) {
    this.#database = database;
    this.#settings = settings;
    this.#lock = lock;
  }

  async claim() {
    this.#release ??= await this.#lock.take();
  }

  #yield() {
    if (!this.#isUsed) {
      this.#release?.();
      this.#release = undefined;
    }
  }

  async begin() {
    await this.claim();
    const { transactionTimeoutMs: timeoutMs } = this.#settings;
    try {
      this.#transaction = await HeldTransaction.begin(
        this.#database,
        timeoutMs === undefined ? {} : { timeoutMs },
      );
    } finally {
      this.#giveBack();
    }
    this.#yield();
  }

  async commit() {
    await this.#transaction?.commit();
    this.#transaction = undefined;
    this.#giveBack();
  }

  async rollback() {
    const transaction = this.#transaction;
    this.#transaction = undefined;
    try {
      await transaction?.rollback();
    } finally {
      this.#giveBack();
    }
  }

  /** Ends what was left open. */
  async close() {
    this.#isReturned = true;
    await this.rollback();
  }

  /** Nobody else would do it for whoever uses the connection after its time. */
  #giveBack() {
    if (this.#isReturned && this.#transaction === undefined) {
      this.#release?.();
      this.#release = undefined;
    }
  }

  /** @returns {Promise<import('../../index.js').Queries>} */
  async #queries() {
    if (this.#transaction) {
      return this.#transaction.queries;
    }
    await this.claim();
    this.#isUsed = true;
    return this.#database;
  }

  /**
   * @param {CompiledQuery} compiled
   * @param {Abortable} [options]
   * @returns {Promise<import('kysely').QueryResult<any>>}
   */
  async executeQuery(compiled, options) {
    this.#canceller = options?.signal === undefined ? undefined : new AbortController();
    try {
      return await this.#execute(compiled, { signal: this.#canceller?.signal });
    } finally {
      this.#canceller = undefined;
      this.#giveBack();
    }
  }

  /** Kysely's `inflightQueryAbortStrategy: 'cancel query'`. Without it, a query whose signal comes runs to its end. */
  async cancelQuery() {
    this.#canceller?.abort();
  }

  /**
   * @param {CompiledQuery} compiled
   * @param {Abortable} limits
   * @returns {Promise<import('kysely').QueryResult<any>>}
   */
  async #execute({ sql, parameters, query }, limits) {
    const queries = await this.#queries();
    const params = /** @type {readonly SqlParam[]} */ (parameters);
    const hasRows = answersRows(query) ?? (await queries.prepare(sql, limits)).columns().length > 0;
    if (hasRows) {
      const rows = await queries.all(sql, params, this.#readOptions(limits));
      rows.forEach((row) => this.#row(row));
      const isWrite = WRITES.includes(query.kind) && !hasExplain(query);
      return isWrite ? { rows, numAffectedRows: BigInt(rows.length) } : { rows };
    }
    const { changes, lastInsertRowid } = await queries.run(sql, params, limits);
    return { rows: [], ...outcome(query, changes, lastInsertRowid) };
  }

  /**
   * @param {CompiledQuery} compiled
   * @param {number} [chunkSize]
   * @param {Abortable} [options]
   * @returns {AsyncIterableIterator<import('kysely').QueryResult<any>>}
   */
  async *streamQuery({ sql, parameters }, chunkSize = CHUNK_ROWS_DEFAULT, { signal } = {}) {
    if (!Number.isInteger(chunkSize) || chunkSize < 1) {
      throw new BatonError('ERR_INVALID_ARG', `chunkSize must be a positive integer. Received ${chunkSize}`);
    }
    const queries = this.#transaction?.queries ?? this.#database;
    const params = /** @type {readonly SqlParam[]} */ (parameters);
    if (this.#transaction === undefined) {
      this.#yield();
    }
    let rows = [];
    try {
      for await (const row of queries.iterate(sql, params, this.#readOptions({ signal }))) {
        rows.push(this.#row(row));
        if (rows.length >= chunkSize) {
          yield { rows };
          rows = [];
        }
      }
    } catch (error) {
      // Kysely has told its caller already, and waits only for this to be over.
      if (signal?.aborted) {
        return;
      }
      throw error;
    }
    if (rows.length > 0) {
      yield { rows };
    }
  }

  /**
   * @param {Abortable} limits
   * @returns {import('../../index.js').ObjectQueryOptions}
   */
  #readOptions({ signal }) {
    return { ...readOptions(this.#settings.largeIntegers, 'BatonDialect'), signal };
  }

  /** @param {import('../../index.js').SqlRow} row */
  #row(row) {
    return this.#settings.largeIntegers === 'bigint' ? narrowRow(row) : row;
  }
}

/**
 * Whether a query has columns, or `undefined` where only SQLite can tell: for SQL written by hand.
 *
 * @param {CompiledQuery['query']} query
 * @returns {boolean | undefined}
 */
function answersRows(query) {
  if (query.kind === 'SelectQueryNode') {
    return true;
  }
  if (WRITES.includes(query.kind)) {
    return 'returning' in query ? query.returning !== undefined || hasExplain(query) : hasExplain(query);
  }
  return /^(?:Create|Alter|Drop)/.test(query.kind) ? false : undefined;
}

/**
 * What a statement without rows has done. Of SQL by hand nobody knows whether it inserts, so it has an `insertId` as it
 * has with Kysely's own dialect: the connection's last rowid, whatever it is of. A query builder's INSERT that inserted
 * nothing has none, since that would be another one's.
 *
 * @param {CompiledQuery['query']} query
 * @param {number} changes
 * @param {number | bigint} lastInsertRowid
 */
function outcome({ kind }, changes, lastInsertRowid) {
  const numAffectedRows = BigInt(changes);
  const hasId = kind === 'RawNode' || (kind === 'InsertQueryNode' && changes > 0);
  return hasId ? { insertId: BigInt(lastInsertRowid), numAffectedRows } : { numAffectedRows };
}

/** @param {object} query */
function hasExplain(query) {
  return 'explain' in query && query.explain !== undefined;
}

module.exports = { BatonConnection, Lock };

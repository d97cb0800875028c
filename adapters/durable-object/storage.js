// `ctx.storage` of a Durable Object over a Baton database: its SQL, transactions, and keys and values.
//
// A call of `sql.exec` is one batch: its statements take place as a whole, and it is under way when `exec` returns,
// whether somebody waits for it or not. What runs in the function of a transaction is known by its asynchronous
// context, so that `storage.sql` means the transaction there, as it does in a Durable Object.

'use strict';

const { AsyncLocalStorage } = require('node:async_hooks');

const check = require('../../lib/arguments/check.js');
const { BatonError } = require('../../lib/error.js');
const { sqlText } = require('../../lib/arguments/query-options.js');
const { runScript } = require('../../lib/database/scripts.js');
const { isBlank } = require('../../lib/addon/sql-state.js');
const { largeIntegers, narrowRow, queries, readOptions } = require('../arguments.js');
const { PendingCursor, SqlCursor } = require('./cursor.js');
const { KeyValues } = require('./key-values.js');

/** @typedef {import('../../index.js').Queries} Queries */
/**
 * A transaction, as what runs in its function knows it.
 *
 * @typedef {{ queries: Queries, outer: Scope | undefined, isRolledBack: boolean, isOver: boolean }} Scope
 */

const ROLLBACK = new Error('The transaction is rolled back');
const OVER = 'The transaction is over: storage itself, and storage.sql, go on without it';

class SqlStorage {
  #scope;
  #largeIntegers;

  /**
   * @param {() => Queries} scope The database, or the transaction that the caller is in.
   * @param {'error' | 'bigint'} largeIntegers_
   */
  constructor(scope, largeIntegers_) {
    this.#scope = scope;
    this.#largeIntegers = largeIntegers_;
  }

  /**
   * @param {string} query
   * @param {...unknown} bindings Of the last statement.
   */
  exec(query, ...bindings) {
    return new PendingCursor(this.#exec(query, bindings));
  }

  get databaseSize() {
    return this.#databaseSize();
  }

  /**
   * @param {string} query
   * @param {unknown[]} bindings
   */
  async #exec(query, bindings) {
    const sql = sqlText(query, 'query');
    if (isBlank(sql)) {
      throw check.invalid('query', 'SQL with at least one statement', query);
    }
    const params = bindings.map((value) => (value === undefined ? null : value));
    const options = readOptions(this.#largeIntegers, 'durableObjectStorage(database, options)');
    const format = /** @type {const} */ ({ rowMode: 'array', ...options });
    const { columns, rows, changes } = await runScript(this.#scope(), 'together', sql, params, format);
    for (const row of options.readBigInts ? rows.map(narrowRow) : rows) {
      row.forEach((/** @type {unknown} */ value, /** @type {number} */ index) => {
        row[index] = asDurableObject(value);
      });
    }
    return new SqlCursor({
      columnNames: columns,
      rows: /** @type {any[][]} */ (rows),
      rowsWritten: changes,
    });
  }

  async #databaseSize() {
    const sql = 'SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()';
    const row = await this.#scope().get(sql, [], { rowMode: 'array' });
    return /** @type {number} */ (row?.[0]);
  }
}

/**
 * Blobs are `ArrayBuffer`s in a Durable Object.
 *
 * @param {any} value
 */
function asDurableObject(value) {
  return ArrayBuffer.isView(value)
    ? value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength)
    : value;
}

class DurableObjectStorage {
  #database;
  /** @type {import('../../index.js').Store | undefined} */
  #store;
  /** @type {AsyncLocalStorage<Scope>} */
  #inside = new AsyncLocalStorage();
  #keyValues = new KeyValues(() => this.#current());

  /**
   * @param {any} database
   * @param {unknown} [options]
   */
  constructor(database, options = {}) {
    this.#database = /** @type {Queries} */ (queries(database, 'database'));
    const given = check.object(options, 'options', ['largeIntegers', 'store']);
    if (given.store !== undefined && typeof given.store?.restore !== 'function') {
      throw check.invalid('options.store', 'a Store', given.store);
    }
    this.#store = given.store;
    const large = largeIntegers(given.largeIntegers, 'options.largeIntegers');
    this.sql = new SqlStorage(() => this.#current(), large);
  }

  async getCurrentBookmark() {
    return await this.#opened('getCurrentBookmark').point();
  }

  /** @param {any} timestamp */
  async getBookmarkForTime(timestamp) {
    const { actorId } = this.#opened('getBookmarkForTime');
    const when = typeof timestamp === 'number' ? new Date(timestamp) : timestamp;
    if (!(when instanceof Date)) {
      throw check.invalid('timestamp', 'a Date or a number of milliseconds', timestamp);
    }
    return (await this.#storeFor('getBookmarkForTime').pointAt(actorId, when)).point;
  }

  /** @param {any} bookmark */
  async onNextSessionRestoreBookmark(bookmark) {
    const { actorId } = this.#opened('onNextSessionRestoreBookmark');
    const store = this.#storeFor('onNextSessionRestoreBookmark');
    // What was called before belongs to the state that the undo bookmark names.
    await this.getCurrentBookmark();
    return (await store.restore(actorId, { to: bookmark })).undo;
  }

  /**
   * The database, which a transaction is not.
   *
   * @param {string} name
   * @returns {import('../../index.js').Database}
   */
  #opened(name) {
    const database = /** @type {any} */ (this.#database);
    if (typeof database.point !== 'function') {
      const message = `storage.${name}() needs the storage of a database, not of a transaction`;
      throw new BatonError('ERR_INVALID_ARG', message);
    }
    return database;
  }

  /** @param {string} name */
  #storeFor(name) {
    if (this.#store === undefined) {
      const message = `storage.${name}() needs durableObjectStorage(database, { store })`;
      throw new BatonError('ERR_INVALID_ARG', message);
    }
    return this.#store;
  }

  /** @param {any} key */
  async get(key) {
    return await this.#keyValues.get(key);
  }

  /**
   * @param {any} keyOrEntries
   * @param {unknown} [value]
   */
  async put(keyOrEntries, value) {
    await this.#keyValues.put(keyOrEntries, value);
  }

  /** @param {any} key */
  async delete(key) {
    return await this.#keyValues.delete(key);
  }

  /** @param {any} [options] */
  async list(options) {
    return await this.#keyValues.list(options);
  }

  /**
   * @template T
   * @param {(tx: import('../durable-object.js').DurableObjectTransaction) => T | Promise<T>} closure
   * @returns {Promise<T>}
   */
  async transaction(closure) {
    if (typeof closure !== 'function') {
      throw check.invalid('closure', 'a function', closure);
    }
    const outer = this.#scope();
    /** @type {any} */
    let value;
    try {
      await this.#queriesOf(outer).transaction(async (tx) => {
        const scope = { queries: tx, outer, isRolledBack: false, isOver: false };
        try {
          value = await this.#inside.run(scope, () => closure(this.#handle(scope)));
        } finally {
          // From here on, before the commit: what comes later waits for it, and then runs.
          scope.isOver = true;
        }
        if (scope.isRolledBack) {
          throw ROLLBACK;
        }
      });
    } catch (error) {
      if (error !== ROLLBACK) {
        throw error;
      }
    }
    return value;
  }

  transactionSync() {
    const message =
      'transactionSync() cannot be: SQL runs off the event loop here. Use await storage.transaction(async () => …)';
    throw new BatonError('ERR_INVALID_ARG', message);
  }

  async sync() {
    // Calls run in the order in which they were made, so whatever came before is over when this is answered.
    await this.#current().get('SELECT 1');
  }

  /**
   * What the function of a transaction is given. Unlike the storage it means that transaction for good.
   *
   * @param {Scope} scope
   */
  #handle(scope) {
    const keyValues = new KeyValues(() => {
      if (scope.isOver) {
        throw new BatonError('ERR_CLOSED', OVER);
      }
      return this.#queriesOf(scope);
    });
    return /** @type {any} */ ({
      sql: this.sql,
      get: async (/** @type {any} */ key) => await keyValues.get(key),
      put: async (/** @type {any} */ key, /** @type {any} */ value) => await keyValues.put(key, value),
      delete: async (/** @type {any} */ key) => await keyValues.delete(key),
      list: async (/** @type {any} */ options) => await keyValues.list(options),
      rollback() {
        if (scope.isOver && !scope.isRolledBack) {
          throw new BatonError('ERR_CLOSED', OVER);
        }
        scope.isRolledBack = true;
      },
    });
  }

  /**
   * The transaction that the caller is in. What a transaction has left behind is in the one around it, if that is still
   * open, and else in none: then it runs on the database, as it would in a Durable Object.
   */
  #scope() {
    let scope = this.#inside.getStore();
    while (scope?.isOver) {
      scope = scope.outer;
    }
    return scope;
  }

  #current() {
    return this.#queriesOf(this.#scope());
  }

  /** @param {Scope | undefined} scope */
  #queriesOf(scope) {
    if (scope?.isRolledBack) {
      throw new BatonError('ERR_CLOSED', 'The transaction is rolled back');
    }
    return scope?.queries ?? this.#database;
  }
}

/**
 * @param {any} database
 * @param {unknown} [options]
 */
function durableObjectStorage(database, options) {
  return new DurableObjectStorage(database, options);
}

module.exports = { DurableObjectStorage, durableObjectStorage };

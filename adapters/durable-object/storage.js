// `ctx.storage` of a Durable Object over a Baton database: its SQL, transactions, and keys and values.
//
// SQL runs on the calling thread. Only what waits for the store is asynchronous.

'use strict';

const check = require('../../lib/arguments/check.js');
const { BatonError } = require('../../lib/error.js');
const { largeIntegers, syncQueries } = require('../arguments.js');
const { deleteAll } = require('./delete-all.js');
const { KeyValues, SyncKeyValues } = require('./key-values.js');
const { queriesOf, rollBack, scopesOf } = require('./scopes.js');
const { SqlStorage } = require('./sql.js');

class DurableObjectStorage {
  #database;
  /** @type {import('../../index.js').Store | undefined} */
  #store;
  #scopes;
  #keyValues;

  /**
   * @param {any} database
   * @param {unknown} [options]
   */
  constructor(database, options = {}) {
    this.#database = syncQueries(database, 'database');
    const given = check.object(options, 'options', ['largeIntegers', 'store']);
    if (given.store !== undefined && typeof given.store?.restore !== 'function') {
      throw check.invalid('options.store', 'a Store', given.store);
    }
    this.#store = given.store;
    const large = largeIntegers(given.largeIntegers, 'options.largeIntegers');
    this.#scopes = scopesOf(this.#database);
    this.sql = new SqlStorage(this.#scopes, large);
    const queries = () => this.#scopes.current().queries;
    this.#keyValues = new KeyValues(queries);
    this.kv = new SyncKeyValues(queries, (sql, ...params) => this.sql.exec(sql, ...params).raw());
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

  async deleteAll() {
    const database = this.#opened('deleteAll');
    if (this.#scopes.frame() !== undefined) {
      throw new BatonError('ERR_INVALID_ARG', 'storage.deleteAll() is not possible inside a transaction');
    }
    await deleteAll(database);
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
    return await this.#scopes.run((scope) => closure(this.#handle(scope)));
  }

  /**
   * @template T
   * @param {() => T} closure
   * @returns {T}
   */
  transactionSync(closure) {
    if (typeof closure !== 'function') {
      throw check.invalid('closure', 'a function', closure);
    }
    return this.#scopes.runSync(closure);
  }

  async sync() {
    const database = /** @type {any} */ (this.#database);
    // What a transaction has written can only be durable after its end.
    if (this.#scopes.current().outer === undefined && typeof database.flushed === 'function') {
      await database.flushed();
    }
  }

  /**
   * What the function of a transaction is given. Unlike the storage it means that transaction for good.
   *
   * @param {import('./scopes.js').Scope} scope
   */
  #handle(scope) {
    const keyValues = new KeyValues(() => queriesOf(scope));
    return /** @type {any} */ ({
      sql: this.sql,
      get: async (/** @type {any} */ key) => await keyValues.get(key),
      put: async (/** @type {any} */ key, /** @type {any} */ value) => await keyValues.put(key, value),
      delete: async (/** @type {any} */ key) => await keyValues.delete(key),
      list: async (/** @type {any} */ options) => await keyValues.list(options),
      rollback: () => rollBack(scope),
    });
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

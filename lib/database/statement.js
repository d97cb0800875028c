// The `Statement` class: SQL that was checked once, with its known columns and parameters. The addon caches
// compiled statements by their text, so nothing has to be freed here.

'use strict';

/** @typedef {import('../../index.js').SqlParams | object} Params */
/** @typedef {import('../../index.js').QueryOptions} QueryOptions */
/** @typedef {import('../../index.js').SyncQueryOptions} SyncQueryOptions */
/** @typedef {import('../../index.js').ColumnInfo} ColumnInfo */
/** @typedef {import('../results/results.js').Seen} Seen */
/** @typedef {import('../results/description.js').Description} Description */
/**
 * The methods of the object that has prepared a statement.
 *
 * @typedef {object} Calls
 * @property {(sql: string, limits: import('./connection.js').Limits) => Promise<Description>} describe
 * @property {(sql: string, params?: Params, options?: QueryOptions) => Promise<import('../../index.js').RunResult>} run
 * @property {(sql: string, params: Params | undefined, options: QueryOptions | undefined, seen: Seen) => Promise<any>} get
 * @property {(sql: string, params: Params | undefined, options: QueryOptions | undefined, seen: Seen) => Promise<any[]>} all
 * @property {(sql: string, params: Params | undefined, options: QueryOptions | undefined, seen: Seen) => AsyncGenerator<any, void, void>} iterate
 */

/**
 * The same on the calling thread.
 *
 * @typedef {object} SyncCalls
 * @property {(sql: string) => Description} describeSync
 * @property {(sql: string, params?: Params, options?: SyncQueryOptions) => import('../../index.js').RunResult} runSync
 * @property {(sql: string, params: Params | undefined, options: SyncQueryOptions | undefined, seen: Seen) => any} getSync
 * @property {(sql: string, params: Params | undefined, options: SyncQueryOptions | undefined, seen: Seen) => any[]} allSync
 * @property {(sql: string, params: Params | undefined, options: SyncQueryOptions | undefined, seen: Seen) => Generator<any, void, void>} iterateSync
 */

class Statement {
  /** @type {Calls & SyncCalls} */
  #calls;
  #sql;
  /** @type {readonly ColumnInfo[]} */
  #columns;
  /** Whether an answer had other columns because the schema has changed. */
  #isStale = false;

  /**
   * @param {Calls & SyncCalls} calls
   * @param {string} sql
   * @param {Description} description
   */
  constructor(calls, sql, { columns, parameters, readonly }) {
    this.#calls = calls;
    this.#columns = columns;
    this.#sql = sql;
    this.sql = sql;
    this.parameters = parameters.slice();
    this.readonly = readonly;
  }

  columns() {
    return this.#columns.map((column) => ({ ...column }));
  }

  /**
   * @param {Params} [params]
   * @param {QueryOptions} [options]
   */
  async run(params, options) {
    return await this.#calls.run(this.#sql, params, options);
  }

  /**
   * @param {Params} [params]
   * @param {QueryOptions} [options]
   * @returns {Promise<any>}
   */
  async get(params, options) {
    const row = await this.#calls.get(this.#sql, params, options, this.#seen);
    await this.#catchUp(options);
    return row;
  }

  /**
   * @param {Params} [params]
   * @param {QueryOptions} [options]
   * @returns {Promise<any[]>}
   */
  async all(params, options) {
    const rows = await this.#calls.all(this.#sql, params, options, this.#seen);
    await this.#catchUp(options);
    return rows;
  }

  /**
   * @param {Params} [params]
   * @param {QueryOptions} [options]
   * @returns {AsyncGenerator<any, void, void>}
   */
  iterate(params, options) {
    return this.#calls.iterate(this.#sql, params, options, (names) => {
      this.#seen(names);
      // The rows do not wait for it.
      this.#catchUp();
    });
  }

  /**
   * @param {Params} [params]
   * @param {SyncQueryOptions} [options]
   */
  runSync(params, options) {
    return this.#calls.runSync(this.#sql, params, options);
  }

  /**
   * @param {Params} [params]
   * @param {SyncQueryOptions} [options]
   * @returns {any}
   */
  getSync(params, options) {
    const row = this.#calls.getSync(this.#sql, params, options, this.#seen);
    this.#catchUpSync();
    return row;
  }

  /**
   * @param {Params} [params]
   * @param {SyncQueryOptions} [options]
   * @returns {any[]}
   */
  allSync(params, options) {
    const rows = this.#calls.allSync(this.#sql, params, options, this.#seen);
    this.#catchUpSync();
    return rows;
  }

  /**
   * @param {Params} [params]
   * @param {SyncQueryOptions} [options]
   * @returns {Generator<any, void, void>}
   */
  iterateSync(params, options) {
    return this.#calls.iterateSync(this.#sql, params, options, (names) => {
      this.#seen(names);
      this.#catchUpSync();
    });
  }

  /** @type {Seen} */
  #seen = (names) => {
    const known = this.#columns;
    this.#isStale ||=
      names.length !== known.length || names.some((name, index) => name !== known[index].name);
  };

  /**
   * Reads the columns again. This only helps later readers of the columns, and must not make a successful
   * call fail.
   *
   * @param {import('./connection.js').Limits} [limits] Those of the call.
   */
  async #catchUp({ signal, timeoutMs } = {}) {
    if (this.#isStale) {
      const description = await this.#calls.describe(this.#sql, { signal, timeoutMs }).catch(() => undefined);
      this.#isStale = description === undefined;
      this.#columns = description?.columns ?? this.#columns;
    }
  }

  /** {@link Statement.#catchUp} on the calling thread. */
  #catchUpSync() {
    if (this.#isStale) {
      try {
        this.#columns = this.#calls.describeSync(this.#sql).columns;
        this.#isStale = false;
      } catch {
        // The next call tries again.
      }
    }
  }
}

module.exports = { Statement };

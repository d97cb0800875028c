// The methods that run SQL on the calling thread. A database and a transaction have them beside the asynchronous ones.
//
// A call runs only if nothing else of the database waits or runs; otherwise the addon refuses it with ERR_BUSY. It
// never waits for another call: that would wait for this thread.

'use strict';

const check = require('../arguments/check.js');
const {
  batchStatements,
  sqlText,
  syncOptions,
  syncTransactionOptions,
} = require('../arguments/query-options.js');
const { encodeParamsList, ownParams } = require('../arguments/parameters.js');
const { sessionOptions } = require('../arguments/session-options.js');
const { allRowsSync, batchResultsSync, firstRow, runResult } = require('../results/results.js');
const { isObserved, observedSync } = require('../observe/channels.js');
const { described } = require('../results/description.js');
const { ChunkHeader } = require('../results/rows.js');
const { applyChangeset, createSession } = require('./session.js');
const { iterateRowsSync } = require('./sync-cursor.js');

const EXEC = 0;
const RUN = 1;
const GET = 2;
const ALL = 3;
/** By kind. */
const OPERATIONS = ['exec', 'run', 'get', 'all'];

/** @typedef {InstanceType<typeof import('./connection.js').Connection>} Connection */
/** @typedef {import('./connection.js').Scope} Scope */
/** @typedef {import('../results/results.js').Seen} Seen */
/** @typedef {import('../results/rows.js').RowFormat} RowFormat */
/** @typedef {import('../../index.js').SqlParams | object} Params Checked when they are encoded. */
/** @typedef {import('../../index.js').SyncQueryOptions} SyncQueryOptions */

/** @type {(queries: SyncQueries) => import('./statement.js').SyncCalls} */
let statementCalls;

class SyncQueries {
  #connection;
  #scope;

  static {
    statementCalls = (queries) => queries.#statementCalls();
  }

  /**
   * @param {Connection} connection
   * @param {Scope} scope
   */
  constructor(connection, scope) {
    this.#connection = connection;
    this.#scope = scope;
  }

  /** @param {string} sql */
  execSync(sql) {
    this.#call(EXEC, sqlText(sql), undefined, () => {});
  }

  /**
   * @param {string} sql
   * @param {Params} [params]
   * @param {SyncQueryOptions} [options]
   */
  runSync(sql, params, options) {
    const format = syncOptions(options);
    return this.#call(RUN, sqlText(sql), params, (answer) => runResult(answer, format));
  }

  /**
   * @param {string} sql
   * @param {Params} [params]
   * @param {SyncQueryOptions} [options]
   * @returns {any}
   */
  getSync(sql, params, options) {
    return this.#get(sqlText(sql), params, options);
  }

  /**
   * @param {string} sql
   * @param {Params} [params]
   * @param {SyncQueryOptions} [options]
   * @returns {any[]}
   */
  allSync(sql, params, options) {
    return this.#all(sqlText(sql), params, options);
  }

  /**
   * @param {string} sql
   * @param {Params} [params]
   * @param {SyncQueryOptions} [options]
   * @returns {Generator<any, void, void>}
   */
  iterateSync(sql, params, options) {
    return this.#iterate(sqlText(sql), params, options);
  }

  /**
   * @param {readonly (string | import('../../index.js').BatchStatement)[]} statements
   * @param {SyncQueryOptions} [options]
   * @returns {any[]}
   */
  batchSync(statements, options) {
    const format = syncOptions(options);
    const { sqls, params } = batchStatements(statements);
    const connection = this.#connection;
    const answers = observedSync({ connection, operation: 'batch', sql: sqls.join(';\n') }, () =>
      connection.callSync(this.#scope, (native, scope) =>
        native.batchSync(
          scope,
          sqls,
          encodeParamsList(params, (index) => `statements[${index}].params`),
          connection.functions.dispatch,
        ),
      ),
    );
    return batchResultsSync(answers, connection.shapes, format);
  }

  /**
   * @template T
   * @param {() => T} fn
   * @param {import('../../index.js').SyncTransactionOptions} [options]
   * @returns {T}
   */
  transactionSync(fn, options) {
    if (typeof fn !== 'function') {
      throw check.invalid('fn', 'a function', fn);
    }
    if (isAsyncFunction(fn)) {
      throw check.invalid('fn', ONLY_SYNC, fn);
    }
    const { mode } = syncTransactionOptions(options);
    const connection = this.#connection;
    const observe = (/** @type {string} */ operation, /** @type {() => any} */ dispatch) =>
      observedSync({ connection, operation, sql: operation.toUpperCase() }, dispatch);
    const id = observe('begin', () =>
      connection.callSync(this.#scope, (native, outer) => native.beginSync(outer, mode)),
    );
    const scope = connection.enterSync(this.#scope, id);
    let value;
    try {
      value = fn();
      if (isThenable(value)) {
        // What it does later is no part of this, and its errors are nobody's.
        Promise.resolve(value).catch(() => {});
        throw check.invalid('fn', ONLY_SYNC, fn);
      }
    } catch (error) {
      connection.leaveSync(scope);
      try {
        observe('rollback', () => connection.endSync(scope, false));
      } catch {
        // The caller needs the first error, not that there was nothing left to roll back.
      }
      throw error;
    }
    connection.leaveSync(scope);
    observe('commit', () => connection.endSync(scope, true));
    return value;
  }

  /** @param {import('../../index.js').SessionOptions} [options] */
  createSession(options) {
    return createSession(this.#connection, this.#scope, sessionOptions(options));
  }

  /**
   * @param {Uint8Array} changeset
   * @param {import('../../index.js').ApplyChangesetOptions} [options]
   */
  applyChangeset(changeset, options) {
    return applyChangeset(this.#connection, this.#scope, changeset, options);
  }

  /** @returns {import('./statement.js').SyncCalls} */
  #statementCalls() {
    return {
      describeSync: (sql) => this.#describe(sql),
      runSync: (sql, params, options) => this.runSync(sql, params, options),
      getSync: (sql, params, options, seen) => this.#get(sql, params, options, seen),
      allSync: (sql, params, options, seen) => this.#all(sql, params, options, seen),
      iterateSync: (sql, params, options, seen) => this.#iterate(sql, params, options, seen),
    };
  }

  /** @param {string} sql */
  #describe(sql) {
    const connection = this.#connection;
    return described(
      observedSync({ connection, operation: 'prepare', sql }, () =>
        connection.callSync(this.#scope, (native, scope) =>
          native.describeSync(scope, sql, connection.functions.dispatch),
        ),
      ),
    );
  }

  /**
   * @param {string} sql
   * @param {Params | undefined} params
   * @param {SyncQueryOptions | undefined} options
   * @param {Seen} [seen]
   */
  #get(sql, params, options, seen) {
    const format = syncOptions(options);
    return this.#call(GET, sql, params, (answer) => firstRow(answer, this.#connection.shapes, format, seen));
  }

  /**
   * @param {string} sql
   * @param {Params | undefined} params
   * @param {SyncQueryOptions | undefined} options
   * @param {Seen} [seen]
   */
  #all(sql, params, options, seen) {
    const format = syncOptions(options);
    return this.#call(ALL, sql, params, (first, rest) => {
      const headers = rest.length === 0 ? [first] : [first, ...rest.map((chunk) => new ChunkHeader(chunk))];
      return allRowsSync(headers, this.#connection.shapes, format, seen);
    });
  }

  /**
   * @param {string} sql
   * @param {Params | undefined} params
   * @param {SyncQueryOptions | undefined} options
   * @param {Seen} [seen]
   */
  #iterate(sql, params, options, seen) {
    const iteration = { sql, params: ownParams(params), format: syncOptions(options) };
    return iterateRowsSync(this.#connection, this.#scope, iteration, seen);
  }

  /**
   * @template T
   * @param {number} kind
   * @param {string} sql
   * @param {unknown} params
   * @param {(first: InstanceType<typeof ChunkHeader>, rest: readonly Uint8Array[]) => T} read
   * @returns {T}
   */
  #call(kind, sql, params, read) {
    const connection = this.#connection;
    if (!isObserved()) {
      return connection.runSync(this.#scope, kind, sql, params, read);
    }
    /** @type {Uint8Array[]} */
    const answer = [];
    return observedSync(
      { connection, operation: OPERATIONS[kind], sql },
      () =>
        connection.runSync(this.#scope, kind, sql, params, (first, rest, length) => {
          answer.push(first.bytes.slice(0, length), ...rest);
          return read(first, rest);
        }),
      () => answer,
    );
  }
}

const ONLY_SYNC = 'a function that is not async and returns no promise: the transaction ends when it returns';

/** @param {unknown} value */
function isThenable(value) {
  return typeof (/** @type {{ then?: unknown } | null | undefined} */ (value)?.then) === 'function';
}

/** @param {Function} fn */
function isAsyncFunction(fn) {
  return Object.prototype.toString.call(fn) === '[object AsyncFunction]';
}

/**
 * What statements need of the object that has prepared them, for calls on this thread.
 *
 * @param {SyncQueries} queries
 */
function syncCalls(queries) {
  return statementCalls(queries);
}

module.exports = { SyncQueries, syncCalls };

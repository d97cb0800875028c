// The methods that run SQL, which a database and a transaction have in common.
//
// Each method dispatches before its first `await`, so calls run in the order in which they were made, and the
// arguments are copied when it returns.

'use strict';

const { isLimited } = require('../abort.js');
const { isObserved, observed } = require('../observe/channels.js');
const { iterateRows } = require('./cursor.js');
const { batchStatements, limitOptions, queryOptions, sqlText } = require('../arguments/query-options.js');
const { INSIDE } = require('./scripts.js');
const { encodeParams, encodeParamsList } = require('../arguments/parameters.js');
const { ChunkHeader } = require('../results/rows.js');
const { allRows, batchResults, firstRow, runResult } = require('../results/results.js');
const { described } = require('../results/description.js');
const { Statement } = require('./statement.js');
const { SyncQueries, syncCalls } = require('./sync-queries.js');

const EXEC = 0;
const RUN = 1;
const GET = 2;
const ALL = 3;
/** By kind. */
const OPERATIONS = ['exec', 'run', 'get', 'all'];

/** @typedef {InstanceType<typeof import('./connection.js').Connection>} Connection */
/** @typedef {import('./connection.js').Scope} Scope */
/** @typedef {import('../../binding.js').Failure} Failure */
/** @typedef {import('../results/results.js').Seen} Seen */
/** @typedef {import('../arguments/query-options.js').Query} Query */
/** @typedef {import('../../index.js').SqlParams | object} Params Checked when they are encoded. */
/** @typedef {import('../../index.js').QueryOptions} QueryOptions */

class Queries extends SyncQueries {
  #connection;
  #scope;
  /** @type {(import('./statement.js').Calls & import('./statement.js').SyncCalls) | undefined} */
  #calls;

  static {
    Object.defineProperty(this.prototype, INSIDE, {
      /** @this {Queries} */
      value() {
        return { connection: this.#connection, scope: this.#scope };
      },
    });
  }

  /**
   * @param {Connection} connection
   * @param {Scope} scope
   */
  constructor(connection, scope) {
    super(connection, scope);
    this.#connection = connection;
    this.#scope = scope;
  }

  /**
   * @param {string} sql
   * @param {import('../../index.js').CallOptions} [options]
   */
  async exec(sql, options) {
    this.#connection.result(await this.#call(EXEC, sqlText(sql), undefined, limitOptions(options)));
  }

  /**
   * @param {string} sql
   * @param {Params} [params]
   * @param {QueryOptions} [options]
   */
  async run(sql, params, options) {
    const query = queryOptions(options);
    return runResult(this.#one(await this.#call(RUN, sqlText(sql), params, query)), query);
  }

  /**
   * @param {string} sql
   * @param {Params} [params]
   * @param {QueryOptions} [options]
   * @returns {Promise<any>}
   */
  async get(sql, params, options) {
    // Not by way of `#get`: it would be one more promise, or the stack of an error would not lead to the caller.
    const query = queryOptions(options);
    const answer = this.#one(await this.#call(GET, sqlText(sql), params, query));
    return firstRow(answer, this.#connection.shapes, query);
  }

  /**
   * @param {string} sql
   * @param {Params} [params]
   * @param {QueryOptions} [options]
   * @returns {Promise<any[]>}
   */
  async all(sql, params, options) {
    const query = queryOptions(options);
    const answer = this.#connection.result(await this.#call(ALL, sqlText(sql), params, query));
    return await allRows(answer, this.#connection.shapes, query);
  }

  /**
   * @param {string} sql
   * @param {Params} [params]
   * @param {QueryOptions} [options]
   * @returns {AsyncGenerator<any, void, void>}
   */
  iterate(sql, params, options) {
    return this.#iterate(sql, params, options);
  }

  /**
   * @param {string} sql
   * @param {Params} [params]
   * @param {QueryOptions} [options]
   * @param {Seen} [seen]
   * @returns {AsyncGenerator<any, void, void>}
   */
  #iterate(sql, params, options, seen) {
    /** @type {() => import('./cursor.js').Iteration} */
    let arguments_;
    try {
      const iteration = {
        query: queryOptions(options),
        sql: sqlText(sql),
        // A copy, because the iteration begins later, and the bytes are valid only now.
        params: encodeParams(params)?.slice(),
      };
      arguments_ = () => iteration;
    } catch (error) {
      // Thrown at the first step, like every other async generator does.
      arguments_ = () => {
        throw error;
      };
    }
    return iterateRows(this.#connection, this.#scope, arguments_, seen);
  }

  /**
   * @param {string} sql
   * @param {import('../../index.js').CallOptions} [options]
   */
  async prepare(sql, options) {
    const limits = limitOptions(options);
    const text = sqlText(sql);
    return new Statement(this.#statementCalls(), text, await this.#describe(text, limits));
  }

  /** @param {string} sql */
  prepareSync(sql) {
    const text = sqlText(sql);
    const calls = this.#statementCalls();
    return new Statement(calls, text, calls.describeSync(text));
  }

  /**
   * What statements need of the object that has prepared them: one object for all of them.
   *
   * @returns {import('./statement.js').Calls & import('./statement.js').SyncCalls}
   */
  #statementCalls() {
    this.#calls ??= {
      ...syncCalls(this),
      /** @type {import('./statement.js').Calls['describe']} */
      describe: (text, limits) => this.#describe(text, limits),
      /** @type {import('./statement.js').Calls['run']} */
      run: (text, params, query) => this.run(text, params, query),
      /** @type {import('./statement.js').Calls['get']} */
      get: (text, params, query, seen) => this.#get(text, params, query, seen),
      /** @type {import('./statement.js').Calls['all']} */
      all: (text, params, query, seen) => this.#all(text, params, query, seen),
      /** @type {import('./statement.js').Calls['iterate']} */
      iterate: (text, params, query, seen) => this.#iterate(text, params, query, seen),
    };
    return this.#calls;
  }

  /**
   * @param {string} sql
   * @param {import('./connection.js').Limits} limits
   */
  async #describe(sql, limits) {
    const connection = this.#connection;
    return described(
      await observed({ connection, operation: 'prepare', sql }, () =>
        connection.call(this.#scope, (native, scope, job) => native.describe(scope, job, sql), limits),
      ),
    );
  }

  /**
   * @param {string} sql
   * @param {Params} [params]
   * @param {QueryOptions} [options]
   * @param {Seen} [seen]
   * @returns {Promise<any>}
   */
  async #get(sql, params, options, seen) {
    const query = queryOptions(options);
    const answer = this.#one(await this.#call(GET, sqlText(sql), params, query));
    return firstRow(answer, this.#connection.shapes, query, seen);
  }

  /**
   * @param {string} sql
   * @param {Params} [params]
   * @param {QueryOptions} [options]
   * @param {Seen} [seen]
   * @returns {Promise<any[]>}
   */
  async #all(sql, params, options, seen) {
    const query = queryOptions(options);
    const answer = this.#connection.result(await this.#call(ALL, sqlText(sql), params, query));
    return await allRows(answer, this.#connection.shapes, query, seen);
  }

  /**
   * @param {readonly (string | import('../../index.js').BatchStatement)[]} statements
   * @param {QueryOptions} [options]
   * @returns {Promise<any[]>}
   */
  async batch(statements, options) {
    const query = queryOptions(options);
    const { sqls, params } = batchStatements(statements);
    const connection = this.#connection;
    const answers = await observed({ connection, operation: 'batch', sql: sqls.join(';\n') }, () =>
      connection.call(
        this.#scope,
        (native, scope, job) =>
          native.batch(
            scope,
            job,
            sqls,
            encodeParamsList(params, (index) => `statements[${index}].params`),
            query.traceparent,
          ),
        query,
      ),
    );
    return await batchResults(answers, this.#connection.shapes, query);
  }

  /**
   * The answer, or a failure: whoever awaits it makes an error of it, whose stack then leads to the caller.
   *
   * @param {number} kind
   * @param {string} sql
   * @param {unknown} params
   * @param {import('./connection.js').Limits} limits
   * @returns {Promise<any>}
   */
  #call(kind, sql, params, limits) {
    return isObserved() || isLimited(this.#scope, limits)
      ? this.#callWithLimits(kind, sql, params, limits)
      : this.#connection.run(this.#scope, kind, sql, params, limits.traceparent);
  }

  /**
   * @param {number} kind
   * @param {string} sql
   * @param {unknown} params
   * @param {import('./connection.js').Limits} limits
   */
  #callWithLimits(kind, sql, params, limits) {
    const connection = this.#connection;
    return observed({ connection, operation: OPERATIONS[kind], sql }, () =>
      connection.call(
        this.#scope,
        (native, scope, job) => native.call(scope, job, kind, sql, encodeParams(params), limits.traceparent),
        limits,
      ),
    );
  }

  /**
   * The only chunk of an answer.
   *
   * @param {Uint8Array | Uint8Array[] | Failure} answer
   */
  #one(answer) {
    const chunks = this.#connection.result(answer);
    return new ChunkHeader(Array.isArray(chunks) ? chunks[0] : chunks);
  }
}

module.exports = { Queries };

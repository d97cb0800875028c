// Drizzle's session over Baton's queries: of a database, or of a transaction. Made from the classes of the Drizzle
// that the caller uses, since its CommonJS and its ES module build are different ones.

'use strict';

const { narrowRow, readOptions } = require('../arguments.js');
const { asObjects, makePreparedQuery, runResult } = require('./prepared-query.js');

/** @typedef {import('../../index.js').Queries} Queries */
/** @typedef {import('../../index.js').BatchResult<import('../../index.js').SqlValue[]>} BatchResult */
/** @typedef {import('./peer.js').Peer} Peer */
/** @typedef {import('./prepared-query.js').Settings} Settings */

/** @param {Peer} peer */
function makeSession(peer) {
  const { SQLiteSession, DrizzleQueryError, entityKind } = peer;
  const BatonPreparedQuery = makePreparedQuery(peer);
  const BatonTransaction = makeTransaction(peer);

  return class BatonSession extends SQLiteSession {
    static [entityKind] = 'BatonSession';
    #queries;
    #schema;
    #settings;
    #depth;

    /**
     * @param {Queries} queries
     * @param {any} dialect
     * @param {any} schema
     * @param {Settings} settings
     * @param {number} [depth] How many transactions are around it.
     */
    constructor(queries, dialect, schema, settings, depth = 0) {
      super(dialect);
      this.#queries = queries;
      this.#schema = schema;
      this.#settings = settings;
      this.#depth = depth;
    }

    /**
     * @param {import('drizzle-orm').Query} query
     * @param {any} fields
     * @param {import('drizzle-orm/sqlite-core').SQLiteExecuteMethod} executeMethod
     * @param {boolean} _isResponseInArrayMode
     * @param {(rows: unknown[][]) => unknown} [customResultMapper]
     * @returns {any}
     */
    prepareQuery(query, fields, executeMethod, _isResponseInArrayMode, customResultMapper) {
      const mapping = { fields, customResultMapper };
      return new BatonPreparedQuery(this.#queries, query, executeMethod, mapping, this.#settings);
    }

    /**
     * @param {(tx: any) => Promise<any>} fn
     * @param {any} [config]
     */
    async transaction(fn, config) {
      return await this.#queries.transaction((tx) => {
        const { dialect } = /** @type {any} */ (this);
        const inner = new BatonSession(tx, dialect, this.#schema, this.#settings, this.#depth + 1);
        return fn(new BatonTransaction('async', dialect, inner, this.#schema, this.#depth));
      }, config);
    }

    /**
     * Runs queries in one trip and one transaction.
     *
     * @param {readonly any[]} queries
     */
    async batch(queries) {
      const prepared = queries.map((query) => query._prepare());
      const statements = prepared.map((each) => {
        const { sql, params } = each.getQuery();
        return { sql, params: /** @type {any[]} */ (peer.fillPlaceholders(params, {})) };
      });
      statements.forEach(({ sql, params }) => this.#settings.logger.logQuery(sql, params));
      const options = readOptions(this.#settings.largeIntegers, 'drizzle(database, config)');
      let results;
      try {
        results = await this.#queries.batch(statements, { rowMode: 'array', ...options });
      } catch (error) {
        const { sql, params } = statements[/** @type {any} */ (error)?.statement ?? 0] ?? {
          sql: '',
          params: [],
        };
        throw new DrizzleQueryError(sql, params, /** @type {Error} */ (error));
      }
      return results.map((result, index) => {
        if (options.readBigInts) {
          result.rows.forEach(narrowRow);
          narrowRow(result);
        }
        return prepared[index].mapResult(result, true);
      });
    }

    /** @param {BatchResult} result */
    extractRawRunValueFromBatchResult(result) {
      return runResult(result);
    }

    /** @param {BatchResult} result */
    extractRawAllValueFromBatchResult(result) {
      return asObjects(result);
    }

    /** @param {BatchResult} result */
    extractRawGetValueFromBatchResult(result) {
      return asObjects(result)[0];
    }

    /** @param {BatchResult} result */
    extractRawValuesValueFromBatchResult(result) {
      return result.rows;
    }
  };
}

/** @param {Peer} peer */
function makeTransaction({ SQLiteTransaction, entityKind }) {
  return class BatonTransaction extends SQLiteTransaction {
    static [entityKind] = 'BatonTransaction';

    /** @param {readonly any[]} queries */
    async batch(queries) {
      return await /** @type {any} */ (this).session.batch(queries);
    }
  };
}

module.exports = { makeSession };

// A query of Drizzle that was built: runs it, and maps its rows, also those that a batch has brought.

'use strict';

const { narrowRow, readOptions } = require('../arguments.js');

/** @typedef {import('../../index.js').Queries} Queries */
/** @typedef {import('../../index.js').BatchResult<import('../../index.js').SqlValue[]>} BatchResult */
/** @typedef {import('./peer.js').Peer} Peer */
/** @typedef {{ logger: import('drizzle-orm/logger').Logger, largeIntegers: 'error' | 'bigint' }} Settings */

/** @param {Peer} peer */
function makePreparedQuery({ SQLitePreparedQuery, entityKind, fillPlaceholders, mapResultRow }) {
  return class BatonPreparedQuery extends SQLitePreparedQuery {
    static [entityKind] = 'BatonPreparedQuery';
    #queries;
    #mapping;
    #settings;

    /**
     * @param {Queries} queries
     * @param {import('drizzle-orm').Query} query
     * @param {import('drizzle-orm/sqlite-core').SQLiteExecuteMethod} executeMethod
     * @param {{ fields: any, customResultMapper?: ((rows: unknown[][]) => unknown) | undefined }} mapping
     * @param {Settings} settings
     */
    constructor(queries, query, executeMethod, mapping, settings) {
      super('async', executeMethod, query);
      this.#queries = queries;
      this.#mapping = mapping;
      this.#settings = settings;
    }

    /** @param {Record<string, unknown>} [placeholders] */
    async run(placeholders) {
      return await this.#call(placeholders, (sql, params) => this.#queries.run(sql, params));
    }

    /** @param {Record<string, unknown>} [placeholders] */
    async all(placeholders) {
      if (this.#isMapped) {
        return this.#mapped(await this.values(placeholders));
      }
      const options = this.#readOptions;
      const rows = await this.#call(placeholders, (sql, params) => this.#queries.all(sql, params, options));
      return this.#narrowed(rows);
    }

    /** @param {Record<string, unknown>} [placeholders] */
    async get(placeholders) {
      const rowMode = this.#isMapped ? 'array' : 'object';
      const options = /** @type {any} */ ({ ...this.#readOptions, rowMode });
      const row = await this.#call(placeholders, (sql, params) => this.#queries.get(sql, params, options));
      if (row === undefined) {
        return undefined;
      }
      const rows = this.#narrowed([row]);
      return this.#isMapped ? this.#first(rows) : rows[0];
    }

    /** @param {Record<string, unknown>} [placeholders] */
    async values(placeholders) {
      const options = { ...this.#readOptions, rowMode: /** @type {const} */ ('array') };
      const rows = await this.#call(placeholders, (sql, params) => this.#queries.all(sql, params, options));
      return this.#narrowed(rows);
    }

    /** @param {any} result What a batch has of this query. */
    mapRunResult(result) {
      return runResult(result);
    }

    /** @param {any} result */
    mapAllResult(result) {
      return this.#isMapped ? this.#mapped(result.rows) : asObjects(result);
    }

    /** @param {any} result */
    mapGetResult(result) {
      if (result.rows.length === 0) {
        return undefined;
      }
      return this.#isMapped ? this.#first(result.rows.slice(0, 1)) : asObjects(result)[0];
    }

    get #isMapped() {
      return this.#mapping.fields !== undefined || this.#mapping.customResultMapper !== undefined;
    }

    get #readOptions() {
      return readOptions(this.#settings.largeIntegers, 'drizzle(database, config)');
    }

    /** @param {any[]} rows */
    #narrowed(rows) {
      if (this.#settings.largeIntegers === 'bigint') {
        rows.forEach(narrowRow);
      }
      return rows;
    }

    /**
     * @param {any[][]} rows
     * @returns {any}
     */
    #mapped(rows) {
      const { fields, customResultMapper } = this.#mapping;
      if (customResultMapper) {
        return customResultMapper(rows);
      }
      // Set by the query builder, after it has made this.
      const { joinsNotNullableMap } = /** @type {any} */ (this);
      return rows.map((row) => mapResultRow(fields, row, joinsNotNullableMap));
    }

    /** @param {any[][]} rows A single one. */
    #first(rows) {
      // A mapper of relations answers with what `findFirst` is to answer with, any other mapping with rows.
      return this.#mapping.customResultMapper ? this.#mapped(rows) : this.#mapped(rows)[0];
    }

    /**
     * Logs, runs, and wraps errors as Drizzle does.
     *
     * @template T
     * @param {Record<string, unknown> | undefined} placeholders
     * @param {(sql: string, params: any[]) => Promise<T>} run
     * @returns {Promise<T>}
     */
    async #call(placeholders, run) {
      const { sql, params } = this.query;
      const filled = /** @type {any[]} */ (fillPlaceholders(params, placeholders ?? {}));
      this.#settings.logger.logQuery(sql, filled);
      return await /** @type {any} */ (this).queryWithCache(sql, filled, () => run(sql, filled));
    }

    /** Rows are arrays wherever Drizzle maps them. */
    isResponseInArrayMode() {
      return true;
    }
  };
}

/** @param {BatchResult} result */
function runResult({ changes, lastInsertRowid }) {
  return { changes, lastInsertRowid };
}

/** @param {BatchResult} result */
function asObjects({ columns, rows }) {
  return rows.map((row) => Object.fromEntries(columns.map((column, index) => [column, row[index]])));
}

module.exports = { asObjects, makePreparedQuery, runResult };

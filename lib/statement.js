// The `Statement` class: SQL that was checked once, with what is known of its columns and parameters. The
// addon keeps compiled statements by their text, so that there is nothing here to be freed.

'use strict';

/** @typedef {InstanceType<typeof import('./queries.js').Queries>} Queries */
/** @typedef {import('../index.js').SqlParams} SqlParams */
/** @typedef {import('../index.js').QueryOptions} QueryOptions */

class Statement {
  #queries;
  /** @type {import('../index.js').ColumnInfo[]} */
  #columns;

  /**
   * @param {Queries} queries
   * @param {string} sql
   * @param {import('../binding.js').NativeDescription} description
   */
  constructor(queries, sql, { columns, parameters, readonly }) {
    this.#queries = queries;
    this.#columns = columns.map(({ name, column, table, type }) => ({
      name,
      column: column ?? null,
      table: table ?? null,
      type: type ?? null,
    }));
    this.sql = sql;
    this.parameters = parameters.map((name) => name ?? null);
    this.readonly = readonly;
  }

  columns() {
    return this.#columns.map((column) => ({ ...column }));
  }

  /**
   * @param {SqlParams} [params]
   * @param {QueryOptions} [options]
   */
  async run(params, options) {
    return await this.#queries.run(this.sql, params, options);
  }

  /**
   * @param {SqlParams} [params]
   * @param {QueryOptions} [options]
   * @returns {Promise<any>}
   */
  async get(params, options) {
    return await this.#queries.get(this.sql, params, options);
  }

  /**
   * @param {SqlParams} [params]
   * @param {QueryOptions} [options]
   * @returns {Promise<any[]>}
   */
  async all(params, options) {
    return await this.#queries.all(this.sql, params, options);
  }

  /**
   * @param {SqlParams} [params]
   * @param {QueryOptions} [options]
   */
  iterate(params, options) {
    return this.#queries.iterate(this.sql, params, options);
  }
}

module.exports = { Statement };

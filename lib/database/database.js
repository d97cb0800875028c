// The `Database` class: the SQLite database of one actor.

'use strict';

const { ownBytes } = require('../addon/answer-queue.js');
const { Connection } = require('./connection.js');
const { BatonError } = require('../error.js');
const { Queries } = require('./queries.js');
const { limitOptions } = require('../arguments/query-options.js');
const { runTransaction } = require('./transaction.js');

class Database extends Queries {
  #connection;

  /** @param {InstanceType<typeof Connection>} connection */
  constructor(connection) {
    if (!(connection instanceof Connection)) {
      const message = 'A database is made by store.openDatabase(actorId), not by new Database()';
      throw new BatonError('ERR_INVALID_ARG', message);
    }
    super(connection, connection.scope);
    this.#connection = connection;
    this.actorId = connection.actorId;
    this.startup = connection.startup;
  }

  get closed() {
    return this.#connection.isClosing;
  }

  get open() {
    return !this.closed;
  }

  get isOpen() {
    return !this.closed;
  }

  get isTransaction() {
    return this.#connection.isTransaction;
  }

  get inTransaction() {
    return this.isTransaction;
  }

  get fencedBy() {
    return this.#connection.fencedBy;
  }

  /**
   * @template T
   * @param {(tx: InstanceType<typeof import('./transaction.js').Transaction>) => T | Promise<T>} fn
   * @param {import('../../index.js').TransactionOptions} [options]
   */
  async transaction(fn, options) {
    return await runTransaction(this.#connection, this.#connection.scope, fn, options);
  }

  /** @param {import('../../index.js').CallOptions} [options] */
  async serialize(options) {
    const limits = limitOptions(options);
    const { scope } = this.#connection;
    const bytes = await this.#connection.call(scope, (native, id, job) => native.serialize(id, job), limits);
    return ownBytes(bytes);
  }

  /** @param {import('../../index.js').CallOptions} [options] */
  async point(options) {
    const limits = limitOptions(options);
    const { scope } = this.#connection;
    const txid = await this.#connection.call(scope, (native, id, job) => native.point(id, job), limits);
    return Buffer.from(txid).toString('hex');
  }

  /** @param {import('../../index.js').CallOptions} [options] */
  async flushed(options) {
    const limits = limitOptions(options);
    const { scope } = this.#connection;
    await this.#connection.call(scope, (native, id, job) => native.flush(id, job), limits);
  }

  /**
   * @param {string} name
   * @param {import('../../index.js').FunctionOptions | ((...args: any[]) => unknown)} options
   * @param {(...args: any[]) => unknown} [fn]
   */
  function(name, options, fn) {
    if (fn === undefined && typeof options === 'function') {
      this.#connection.functions.add(this.#define, name, undefined, options);
    } else {
      this.#connection.functions.add(this.#define, name, options, fn);
    }
    return this;
  }

  /**
   * @param {string} name
   * @param {import('../../index.js').AggregateOptions<any>} options
   */
  aggregate(name, options) {
    this.#connection.functions.addAggregate(this.#define, name, options);
    return this;
  }

  /**
   * @param {string} name
   * @param {((left: string, right: string) => number) | null} compare
   */
  collation(name, compare) {
    this.#connection.functions.addCollation(this.#collate, name, compare);
    return this;
  }

  /** @type {import('./functions.js').Collate} */
  #collate = (id, name) => {
    this.#connection.callSync(this.#connection.scope, (native, scope) =>
      id === undefined ? native.dropCollationSync(scope, name) : native.collateSync(scope, id, name),
    );
  };

  /** @type {import('./functions.js').Define} */
  #define = (id, name, argumentCount, shape, flags) => {
    this.#connection.callSync(this.#connection.scope, (native, scope) =>
      native.defineSync(scope, id, name, argumentCount, shape, flags),
    );
  };

  serializeSync() {
    const { scope } = this.#connection;
    return this.#connection.callSync(scope, (native, id) => native.serializeSync(id));
  }

  stats() {
    return this.#connection.stats();
  }

  async close() {
    await this.#connection.close();
  }

  async [Symbol.asyncDispose]() {
    await this.close();
  }
}

module.exports = { Database };

// The `Database` of better-sqlite3, on an open database of Baton.

'use strict';

const { inspect } = require('node:util');

const { isBatonError } = require('../../lib/error.js');
const { chosen, opened, record, text } = require('./arguments.js');
const { attachedMain, backup } = require('./backup.js');
const { SqliteError, translated, unavailable } = require('./errors.js');
const { defineAggregate, defineFunction } = require('./functions.js');
const { Handle } = require('./handle.js');
const { Statement, flag } = require('./statement.js');
const { transactionFunctions } = require('./transaction.js');

/** @typedef {import('../../index.js').Database} Baton */

/** A pragma that SQLite does not know has no effect and no rows. */
const NO_EFFECT = 'PRAGMA baton_no_effect = 0';

const PROPERTIES = ['name', 'open', 'inTransaction', 'readonly', 'memory'];

class Database {
  static SqliteError = SqliteError;

  #handle;

  /**
   * @param {Baton} database
   * @param {Record<string, any>} [options]
   */
  constructor(database, options) {
    this.#handle = new Handle(opened(database));
    this.#handle.verbose = chosen(options ?? {}, this.readonly);
    // Its own, so that it lists and prints them.
    for (const name of PROPERTIES) {
      const { get } = /** @type {PropertyDescriptor} */ (
        Object.getOwnPropertyDescriptor(Database.prototype, name)
      );
      Object.defineProperty(this, name, { get, enumerable: true });
    }
  }

  get name() {
    return this.#handle.database.actorId;
  }

  get open() {
    return this.#handle.isOpen && !this.#handle.database.closed;
  }

  get inTransaction() {
    return this.#handle.isOpen && this.#handle.database.isTransaction;
  }

  get readonly() {
    return this.#handle.database.startup.outcome === 'read-only';
  }

  /** A store may be in memory, and a database does not know. */
  get memory() {
    return false;
  }

  /** @param {unknown} sql */
  prepare(sql) {
    return this.#prepare(text(sql), false);
  }

  /** @param {unknown} fn */
  transaction(fn) {
    if (typeof fn !== 'function') {
      throw new TypeError(`The first argument must be a function. Received ${typeof fn}`);
    }
    this.#handle.check();
    return transactionFunctions(this.#handle, this, fn);
  }

  /**
   * @param {unknown} source
   * @param {any} [options]
   */
  pragma(source, options) {
    const sql = `PRAGMA ${text(source)}`;
    const { simple = false } = record(options, 'second');
    if (typeof simple !== 'boolean') {
      throw new TypeError('The "simple" option must be a boolean');
    }
    this.#handle.check();
    this.#handle.checkNoIterators();
    const statement = this.#prepare(sql, true);
    return simple ? statement.pluck().get() : statement.all();
  }

  /** @param {unknown} source */
  explain(source) {
    const statement = this.#prepared(`EXPLAIN ${text(source)}`);
    // SQLite does not need the values of parameters for that.
    const nulls = statement.parameters.map(() => null);
    return this.#handle.run(() => statement.allSync(nulls));
  }

  /** @param {unknown} sql */
  exec(sql) {
    const source = text(sql);
    const handle = this.#handle;
    handle.check();
    handle.checkNoIterators();
    handle.foreignKeys.checkDrop(source);
    handle.log(() => source);
    handle.run(() => handle.database.execSync(source));
    return this;
  }

  /** @param {any} [options] */
  serialize(options) {
    attachedMain(record(options, 'first'));
    const handle = this.#handle;
    handle.check();
    handle.checkNoIterators();
    const { buffer, byteOffset, byteLength } = handle.run(() => handle.database.serializeSync());
    return Buffer.from(buffer, byteOffset, byteLength);
  }

  /**
   * @param {unknown} filename
   * @param {any} [options]
   */
  async backup(filename, options) {
    this.#handle.check();
    return await backup(this.#handle.database, filename, options);
  }

  /**
   * @param {unknown} name
   * @param {any} options
   * @param {unknown} [fn]
   */
  function(name, options, fn) {
    defineFunction(this.#handle, name, options, fn);
    return this;
  }

  /**
   * @param {unknown} name
   * @param {any} options
   */
  aggregate(name, options) {
    defineAggregate(this.#handle, name, options);
    return this;
  }

  /** @returns {never} */
  table() {
    throw unavailable('table()', 'Baton has no virtual tables written in JavaScript');
  }

  /** @returns {never} */
  loadExtension() {
    throw unavailable(
      'loadExtension()',
      'extensions are loaded when the database is opened, by openDatabase(actorId, { extensions })',
    );
  }

  /** @param {...unknown} on */
  defaultSafeIntegers(...on) {
    this.#handle.checkIdle();
    this.#handle.safeIntegers = flag(on);
    return this;
  }

  /** @param {...unknown} on */
  unsafeMode(...on) {
    this.#handle.checkIdle();
    if (flag(on)) {
      throw unavailable('unsafeMode()', 'what it switches off keeps the database of the actor whole');
    }
    return this;
  }

  close() {
    const handle = this.#handle;
    handle.checkIdle();
    handle.checkNoIterators();
    if (handle.isOpen) {
      handle.isOpen = false;
      handle.database.close().catch((error) => {
        // Better-sqlite3 rolls back what is open, too. Anything else is a loss that somebody must hear of.
        if (!isBatonError(error, 'ERR_CLOSED')) {
          const { code, message, stack } = error;
          process.emitWarning(message, { type: 'BatonWarning', code, detail: stack });
        }
      });
    }
    return this;
  }

  /**
   * @param {number} _
   * @param {import('node:util').InspectOptions} options
   */
  [inspect.custom](_, options) {
    const { name, open, inTransaction, readonly, memory } = this;
    return `${this.constructor.name} ${inspect({ name, open, inTransaction, readonly, memory }, options)}`;
  }

  /**
   * @param {string} sql
   * @param {boolean} isPragma
   */
  #prepare(sql, isPragma) {
    return new Statement(this.#handle, this, this.#prepared(sql), { source: sql, isPragma });
  }

  /** @param {string} sql */
  #prepared(sql) {
    const handle = this.#handle;
    handle.check();
    handle.foreignKeys.checkDrop(sql);
    try {
      return handle.database.prepareSync(sql);
    } catch (error) {
      if (handle.foreignKeys.passesOver(error, sql)) {
        return handle.database.prepareSync(NO_EFFECT);
      }
      // There is no statement in the SQL, or more than one.
      throw isBatonError(error, 'ERR_INVALID_ARG') && !sql.includes('\0')
        ? new RangeError(/** @type {Error} */ (error).message, { cause: error })
        : translated(error);
    }
  }
}

/** With or without `new`, as better-sqlite3 has it. */
const Callable = new Proxy(Database, {
  apply: (target, _, [database, options]) => new target(database, options),
});
Object.defineProperty(Database.prototype, 'constructor', {
  value: Callable,
  writable: true,
  configurable: true,
});

module.exports = { Database: Callable };

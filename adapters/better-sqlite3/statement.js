// The `Statement` of better-sqlite3, on a prepared statement of Baton.

'use strict';

const { BUFFERS, HINT, checkedOptions } = require('../../lib/arguments/query-options.js');
const { expandedSql } = require('./expanded-sql.js');
const { Parameters } = require('./parameters.js');
const { StatementIterator } = require('./iterator.js');

/** @typedef {InstanceType<typeof import('./handle.js').Handle>} Handle */
/** @typedef {import('../../index.js').Statement} BatonStatement */
/** @typedef {'flat' | 'pluck' | 'expand' | 'raw'} Mode */

const HOW_TO_READ =
  'Call safeIntegers() on the statement, or defaultSafeIntegers() on the database, to read bigints';

/** @param {'object' | 'array'} rowMode */
const formats = (rowMode) =>
  [false, true].map((readBigInts) =>
    checkedOptions({ rowMode, readBigInts, [HINT]: HOW_TO_READ, [BUFFERS]: true }),
  );

/** By `+safeIntegers`. */
const AS_OBJECTS = formats('object');
const AS_ARRAYS = formats('array');

class Statement {
  /** @type {Handle} */
  #handle;
  #statement;
  #parameters;
  /** @type {Mode} */
  #mode = 'flat';
  #safeIntegers;
  #isBusy = false;
  /**
   * What `bind` has bound; `values` are undefined if there are no parameters.
   *
   * @type {{ values: unknown[] | undefined } | undefined}
   */
  #bound;

  /**
   * @param {Handle} handle
   * @param {object} database
   * @param {BatonStatement} statement
   * @param {{ source: string, isPragma: boolean }} options
   */
  constructor(handle, database, statement, { source, isPragma }) {
    this.#handle = handle;
    this.#statement = statement;
    this.#parameters = new Parameters(statement.parameters);
    this.#safeIntegers = handle.safeIntegers;
    Object.defineProperties(this, {
      reader: { value: isPragma || statement.columns().length > 0, enumerable: true },
      readonly: { value: statement.readonly, enumerable: true },
      source: { value: source, enumerable: true },
      database: { value: database, enumerable: true },
    });
  }

  get busy() {
    return this.#isBusy && this.#handle.isOpen;
  }

  /** @param {...unknown} args */
  run(...args) {
    const handle = this.#handle;
    this.#check();
    handle.checkNoIterators();
    const values = this.#values(args);
    handle.log(() => expandedSql(this.#statement, values));
    return handle.run(() => this.#statement.runSync(values, AS_OBJECTS[+this.#safeIntegers]));
  }

  /** @param {...unknown} args */
  get(...args) {
    const values = this.#begin(args);
    const row = this.#handle.run(() => this.#statement.getSync(values, this.#format));
    return row === undefined ? undefined : this.#shape(row);
  }

  /** @param {...unknown} args */
  all(...args) {
    const values = this.#begin(args);
    const rows = this.#handle.run(() => this.#statement.allSync(values, this.#format));
    return this.#mode === 'pluck' || this.#mode === 'expand' ? rows.map((row) => this.#shape(row)) : rows;
  }

  /** @param {...unknown} args */
  iterate(...args) {
    const handle = this.#handle;
    this.#checkReader();
    this.#check();
    const values = this.#values(args);
    const rows = this.#statement.iterateSync(values, this.#format);
    handle.iterators += 1;
    this.#isBusy = true;
    return new StatementIterator(this, handle, {
      rows,
      shape: (row) => this.#shape(row),
      began: () => handle.log(() => expandedSql(this.#statement, values)),
      ended: () => {
        handle.iterators -= 1;
        this.#isBusy = false;
      },
    });
  }

  /** @param {...unknown} args */
  bind(...args) {
    if (this.#bound !== undefined) {
      throw new TypeError('bind() can be called only once for each statement');
    }
    this.#check();
    const values = this.#parameters.values(args);
    // The caller may go on to use its buffers.
    this.#bound = { values: values?.map((value) => (ArrayBuffer.isView(value) ? copied(value) : value)) };
    return this;
  }

  /** @param {...unknown} on */
  pluck(...on) {
    return this.#setMode('pluck', on);
  }

  /** @param {...unknown} on */
  expand(...on) {
    return this.#setMode('expand', on);
  }

  /** @param {...unknown} on */
  raw(...on) {
    return this.#setMode('raw', on);
  }

  /** @param {...unknown} on */
  safeIntegers(...on) {
    this.#handle.checkIdle();
    this.#checkNotBusy();
    this.#safeIntegers = flag(on);
    return this;
  }

  columns() {
    this.#checkReader('columns');
    this.#handle.check();
    return this.#statement.columns().map(({ name, column, table, type }) => ({
      name,
      column,
      table,
      database: table === null ? null : 'main',
      type,
    }));
  }

  /** The SQL, with the values that `bind` has bound. */
  toString() {
    return this.#bound === undefined ? this.#statement.sql : expandedSql(this.#statement, this.#bound.values);
  }

  /** @param {readonly unknown[]} args */
  #begin(args) {
    this.#checkReader();
    this.#check();
    const values = this.#values(args);
    this.#handle.log(() => expandedSql(this.#statement, values));
    return values;
  }

  #check() {
    this.#handle.check();
    this.#checkNotBusy();
  }

  #checkNotBusy() {
    if (this.#isBusy) {
      throw new TypeError('This statement is busy with a query: its iteration is open');
    }
  }

  /** @param {string} [method] */
  #checkReader(method) {
    if (!(/** @type {{ reader?: boolean }} */ (/** @type {unknown} */ (this)).reader)) {
      throw new TypeError(
        method === undefined
          ? 'The statement returns no data: use run()'
          : `The statement returns no data, and ${method}() is about data`,
      );
    }
  }

  /** @param {readonly unknown[]} args */
  #values(args) {
    if (this.#bound === undefined) {
      return /** @type {any[] | undefined} */ (this.#parameters.values(args));
    }
    if (args.length > 0) {
      throw new TypeError('The parameters of the statement are bound already, by bind()');
    }
    return /** @type {any[] | undefined} */ (this.#bound.values);
  }

  /** @returns {any} Its type depends on what was called before. */
  get #format() {
    return (this.#mode === 'flat' ? AS_OBJECTS : AS_ARRAYS)[+this.#safeIntegers];
  }

  /**
   * @param {Mode} mode
   * @param {readonly unknown[]} on
   */
  #setMode(mode, on) {
    this.#checkReader(mode);
    this.#handle.checkIdle();
    this.#checkNotBusy();
    const isOn = flag(on);
    this.#mode = isOn ? mode : this.#mode === mode ? 'flat' : this.#mode;
    return this;
  }

  /**
   * A row as Baton has returned it, in the form that was asked for.
   *
   * @param {any} row
   */
  #shape(row) {
    switch (this.#mode) {
      case 'pluck':
        return row[0];
      case 'expand':
        return this.#byTable(row);
      default:
        return row;
    }
  }

  /** @param {unknown[]} row */
  #byTable(row) {
    /** @type {Record<string, Record<string, unknown>>} */
    const tables = {};
    for (const [index, { name, table }] of this.#statement.columns().entries()) {
      tables[table ?? '$'] ??= {};
      tables[table ?? '$'][name] = row[index];
    }
    return tables;
  }
}

/** @param {readonly unknown[]} args Of a method that switches something on if it is called without any. */
function flag(args) {
  if (args.length === 0) {
    return true;
  }
  if (typeof args[0] !== 'boolean') {
    throw new TypeError(`The first argument must be a boolean. Received ${typeof args[0]}`);
  }
  return args[0];
}

/** @param {ArrayBufferView} view */
function copied({ buffer, byteOffset, byteLength }) {
  return new Uint8Array(buffer, byteOffset, byteLength).slice();
}

module.exports = { Statement, flag };

// The cursor of `sql.exec`.

'use strict';

const { BatonError } = require('../../lib/error.js');

/** @typedef {import('../durable-object.js').SqlStorageValue} Value */

/**
 * Where a cursor gets its rows.
 *
 * @typedef {object} Source
 * @property {string[]} columns
 * @property {number} changes
 * @property {number} rowsRead
 * @property {number} rowsHere How many rows need not be fetched.
 * @property {boolean} isOpen Whether there are others.
 * @property {boolean} isLeft
 * @property {() => Value[] | undefined} next
 * @property {() => void} close
 */

/** What gives iterators `map`, `filter` and so on, where JavaScript has them. */
const IteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));

class SqlCursor {
  #source;

  /** @param {Source} source */
  constructor(source) {
    this.#source = source;
    this.columnNames = source.columns;
  }

  get rowsRead() {
    return this.#source.rowsRead;
  }

  get rowsWritten() {
    return this.#source.changes;
  }

  /** @returns {IteratorResult<Record<string, Value>, undefined>} */
  next() {
    const row = this.#source.next();
    return row === undefined
      ? { done: true, value: undefined }
      : { done: false, value: asObject(this.columnNames, row) };
  }

  /**
   * What a loop calls that is left. It ends nothing: the same cursor can go on.
   *
   * @returns {IteratorResult<Record<string, Value>, undefined>}
   */
  return() {
    this.#source.isLeft = true;
    return { done: true, value: undefined };
  }

  [Symbol.iterator]() {
    return this;
  }

  /** @returns {Record<string, Value>[]} */
  toArray() {
    const rows = [];
    for (let row = this.#source.next(); row !== undefined; row = this.#source.next()) {
      rows.push(asObject(this.columnNames, row));
    }
    return rows;
  }

  one() {
    const source = this.#source;
    const row = source.next();
    if (row === undefined) {
      throw new BatonError('ERR_INVALID_ARG', 'one() needs exactly one row, and the query answered none');
    }
    const further = source.rowsHere;
    if (further > 0 || source.isOpen) {
      const count = source.isOpen ? `more than ${1 + further}` : String(1 + further);
      source.close();
      throw new BatonError('ERR_INVALID_ARG', `one() needs exactly one row, and the query answered ${count}`);
    }
    return asObject(this.columnNames, row);
  }

  raw() {
    return new RawRows(this.#source);
  }
}

/** The rows of a cursor as arrays. */
class RawRows {
  #source;

  /** @param {Source} source */
  constructor(source) {
    this.#source = source;
  }

  /** @returns {IteratorResult<Value[], undefined>} */
  next() {
    const value = this.#source.next();
    return value === undefined ? { done: true, value } : { done: false, value };
  }

  /** @returns {IteratorResult<Value[], undefined>} */
  return() {
    this.#source.isLeft = true;
    return { done: true, value: undefined };
  }

  [Symbol.iterator]() {
    return this;
  }

  /** @returns {Value[][]} */
  toArray() {
    const rows = [];
    for (let row = this.#source.next(); row !== undefined; row = this.#source.next()) {
      rows.push(row);
    }
    return rows;
  }
}

Object.setPrototypeOf(SqlCursor.prototype, IteratorPrototype);
Object.setPrototypeOf(RawRows.prototype, IteratorPrototype);

/**
 * @param {string[]} names
 * @param {Value[]} row
 * @returns {Record<string, Value>}
 */
function asObject(names, row) {
  /** @type {Record<string, Value>} */
  const object = {};
  for (let index = 0; index < names.length; index += 1) {
    if (names[index] === '__proto__') {
      // An assignment would set the prototype.
      return Object.fromEntries(names.map((name, at) => [name, row[at]]));
    }
    object[names[index]] = row[index];
  }
  return object;
}

module.exports = { SqlCursor };

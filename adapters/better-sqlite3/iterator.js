// The iterator of `statement.iterate()`. While it is open, nothing may write through the same database.

'use strict';

const { translated } = require('./errors.js');

/**
 * @typedef {object} Iteration
 * @property {Generator<any, void, void>} rows
 * @property {(row: any) => unknown} shape
 * @property {() => void} began Before the first row.
 * @property {() => void} ended
 */

class StatementIterator {
  #handle;
  #iteration;
  #hasBegun = false;
  #isOpen = true;

  /**
   * @param {object} statement
   * @param {InstanceType<typeof import('./handle.js').Handle>} handle
   * @param {Iteration} iteration
   */
  constructor(statement, handle, iteration) {
    this.#handle = handle;
    this.#iteration = iteration;
    Object.defineProperty(this, 'statement', { value: statement, enumerable: true });
  }

  /** @returns {IteratorResult<unknown, undefined>} */
  next() {
    this.#handle.checkIdle();
    if (!this.#isOpen) {
      return { value: undefined, done: true };
    }
    try {
      if (!this.#hasBegun) {
        this.#hasBegun = true;
        this.#iteration.began();
      }
      const { value, done } = this.#handle.run(() => this.#iteration.rows.next());
      if (!done) {
        return { value: this.#iteration.shape(value), done: false };
      }
    } catch (error) {
      this.#end();
      throw error;
    }
    return this.#end();
  }

  /** @returns {IteratorResult<unknown, undefined>} */
  return() {
    this.#handle.checkIdle();
    return this.#isOpen ? this.#end() : { value: undefined, done: true };
  }

  [Symbol.iterator]() {
    return this;
  }

  /** @returns {IteratorReturnResult<undefined>} */
  #end() {
    this.#isOpen = false;
    this.#iteration.ended();
    try {
      this.#iteration.rows.return();
    } catch (error) {
      throw translated(error);
    }
    return { value: undefined, done: true };
  }
}

module.exports = { StatementIterator };

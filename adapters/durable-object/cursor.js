// The cursor of `sql.exec`, twice: the one that has its rows, whose methods answer at once as in a Durable Object, and
// the one that waits for them, which is what `sql.exec` answers with.

'use strict';

const { BatonError } = require('../../lib/error.js');

/** @typedef {import('../durable-object.js').SqlStorageValue} Value */
/** @typedef {{ columnNames: string[], rows: Value[][], rowsWritten: number }} Answer */

class SqlCursor {
  #rows;
  #at = 0;

  /** @param {Answer} answer */
  constructor({ columnNames, rows, rowsWritten }) {
    this.#rows = rows;
    this.columnNames = columnNames;
    this.rowsRead = rows.length;
    this.rowsWritten = rowsWritten;
  }

  /** @returns {IteratorResult<Record<string, Value>, undefined>} */
  next() {
    const { done, value } = this.#nextRow();
    return done ? { done, value: undefined } : { done: false, value: this.#object(value) };
  }

  [Symbol.iterator]() {
    return this;
  }

  toArray() {
    return [...this];
  }

  one() {
    const { done, value } = this.next();
    if (done) {
      throw new BatonError('ERR_INVALID_ARG', 'one() needs exactly one row, and the query answered none');
    }
    const further = this.#rows.length - this.#at;
    if (further > 0) {
      this.#at = this.#rows.length;
      throw new BatonError(
        'ERR_INVALID_ARG',
        `one() needs exactly one row, and the query answered ${1 + further}`,
      );
    }
    return value;
  }

  raw() {
    const next = () => this.#nextRow();
    return {
      next,
      [Symbol.iterator]() {
        return this;
      },
      toArray() {
        return [...this];
      },
    };
  }

  /** @returns {IteratorResult<any, undefined>} */
  #nextRow() {
    if (this.#at >= this.#rows.length) {
      return { done: true, value: undefined };
    }
    this.#at += 1;
    return { done: false, value: this.#rows[this.#at - 1] };
  }

  /** @param {Value[]} row */
  #object(row) {
    return Object.fromEntries(this.columnNames.map((name, index) => [name, row[index]]));
  }
}

/** A promise of a {@link SqlCursor} that has its methods already. */
class PendingCursor {
  #cursor;

  /** @param {Promise<InstanceType<typeof SqlCursor>>} cursor */
  constructor(cursor) {
    this.#cursor = cursor;
  }

  /**
   * @param {((cursor: any) => any) | null} [onFulfilled]
   * @param {((reason: any) => any) | null} [onRejected]
   */
  then(onFulfilled, onRejected) {
    return this.#cursor.then(onFulfilled, onRejected);
  }

  /** @param {((reason: any) => any) | null} [onRejected] */
  catch(onRejected) {
    return this.#cursor.catch(onRejected);
  }

  /** @param {(() => void) | null} [onFinally] */
  finally(onFinally) {
    return this.#cursor.finally(onFinally);
  }

  get [Symbol.toStringTag]() {
    return 'PendingCursor';
  }

  async next() {
    return (await this.#cursor).next();
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  async toArray() {
    return (await this.#cursor).toArray();
  }

  async one() {
    return (await this.#cursor).one();
  }

  raw() {
    const cursor = this.#cursor;
    /** @type {Promise<ReturnType<InstanceType<typeof SqlCursor>['raw']>> | undefined} */
    let rows;
    const raw = () => (rows ??= cursor.then((each) => each.raw()));
    return {
      next: async () => (await raw()).next(),
      [Symbol.asyncIterator]() {
        return this;
      },
      toArray: async () => (await raw()).toArray(),
    };
  }

  get columnNames() {
    return this.#notYet('columnNames');
  }

  get rowsRead() {
    return this.#notYet('rowsRead');
  }

  get rowsWritten() {
    return this.#notYet('rowsWritten');
  }

  /**
   * @param {string} name
   * @returns {never}
   */
  #notYet(name) {
    const message = `The cursor has no ${name} yet: await it first, as in (await sql.exec(query)).${name}`;
    throw new BatonError('ERR_INVALID_ARG', message);
  }
}

module.exports = { PendingCursor, SqlCursor };

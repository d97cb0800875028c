// What a database of this adapter and its statements share: the Baton database, and what may run on it now.

'use strict';

const { translated } = require('./errors.js');
const { ForeignKeys } = require('./foreign-keys.js');

/** @typedef {import('../../index.js').Database} Baton */

class Handle {
  isOpen = true;
  /** Whether SQL or the `verbose` function runs at this moment, so that calls come from within it. */
  isBusy = false;
  /** How many iterations are open. */
  iterators = 0;
  /** Whether new statements read integers as `bigint`. */
  safeIntegers = false;
  /** @type {((sql: string) => unknown) | undefined} */
  verbose;

  /** @param {Baton} database */
  constructor(database) {
    this.database = database;
    this.foreignKeys = new ForeignKeys(database);
  }

  /** Before anything that needs the database. */
  check() {
    if (!this.isOpen) {
      throw new TypeError('The database connection is not open');
    }
    this.checkIdle();
  }

  checkIdle() {
    if (this.isBusy) {
      throw new TypeError('The database connection is busy with a query');
    }
  }

  /** Before anything that may write, as better-sqlite3 has it: an iteration reads what it finds. */
  checkNoIterators() {
    if (this.iterators > 0) {
      throw new TypeError('The database connection is busy with a query: an iteration is open');
    }
  }

  /**
   * Makes a call of the Baton database.
   *
   * @template T
   * @param {() => T} call
   * @returns {T}
   */
  run(call) {
    this.isBusy = true;
    try {
      return call();
    } catch (error) {
      throw translated(error);
    } finally {
      this.isBusy = false;
    }
  }

  /** @param {() => string} sql */
  log(sql) {
    const { verbose } = this;
    if (verbose !== undefined) {
      this.isBusy = true;
      try {
        verbose(sql());
      } finally {
        this.isBusy = false;
      }
    }
  }
}

module.exports = { Handle };

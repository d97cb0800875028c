// `PRAGMA foreign_keys` inside of a transaction. SQLite passes over it there, and better-sqlite3 with it. Migrations have
// it that recreate a table, and Drizzle's migrator runs them in a transaction. Baton refuses it, because what follows may
// lose rows: those that refer to the table with ON DELETE CASCADE go when it is dropped. So the pragma is passed over
// here, with a warning, and the DROP TABLE that would lose rows is refused.

'use strict';

const { isBatonError } = require('../../lib/error.js');
const { refuseCascade } = require('../durable-object/foreign-keys.js');

const NO_EFFECT =
  'PRAGMA foreign_keys has no effect inside a transaction: SQLite passes over it. Set it before the transaction begins, ' +
  'or put the checks off to its end with PRAGMA defer_foreign_keys = ON';

class ForeignKeys {
  #database;
  #hasWarned = false;
  /** Whether the open transaction goes on as if they were off. */
  #areBelievedOff = false;

  /** @param {import('../../index.js').Database} database */
  constructor(database) {
    this.#database = database;
  }

  /**
   * Whether a statement was refused that SQLite passes over.
   *
   * @param {unknown} error
   * @param {string} sql
   */
  passesOver(error, sql) {
    const { message } = /** @type {Error} */ (error);
    if (!isBatonError(error, 'SQLITE_ERROR') || !message.startsWith('PRAGMA foreign_keys is refused')) {
      return false;
    }
    this.#areBelievedOff = this.#database.getSync('PRAGMA foreign_keys')?.foreign_keys === 1;
    // Once for each database: what asks for it tends to ask again.
    if (!this.#hasWarned) {
      this.#hasWarned = true;
      process.emitWarning(`${NO_EFFECT}. It was: ${sql}`, 'BatonWarning');
    }
    return true;
  }

  /**
   * Before a statement, or several.
   *
   * @param {string} sql
   */
  checkDrop(sql) {
    if (this.#areBelievedOff) {
      this.#areBelievedOff = this.#database.isTransaction;
      if (this.#areBelievedOff) {
        sql.split(';').forEach((part) => refuseCascade(part, /** @type {any} */ (this.#database)));
      }
    }
  }
}

module.exports = { ForeignKeys };

// A transaction that begins and ends by calls, as Kysely has it, on top of `database.transaction(fn)`: the function
// given to Baton waits until it is told how to end. The database's line is held back meanwhile, and Baton's deadline
// ends a transaction that nobody ends.

'use strict';

/** @typedef {import('../../index.js').Database} Database */
/** @typedef {import('../../index.js').Transaction} Transaction */
/** @typedef {import('../../index.js').TransactionOptions} TransactionOptions */

const ROLLBACK = new Error('The transaction is rolled back');

class HeldTransaction {
  /** @type {Transaction} */
  #tx;
  #ending;
  #done;
  #isOver = false;

  /**
   * @param {Transaction} tx
   * @param {{ commit: () => void, rollback: (reason: Error) => void }} ending
   * @param {Promise<void>} done Settles when the transaction has ended in the store.
   */
  constructor(tx, ending, done) {
    this.#tx = tx;
    this.#ending = ending;
    this.#done = done;
  }

  /**
   * Resolves when the transaction has its turn.
   *
   * @param {Database} database
   * @param {TransactionOptions} options
   * @returns {Promise<HeldTransaction>}
   */
  static begin(database, options) {
    return new Promise((resolve, reject) => {
      const done = database.transaction(
        (tx) =>
          /** @type {Promise<void>} */ (
            new Promise((commit, rollback) => {
              // In the next turn, because `done` is not assigned while a transaction begins at once.
              queueMicrotask(() => resolve(new HeldTransaction(tx, { commit, rollback }, done)));
            })
          ),
        options,
      );
      // Tells that it could not begin. Later ends are told to those who end it.
      done.catch(reject);
    });
  }

  get queries() {
    return this.#tx;
  }

  async commit() {
    this.#isOver = true;
    this.#ending.commit();
    await this.#done;
  }

  /** Does nothing after a commit that failed: nothing of it is left then. */
  async rollback() {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    this.#ending.rollback(ROLLBACK);
    await this.#done.catch((error) => {
      if (error !== ROLLBACK) {
        throw error;
      }
    });
  }
}

module.exports = { HeldTransaction };

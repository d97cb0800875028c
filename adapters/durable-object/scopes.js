// Which transaction a call of the storage is made in.
//
// What runs in the function of `transaction` is known by its asynchronous context, so that `storage.sql` means the
// transaction there, as it does in a Durable Object. What runs in the function of `transactionSync` is all that runs
// before it ends.

'use strict';

const { AsyncLocalStorage } = require('node:async_hooks');

const { BatonError } = require('../../lib/error.js');
const { insideOf } = require('../../lib/database/scripts.js');

/** @typedef {import('../arguments.js').AllQueries} Queries */
/** @typedef {import('../../lib/database/scripts.js').Inside} Inside */
/** @typedef {InstanceType<typeof import('./sql.js').FetchedRows>} FetchedRows */

/**
 * What ends with a transaction.
 *
 * @typedef {object} Frame
 * @property {Set<FetchedRows>} cursors Those that were opened in it and have rows left.
 * @property {boolean} isForeignKeysOff Whether `PRAGMA foreign_keys = OFF` was passed over in it.
 */

/**
 * The database, or a transaction as what runs in its function knows it.
 *
 * @typedef {object} Scope
 * @property {Queries} queries
 * @property {Inside | undefined} inside None for a user's wrapper around a database.
 * @property {Scope | undefined} outer None for the database.
 * @property {Frame | undefined} frame
 * @property {boolean} isRolledBack
 * @property {boolean} isOver
 */

const ROLLBACK = new Error('The transaction is rolled back');
const OVER = 'The transaction is over: storage itself, and storage.sql, go on without it';

/** How much of a cursor outlives the transaction that it was opened in, behind the rows that were fetched with others. */
const KEPT_MAX = { bytes: 16 << 20, rows: 1_000_000 };

/** How long contexts are still tracked after the last transaction. Before Node 24, that slows down every promise. */
const LINGER_MS = 100;

class Scopes {
  #root;
  /** @type {AsyncLocalStorage<Scope>} */
  #context = new AsyncLocalStorage();
  #runs = 0;
  /** @type {NodeJS.Timeout | undefined} */
  #lingering;
  /** Those of `transactionSync`, the innermost last. @type {Frame[]} */
  #frames = [];

  /** @param {Queries} queries */
  constructor(queries) {
    this.#root = scopeOf(queries, undefined, undefined);
  }

  /**
   * The transaction that the caller is in. What a transaction has left behind is in the one around it, if that is still
   * open, and else in none: then it runs on the database, as it would in a Durable Object.
   */
  current() {
    let scope = this.#runs === 0 ? undefined : this.#context.getStore();
    while (scope?.isOver) {
      scope = scope.outer;
    }
    if (scope?.isRolledBack) {
      throw new BatonError('ERR_CLOSED', 'The transaction is rolled back');
    }
    return scope ?? this.#root;
  }

  /**
   * The innermost transaction that the caller is in; none outside of transactions.
   *
   * @returns {Frame | undefined}
   */
  frame() {
    return this.#frames.at(-1) ?? this.current().frame;
  }

  /** @param {FetchedRows} cursor It has rows left. */
  opened(cursor) {
    this.frame()?.cursors.add(cursor);
  }

  /**
   * @template T
   * @param {() => T} closure
   * @returns {T}
   */
  runSync(closure) {
    const { queries, inside } = this.current();
    const frame = newFrame(this.frame());
    return queries.transactionSync(() => {
      this.#frames.push(frame);
      try {
        return closure();
      } finally {
        this.#frames.pop();
        keepRows(frame, inside);
      }
    });
  }

  /**
   * @template T
   * @param {(scope: Scope) => T | Promise<T>} closure
   * @returns {Promise<T>}
   */
  async run(closure) {
    // As in a Durable Object, what the caller does before it waits comes first.
    await undefined;
    const outer = this.current();
    /** @type {any} */
    let value;
    try {
      await outer.queries.transaction(async (tx) => {
        const scope = scopeOf(/** @type {any} */ (tx), outer, newFrame(outer.frame));
        this.#runs += 1;
        try {
          value = await this.#context.run(scope, () => closure(scope));
        } finally {
          this.#left();
          // From here on, before the commit: what comes later waits for it, and then runs.
          scope.isOver = true;
          keepRows(/** @type {Frame} */ (scope.frame), scope.inside);
        }
        if (scope.isRolledBack) {
          throw ROLLBACK;
        }
      });
    } catch (error) {
      if (error !== ROLLBACK) {
        throw error;
      }
    }
    return value;
  }

  /** The function of a transaction is over. Work that it has left behind is in no transaction from then on. */
  #left() {
    this.#runs -= 1;
    if (this.#runs > 0) {
      return;
    }
    const stop = () => this.#runs === 0 && this.#context.disable();
    this.#lingering = this.#lingering?.refresh() ?? setTimeout(stop, LINGER_MS).unref();
  }
}

/** @type {WeakMap<Queries, Scopes>} */
const ofDatabases = new WeakMap();

/**
 * Those of a database, which all storages on it share.
 *
 * @param {Queries} queries
 */
function scopesOf(queries) {
  let scopes = ofDatabases.get(queries);
  if (scopes === undefined) {
    scopes = new Scopes(queries);
    ofDatabases.set(queries, scopes);
  }
  return scopes;
}

/**
 * @param {Queries} queries
 * @param {Scope | undefined} outer
 * @param {Frame | undefined} frame
 * @returns {Scope}
 */
function scopeOf(queries, outer, frame) {
  return { queries, inside: insideOf(queries), outer, frame, isRolledBack: false, isOver: false };
}

/**
 * @param {Frame | undefined} outer
 * @returns {Frame}
 */
function newFrame(outer) {
  return { cursors: new Set(), isForeignKeysOff: outer?.isForeignKeysOff ?? false };
}

/**
 * Reads what the cursors of a transaction have left: after its end they could not.
 *
 * @param {Frame} frame
 * @param {Inside | undefined} inside
 */
function keepRows({ cursors }, inside) {
  for (const cursor of cursors) {
    if (!cursor.isLeft) cursor.fetchAhead(/** @type {Inside} */ (inside), KEPT_MAX);
  }
}

/**
 * The queries of a transaction, for what means it for good.
 *
 * @param {Scope} scope
 */
function queriesOf(scope) {
  if (scope.isOver) {
    throw new BatonError('ERR_CLOSED', OVER);
  }
  if (scope.isRolledBack) {
    throw new BatonError('ERR_CLOSED', 'The transaction is rolled back');
  }
  return scope.queries;
}

/** @param {Scope} scope */
function rollBack(scope) {
  if (scope.isOver && !scope.isRolledBack) {
    throw new BatonError('ERR_CLOSED', OVER);
  }
  scope.isRolledBack = true;
}

module.exports = { Scopes, queriesOf, rollBack, scopesOf };

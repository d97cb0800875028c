// The `Transaction` class, and how a transaction runs: begin, the caller's function, commit or roll back.
// Meanwhile the addon holds back the database's other calls. It rolls back a transaction that is open past
// its deadline.

'use strict';

const { observed } = require('../observe/channels.js');
const check = require('../arguments/check.js');
const { BatonError } = require('../error.js');
const { inside } = require('./inside.js');
const { Queries } = require('./queries.js');
const { transactionOptions } = require('../arguments/query-options.js');

/** @typedef {InstanceType<typeof import('./connection.js').Connection>} Connection */
/** @typedef {import('./connection.js').Scope} Scope */
/** @typedef {import('../../index.js').TransactionOptions} TransactionOptions */

class Transaction extends Queries {
  #connection;
  #scope;

  /**
   * @param {Connection} connection
   * @param {Scope} scope
   */
  constructor(connection, scope) {
    if (typeof scope?.id !== 'number') {
      const message = 'A transaction is made by database.transaction(fn), not by new Transaction()';
      throw new BatonError('ERR_INVALID_ARG', message);
    }
    super(connection, scope);
    this.#connection = connection;
    this.#scope = scope;
  }

  /**
   * @template T
   * @param {(tx: Transaction) => T | Promise<T>} fn
   * @param {TransactionOptions} [options]
   */
  async transaction(fn, options) {
    return await runTransaction(this.#connection, this.#scope, fn, options);
  }
}

/**
 * @template T
 * @param {Connection} connection
 * @param {Scope} outer The scope of the database or of the enclosing transaction.
 * @param {(tx: Transaction) => T | Promise<T>} fn
 * @param {TransactionOptions | undefined} options
 * @returns {Promise<T>}
 */
async function runTransaction(connection, outer, fn, options) {
  if (typeof fn !== 'function') {
    throw check.invalid('fn', 'a function', fn);
  }
  const {
    mode,
    signal,
    traceparent,
    timeoutMs = connection.transactionTimeoutMs,
  } = transactionOptions(options);
  const signals = signal === undefined ? outer.signals : [signal, ...outer.signals];
  /** @type {Scope} */
  const scope = { id: 0, isOver: false, outer, signals };
  const begin = observed({ connection, operation: 'begin', sql: 'BEGIN' }, () =>
    connection.call(outer, (native, outerId, job) => native.begin(outerId, job, mode, timeoutMs), { signal }),
  );
  // Before it has begun, so that the database is not closed between its turn and its first call.
  connection.transactionOpen(scope, Infinity);
  try {
    scope.id = await begin;
    connection.transactionOpen(scope, timeoutMs);
    return await runInside(connection, scope, fn, traceparent);
  } finally {
    connection.transactionOver(scope);
  }
}

/**
 * @template T
 * @param {Connection} connection
 * @param {Scope} scope
 * @param {(tx: Transaction) => T | Promise<T>} fn
 * @param {string | undefined} traceparent
 */
async function runInside(connection, scope, fn, traceparent) {
  let value;
  try {
    value = await inside(connection, scope, () => fn(new Transaction(connection, scope)));
    const aborted = scope.signals.find((signal) => signal.aborted);
    if (aborted) {
      const message = 'The transaction was aborted and is rolled back';
      throw new BatonError('ERR_ABORTED', message, { cause: aborted.reason });
    }
  } catch (error) {
    scope.isOver = true;
    // The caller needs the first error, not that there was nothing left to roll back.
    await observed({ connection, operation: 'rollback', sql: 'ROLLBACK' }, () =>
      connection.end(scope, false, traceparent),
    ).catch(() => {});
    throw error;
  }
  scope.isOver = true;
  await observed({ connection, operation: 'commit', sql: 'COMMIT' }, () =>
    connection.end(scope, true, traceparent),
  );
  return value;
}

module.exports = { Transaction, runTransaction };

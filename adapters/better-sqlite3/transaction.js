// `db.transaction(fn)`: functions that run `fn` in a transaction, or in a savepoint if one is open.

'use strict';

const { types } = require('node:util');

const { translated } = require('./errors.js');

/** @typedef {InstanceType<typeof import('./handle.js').Handle>} Handle */
/** @typedef {'deferred' | 'immediate' | 'exclusive'} Behavior */

const NO_PROMISE =
  'The function of a transaction must not be async or return a promise: the transaction ends when it returns';

/**
 * @param {Handle} handle
 * @param {object} database
 * @param {Function} fn
 */
function transactionFunctions(handle, database, fn) {
  const functions = {
    default: transactionFunction(handle, fn, 'BEGIN'),
    deferred: transactionFunction(handle, fn, 'BEGIN DEFERRED', 'deferred'),
    immediate: transactionFunction(handle, fn, 'BEGIN IMMEDIATE', 'immediate'),
    exclusive: transactionFunction(handle, fn, 'BEGIN EXCLUSIVE', 'exclusive'),
  };
  const properties = Object.fromEntries(Object.entries(functions).map(([name, value]) => [name, { value }]));
  for (const each of Object.values(functions)) {
    Object.defineProperties(each, { ...properties, database: { value: database, enumerable: true } });
  }
  return functions.default;
}

/**
 * @param {Handle} handle
 * @param {Function} fn
 * @param {string} begin
 * @param {Behavior} [behavior]
 */
function transactionFunction(handle, fn, begin, behavior) {
  /**
   * @this {unknown}
   * @param {...unknown} args
   */
  return function sqliteTransaction(...args) {
    return inTransaction(handle, () => fn.apply(this, args), { fn, begin, behavior });
  };
}

/**
 * @param {Handle} handle
 * @param {() => any} call
 * @param {{ fn: Function, begin: string, behavior?: Behavior }} options What to tell the `verbose` function, among others.
 */
function inTransaction(handle, call, { fn, begin, behavior = 'deferred' }) {
  handle.check();
  handle.checkNoIterators();
  if (types.isAsyncFunction(fn)) {
    // Not even begun: what comes after its first `await` would run outside of the transaction.
    throw new TypeError(NO_PROMISE);
  }
  const isInner = handle.database.isTransaction;
  handle.foreignKeys.checkDrop('');
  handle.log(() => (isInner ? 'SAVEPOINT' : begin));
  /** @type {{ error: unknown } | undefined} */
  let own;
  const guarded = () => {
    try {
      const value = call();
      if (typeof value?.then === 'function') {
        // What it does later is no part of this, and its errors are nobody's.
        Promise.resolve(value).catch(() => {});
        throw new TypeError(NO_PROMISE);
      }
      handle.checkNoIterators();
      handle.log(() => (isInner ? 'RELEASE' : 'COMMIT'));
      return value;
    } catch (error) {
      own = { error };
      handle.log(() => (isInner ? 'ROLLBACK TO' : 'ROLLBACK'));
      throw error;
    }
  };
  try {
    return handle.database.transactionSync(guarded, { behavior });
  } catch (error) {
    throw own?.error === error ? error : translated(error);
  }
}

module.exports = { transactionFunctions };

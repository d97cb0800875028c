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
  const deferred = transactionFunction(handle, fn, 'deferred');
  const functions = {
    default: deferred,
    deferred,
    immediate: transactionFunction(handle, fn, 'immediate'),
    exclusive: transactionFunction(handle, fn, 'exclusive'),
  };
  const properties = Object.fromEntries(Object.entries(functions).map(([name, value]) => [name, { value }]));
  for (const each of new Set(Object.values(functions))) {
    Object.defineProperties(each, { ...properties, database: { value: database, enumerable: true } });
  }
  return deferred;
}

/**
 * @param {Handle} handle
 * @param {Function} fn
 * @param {Behavior} behavior
 */
function transactionFunction(handle, fn, behavior) {
  /**
   * @this {unknown}
   * @param {...unknown} args
   */
  return function sqliteTransaction(...args) {
    return inTransaction(handle, () => fn.apply(this, args), { fn, behavior });
  };
}

/**
 * @param {Handle} handle
 * @param {() => any} call
 * @param {{ fn: Function, behavior: Behavior }} options
 */
function inTransaction(handle, call, { fn, behavior }) {
  handle.check();
  handle.checkNoIterators();
  if (types.isAsyncFunction(fn)) {
    // Not even begun: what comes after its first `await` would run outside of the transaction.
    throw new TypeError(NO_PROMISE);
  }
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
      return value;
    } catch (error) {
      own = { error };
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

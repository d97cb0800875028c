// What the adapters have in common: checks of the database and of the peer that they are given, and integers past 2^53.

'use strict';

const check = require('../lib/arguments/check.js');
const { BatonError } = require('../lib/error.js');
const { HINT } = require('../lib/arguments/query-options.js');

/** @typedef {import('../index.js').Queries} Queries */
/** @typedef {Queries & import('../index.js').SyncQueries} AllQueries */

const METHODS = /** @type {const} */ (['run', 'get', 'all', 'iterate', 'batch', 'exec', 'transaction']);
const SYNC_METHODS = /** @type {const} */ (['runSync', 'getSync', 'allSync', 'batchSync', 'transactionSync']);

/**
 * Asked for by its methods and not with `instanceof`, so that a database of another copy of this package does.
 *
 * @param {unknown} value
 * @param {string} name
 * @returns {any}
 */
function queries(value, name) {
  const candidate = /** @type {any} */ (value);
  if (
    typeof candidate !== 'object' ||
    candidate === null ||
    METHODS.some((method) => typeof candidate[method] !== 'function')
  ) {
    throw check.invalid(name, 'a Database of store.openDatabase(actorId)', value);
  }
  return candidate;
}

/**
 * {@link queries} whose calls can be made on the calling thread.
 *
 * @param {unknown} value
 * @param {string} name
 */
function syncQueries(value, name) {
  const candidate = queries(value, name);
  if (SYNC_METHODS.some((method) => typeof candidate[method] !== 'function')) {
    throw check.invalid(name, `a Database with ${SYNC_METHODS.join(', ')}`, value);
  }
  return /** @type {AllQueries} */ (candidate);
}

/**
 * @param {unknown} value
 * @param {string} name
 * @returns {'error' | 'bigint'}
 */
function largeIntegers(value, name) {
  if (value === undefined) {
    return 'error';
  }
  if (value !== 'error' && value !== 'bigint') {
    throw check.invalid(name, "'error' or 'bigint'", value);
  }
  return value;
}

/**
 * How rows are read, so that the error about an integer that a number cannot hold names the option of the adapter.
 *
 * @param {'error' | 'bigint'} largeIntegers_
 * @param {string} target What takes the option.
 */
function readOptions(largeIntegers_, target) {
  return largeIntegers_ === 'bigint'
    ? { readBigInts: true }
    : {
        readBigInts: false,
        [HINT]: `Pass { largeIntegers: 'bigint' } to ${target} to read such integers as bigint`,
      };
}

/**
 * The library that is adapted, if it is one that can be. The range of versions in package.json cannot see to that: it
 * takes any, since one that it did not take would end the installation of a project that has no use for the adapter.
 *
 * @template {Record<string, any>} Peer
 * @param {Peer} library
 * @param {readonly (keyof Peer & string)[]} names What the adapter needs of it.
 * @param {string} supported
 * @returns {Peer}
 */
function peer(library, names, supported) {
  const missing = names.filter((name) => library[name] === undefined);
  if (missing.length > 0) {
    const message = `${supported}, and not with the version that is installed: it does not export ${missing.join(', ')}`;
    throw new BatonError('ERR_INVALID_ARG', message);
  }
  return library;
}

/**
 * An integer that was read as `bigint`: a number again, unless a number cannot hold it.
 *
 * @param {unknown} value
 */
function narrowed(value) {
  if (typeof value !== 'bigint') {
    return value;
  }
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/**
 * Narrows the values of a row, in place.
 *
 * @template {any} Row
 * @param {Row} row An array, an object or nothing.
 * @returns {Row}
 */
function narrowRow(row) {
  const values = /** @type {any} */ (row);
  for (const key of Object.keys(values ?? {})) {
    values[key] = narrowed(values[key]);
  }
  return row;
}

module.exports = { largeIntegers, narrowRow, peer, queries, readOptions, syncQueries };

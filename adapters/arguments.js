// What the adapters have in common: checks of the database that they are given, and integers past 2^53.

'use strict';

const check = require('../lib/check.js');

/** @typedef {import('../index.js').Queries} Queries */

const METHODS = /** @type {const} */ (['run', 'get', 'all', 'iterate', 'batch', 'exec', 'transaction']);

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

module.exports = { largeIntegers, narrowRow, queries };

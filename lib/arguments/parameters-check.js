// Checks of a statement's parameters: their names, and which values SQLite can store.

'use strict';

const { types } = require('node:util');

const check = require('./check.js');
const { BatonError } = require('../error.js');

/** Of a {@link Real}, whichever copy of this package has made it. */
const AS_REAL = Symbol.for('batondb.real');

/** A number that is bound as REAL even if it is whole. */
class Real {
  /** @type {number} */
  [AS_REAL];

  /** @param {number} value */
  constructor(value) {
    this[AS_REAL] = value;
  }
}

const EXPECTED = 'null, a number, a bigint, a string, a boolean, an ArrayBufferView or an ArrayBuffer';

/**
 * @param {string} name
 * @param {number | string} key
 */
function label(name, key) {
  if (typeof key === 'number') {
    return `${name}[${key}]`;
  }
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)
    ? `${name}.${key}`
    : `${name}[${check.show(key)}]`;
}

/**
 * @param {unknown} value
 * @param {string} name
 * @returns {Record<string, unknown>}
 */
function plainObject(value, name) {
  if (typeof value === 'object' && value !== null) {
    const prototype = Object.getPrototypeOf(value);
    // The second check is for objects of another realm, which has another `Object.prototype`.
    if (prototype === null || Object.getPrototypeOf(prototype) === null) {
      return /** @type {Record<string, unknown>} */ (value);
    }
  }
  const expected = 'an array (of positional parameters) or a plain object (of named ones)';
  const isScalar = value === null || typeof value !== 'object';
  throw check.invalid(name, isScalar ? `${expected}; a single value goes into an array` : expected, value);
}

/**
 * @param {string} key
 * @param {Record<string, unknown>} params
 * @param {string} name
 */
function bareName(key, params, name) {
  const bare = /^[:@$]/.test(key) ? key.slice(1) : key;
  if (bare === '' || !bare.isWellFormed()) {
    const expected = 'named as in the SQL, with or without the prefix ":", "@" or "$"';
    throw check.invalid(label(name, key), expected, key);
  }
  const isTwice = [bare, `:${bare}`, `@${bare}`, `$${bare}`].some(
    (other) => bare !== key && other !== key && Object.hasOwn(params, other),
  );
  if (isTwice) {
    const message = `The "${name}" argument has the parameter ${check.show(bare)} twice, with another prefix or none`;
    throw new BatonError('ERR_INVALID_ARG', message);
  }
  return bare;
}

/**
 * @param {unknown} value
 * @param {string} name
 * @param {number | string} key
 * @returns {Uint8Array}
 */
function blobBytes(value, name, key) {
  const isView = ArrayBuffer.isView(value);
  if (!isView && !types.isAnyArrayBuffer(value)) {
    throw check.invalid(label(name, key), `${EXPECTED}${hint(value)}`, value);
  }
  try {
    return isView
      ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
      : new Uint8Array(/** @type {ArrayBufferLike} */ (value));
  } catch (cause) {
    // Its length reads as 0, and an empty value must not be stored instead.
    throw new BatonError('ERR_INVALID_ARG', `The buffer of the "${label(name, key)}" property is detached`, {
      cause,
    });
  }
}

/** @param {unknown} value */
function hint(value) {
  if (value === undefined) {
    return " (pass null for SQL's NULL)";
  }
  if (types.isDate(value)) {
    return ' (pass date.toISOString() or date.getTime())';
  }
  return typeof value === 'object' ? ' (pass JSON.stringify(value) to store it as JSON)' : '';
}

module.exports = { AS_REAL, Real, bareName, blobBytes, label, plainObject };

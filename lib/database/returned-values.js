// What SQL gets of what functions, aggregates and comparisons return.

'use strict';

const { isPromise } = require('node:util/types');

const check = require('../arguments/check.js');
const { BatonError } = require('../error.js');

const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;

/**
 * What SQL gets of what a comparison has returned.
 *
 * @param {string} name
 * @param {unknown} value
 */
function orderOf(name, value) {
  if (typeof value !== 'number' || Number.isNaN(value)) {
    const what = `return value of the collation ${name}`;
    throw check.invalid(what, 'a number: negative, 0 or positive', notPromise(what, value));
  }
  return Math.sign(value);
}

/**
 * What SQL gets of what a function has returned.
 *
 * @param {string} name
 * @param {unknown} value
 */
function valueOf(name, value) {
  const what = `return value of the function ${name}`;
  switch (typeof value) {
    case 'undefined':
      return null;
    case 'number':
      // As SQLite itself does.
      return Number.isNaN(value) ? null : value;
    case 'string':
      if (!value.isWellFormed()) {
        throw check.invalid(what, 'well-formed Unicode, without lone surrogates', value);
      }
      return value;
    case 'bigint':
      if (value < I64_MIN || value > I64_MAX) {
        throw check.outOfRange(what, `from ${I64_MIN}n to ${I64_MAX}n`, value);
      }
      return value;
    case 'boolean':
      return value ? 1 : 0;
  }
  if (value === null) {
    return null;
  }
  if (ArrayBuffer.isView(value)) {
    return bytesOf(what, value);
  }
  throw check.invalid(
    what,
    'null, a number, a bigint, a string, a boolean or a Uint8Array',
    notPromise(what, value),
  );
}

/**
 * @param {string} what
 * @param {ArrayBufferView} view
 */
function bytesOf(what, view) {
  try {
    return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  } catch (cause) {
    // Its length reads as 0, and an empty value must not be stored instead.
    throw new BatonError('ERR_INVALID_ARG', `The buffer of the ${what} is detached`, { cause });
  }
}

/**
 * Refuses a promise. What it does later is no part of the call, and its errors are nobody's.
 *
 * @param {string} what
 * @param {unknown} value
 */
function notPromise(what, value) {
  if (isPromise(value)) {
    Promise.resolve(value).catch(() => {});
    throw check.invalid(what, 'no promise: SQL does not wait for it', value);
  }
  return value;
}

module.exports = { notPromise, orderOf, valueOf };

// Checks what sessions and changesets are asked for.

'use strict';

const { types } = require('node:util');

const check = require('./check.js');
const { BatonError } = require('../error.js');

/** SQLite counts the bytes of a changeset in 31 bits. */
const BYTES_MAX = 2 ** 31 - 1;

/** @typedef {(...args: any[]) => unknown} AnyFunction */

/**
 * @param {unknown} value
 * @param {string} name
 */
function identifier(value, name) {
  const text = check.nonEmptyString(value, name);
  if (text.includes('\0')) {
    throw check.invalid(name, 'a name without null bytes', value);
  }
  return text;
}

/**
 * @param {unknown} value
 * @returns {{ database: string, table: string | undefined }}
 */
function sessionOptions(value) {
  const { db, table } = check.object(value ?? {}, 'options', ['db', 'table']);
  return {
    database: db === undefined ? 'main' : identifier(db, 'options.db'),
    table: table === undefined ? undefined : identifier(table, 'options.table'),
  };
}

/**
 * The bytes of a changeset, as they are at this moment.
 *
 * @param {unknown} value
 */
function changesetBytes(value) {
  if (!types.isUint8Array(value)) {
    throw check.invalid('changeset', 'a Uint8Array, such as a Buffer', value);
  }
  const { buffer, byteOffset, byteLength } = value;
  if (byteLength > BYTES_MAX) {
    const message = `The "changeset" argument must have at most ${BYTES_MAX} bytes. Received ${byteLength}`;
    throw new BatonError('ERR_TOO_LARGE', message);
  }
  if (byteLength === 0 && isDetached(buffer)) {
    // Otherwise it would count as a changeset without changes.
    throw check.invalid('changeset', 'a Uint8Array whose buffer is not detached', value);
  }
  // Another thread may write to shared memory while it is read.
  return types.isSharedArrayBuffer(buffer) ? new Uint8Array(buffer, byteOffset, byteLength).slice() : value;
}

/** @param {ArrayBufferLike} buffer */
function isDetached(buffer) {
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

/** @param {unknown} value @returns {{ filter: AnyFunction | undefined, onConflict: AnyFunction | undefined }} */
function applyOptions(value) {
  const options = check.object(value ?? {}, 'options', ['filter', 'onConflict']);
  /** @param {'filter' | 'onConflict'} name */
  const callback = (name) => {
    const fn = options[name];
    if (fn === undefined) {
      return undefined;
    }
    if (typeof fn !== 'function' || Object.prototype.toString.call(fn) === '[object AsyncFunction]') {
      throw check.invalid(`options.${name}`, 'a function that is not async', fn);
    }
    return /** @type {AnyFunction} */ (fn);
  };
  return { filter: callback('filter'), onConflict: callback('onConflict') };
}

module.exports = { applyOptions, changesetBytes, sessionOptions };

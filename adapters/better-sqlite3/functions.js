// `db.function` and `db.aggregate`: the arguments of better-sqlite3, for the methods of the Baton database.

'use strict';

const { translated, unavailable } = require('./errors.js');

/** @typedef {InstanceType<typeof import('./handle.js').Handle>} Handle */

const ARGUMENTS_MAX = 100;
const RETURNABLE = ['number', 'string', 'bigint'];
const SWITCHES = ['deterministic', 'directOnly', 'varargs'];

/**
 * @param {Handle} handle
 * @param {unknown} name
 * @param {any} options
 * @param {unknown} fn
 */
function defineFunction(handle, name, options, fn) {
  if (typeof options === 'function') {
    [options, fn] = [{}, options];
  }
  const { name: own, chosen } = checked(name, options ?? {});
  if (typeof fn !== 'function') {
    throw new TypeError('The last argument must be a function');
  }
  if (!chosen.varargs) {
    argumentCount(fn.length);
  }
  define(handle, 'function', own, chosen, withBuffers(fn, 0, returned));
}

/**
 * @param {Handle} handle
 * @param {unknown} name
 * @param {any} options
 */
function defineAggregate(handle, name, options) {
  const { name: own, chosen } = checked(name, options);
  const { start = null, step, inverse, result } = options;
  for (const [key, value] of Object.entries({ step, inverse, result })) {
    if (
      (value !== undefined && value !== null && typeof value !== 'function') ||
      (key === 'step' && !value)
    ) {
      throw new TypeError(`The "${key}" option must be a function`);
    }
  }
  if (!chosen.varargs) {
    argumentCount(Math.max(step.length, inverse?.length ?? 0, 1) - 1);
  }
  const functions = {
    start,
    step: withBuffers(step, 1),
    ...(inverse && { inverse: withBuffers(inverse, 1) }),
    result: (/** @type {unknown} */ total) => returned(result ? result(total) : total),
  };
  define(handle, 'aggregate', own, { ...chosen, ...functions });
}

/**
 * @param {unknown} name
 * @param {any} options
 */
function checked(name, options) {
  if (typeof name !== 'string' || name === '') {
    throw new TypeError('The first argument must be a string, the name of the function');
  }
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('The second argument must be an object with options');
  }
  /** @type {Record<string, any>} */
  const chosen = {};
  for (const key of [...SWITCHES, 'safeIntegers']) {
    if (key in options) {
      if (typeof options[key] !== 'boolean') {
        throw new TypeError(`The "${key}" option must be a boolean`);
      }
      chosen[key] = options[key];
    }
  }
  return { name, chosen };
}

/**
 * The function, given blobs as `Buffer`.
 *
 * @param {Function} fn
 * @param {number} first The first argument that comes from SQL.
 * @param {(value: unknown) => unknown} [finish] What becomes of its result.
 * @returns {Function}
 */
function withBuffers(fn, first, finish = (value) => value) {
  const wrapped = (/** @type {unknown[]} */ ...args) => {
    for (let index = first; index < args.length; index += 1) {
      const arg = args[index];
      if (ArrayBuffer.isView(arg)) {
        args[index] = Buffer.from(arg.buffer, arg.byteOffset, arg.byteLength);
      }
    }
    return finish(fn(...args));
  };
  return Object.defineProperty(wrapped, 'length', { value: fn.length });
}

/**
 * What SQL can take of the result of a function.
 *
 * @param {unknown} value
 */
function returned(value) {
  const isBytes = ArrayBuffer.isView(value);
  if (value !== undefined && value !== null && !isBytes && !RETURNABLE.includes(typeof value)) {
    throw new TypeError(`A function in SQL returned ${typeof value}, which is no value of SQLite`);
  }
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) !== value) {
    throw new RangeError(`A function in SQL returned ${value}, which has more than 64 bits`);
  }
  return value;
}

/** @param {number} count */
function argumentCount(count) {
  if (!Number.isInteger(count) || count < 0) {
    throw new TypeError('The length of a function must be a whole number, 0 or more');
  }
  if (count > ARGUMENTS_MAX) {
    throw new RangeError(`A function in SQL has at most ${ARGUMENTS_MAX} arguments. Received ${count}`);
  }
}

/**
 * @param {Handle} handle
 * @param {'function' | 'aggregate'} method
 * @param {string} name
 * @param {Record<string, any>} options
 * @param {Function[]} fn
 */
function define(handle, method, name, { safeIntegers, ...options }, ...fn) {
  handle.check();
  handle.checkNoIterators();
  const database = /** @type {any} */ (handle.database);
  if (typeof database[method] !== 'function') {
    throw unavailable(`${method}()`, `this version of Baton has no database.${method}()`);
  }
  const readBigInts = safeIntegers ?? handle.safeIntegers;
  try {
    database[method](name, { ...options, readBigInts }, ...fn);
  } catch (error) {
    throw translated(error);
  }
}

module.exports = { defineAggregate, defineFunction };

// Checks of single values. Each throws a BatonError that names the argument and shows its value.
//
// The wrong type of value is ERR_INVALID_ARG; a number of the right type outside its range is
// ERR_OUT_OF_RANGE.

'use strict';

const { fileURLToPath } = require('node:url');
const { inspect } = require('node:util');

const { BatonError } = require('../error.js');

const I32_MAX = 2 ** 31 - 1;
const U32_MAX = 2 ** 32 - 1;
const U64_MAX = 2n ** 64n - 1n;
const SHOWN_LENGTH_MAX = 64;

/**
 * @param {unknown} value
 * @returns {string}
 */
function inspected(value) {
  try {
    return inspect(value, { depth: 0, breakLength: Infinity, maxStringLength: SHOWN_LENGTH_MAX });
  } catch {
    // Showing a value asks it for its name and its tag, which may be symbols, or getters that throw.
    return `a value of type ${typeof value} that cannot be shown`;
  }
}

/**
 * @param {unknown} value
 * @returns {string}
 */
function show(value) {
  const text = inspected(value);
  return text.length > 2 * SHOWN_LENGTH_MAX ? `${text.slice(0, 2 * SHOWN_LENGTH_MAX)}...` : text;
}

/**
 * The name of a function, or of an object's constructor. If reading it throws, the value counts as unnamed:
 * the caller should see the error about the argument.
 *
 * @param {any} value
 * @param {string} [of]
 * @returns {string}
 */
function nameOf(value, of) {
  try {
    const name = (of === undefined ? value : value[of])?.name;
    return typeof name === 'string' ? name : '';
  } catch {
    return '';
  }
}

/**
 * @param {unknown} value
 * @returns {string}
 */
function received(value) {
  if (value === undefined || value === null) {
    return `Received ${value}`;
  }
  if (typeof value === 'function') {
    return `Received function ${nameOf(value)}`;
  }
  if (typeof value === 'object') {
    const name = nameOf(value, 'constructor');
    return name !== '' && name !== 'Object' ? `Received an instance of ${name}` : `Received ${show(value)}`;
  }
  return `Received type ${typeof value} (${show(value)})`;
}

/** @param {string} name */
function subject(name) {
  return `The "${name}" ${/[.[]/.test(name) ? 'property' : 'argument'}`;
}

/**
 * @param {string} name
 * @param {string} expected
 * @param {unknown} value
 */
function invalid(name, expected, value) {
  return new BatonError('ERR_INVALID_ARG', `${subject(name)} must be ${expected}. ${received(value)}`);
}

/**
 * @param {string} name
 * @param {string} expected
 * @param {unknown} value
 */
function outOfRange(name, expected, value) {
  return new BatonError('ERR_OUT_OF_RANGE', `${subject(name)} must be ${expected}. Received ${show(value)}`);
}

/**
 * An object with only the given keys, so that a misspelt option does not count as absent.
 *
 * @param {unknown} value
 * @param {string} name
 * @param {readonly string[]} keys
 * @returns {Record<string, any>}
 */
function object(value, name, keys) {
  // Lists of any kind have methods, such as filter, that are not meant as options.
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) {
    throw invalid(name, 'an object', value);
  }
  for (const key of Object.keys(value)) {
    if (!keys.includes(key)) {
      const known = keys.map((each) => `"${each}"`).join(', ');
      throw new BatonError(
        'ERR_INVALID_ARG',
        `${subject(name)} has an unknown property ${show(key)}. Known are ${known}`,
      );
    }
  }
  return value;
}

/**
 * An array whose entries are checked by `each`. It is read by index up to the first refused entry: `map`
 * would skip the holes of a sparse array, and an iterator would first collect all four billion of them.
 *
 * @template T
 * @param {unknown} value
 * @param {string} name
 * @param {string} expected
 * @param {(entry: unknown, name: string, index: number) => T} each
 * @returns {T[]}
 */
function list(value, name, expected, each) {
  if (!Array.isArray(value)) {
    throw invalid(name, expected, value);
  }
  const checked = [];
  for (let index = 0; index < value.length; index += 1) {
    checked.push(each(value[index], `${name}[${index}]`, index));
  }
  return checked;
}

/**
 * @param {unknown} value
 * @param {string} name
 * @returns {string}
 */
function string(value, name) {
  if (typeof value !== 'string') {
    throw invalid(name, 'of type string', value);
  }
  // A lone surrogate has no UTF-8 form: two such strings would become the same bytes.
  if (!value.isWellFormed()) {
    throw invalid(name, 'well-formed Unicode, without lone surrogates', value);
  }
  return value;
}

/**
 * @param {unknown} value
 * @param {string} name
 * @returns {string}
 */
function nonEmptyString(value, name) {
  const text = string(value, name);
  if (text === '') {
    throw invalid(name, 'a non-empty string', value);
  }
  return text;
}

/**
 * The name of a file or directory: a path or a file URL, as an object or as text.
 *
 * @param {unknown} value
 * @param {string} name
 * @returns {string}
 */
function path(value, name) {
  const text = isUrl(value) ? pathOfUrl(value, name) : nonEmptyString(value, name);
  if (/^file:\/\//i.test(text)) {
    return pathOfUrl(value, name);
  }
  if (text.includes('\0')) {
    throw invalid(name, 'a path without null bytes', value);
  }
  return text;
}

/**
 * Checked by its properties, as Node does: URLs of another realm have another class.
 *
 * @param {any} value
 */
function isUrl(value) {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof value.href === 'string' &&
    typeof value.protocol === 'string'
  );
}

/**
 * @param {any} value
 * @param {string} name
 * @returns {string}
 */
function pathOfUrl(value, name) {
  /** @type {string} */
  let text;
  try {
    text = fileURLToPath(typeof value === 'string' ? value : value.href);
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    const shown = typeof value === 'string' ? value : value.href;
    throw new BatonError(
      'ERR_INVALID_ARG',
      `${subject(name)} must be a path or a file: URL of one. Received ${show(shown)}: ${message}`,
      { cause: error },
    );
  }
  if (text.includes('\0')) {
    throw invalid(name, 'a path without null bytes', text);
  }
  return text;
}

/**
 * @param {unknown} value
 * @param {string} name
 * @returns {boolean}
 */
function boolean(value, name) {
  if (typeof value !== 'boolean') {
    throw invalid(name, 'of type boolean', value);
  }
  return value;
}

/**
 * @param {unknown} value
 * @param {string} name
 * @param {number} min
 * @param {number} max
 * @returns {number}
 */
function integer(value, name, min, max) {
  if (typeof value !== 'number') {
    throw invalid(name, 'of type number', value);
  }
  if (!Number.isInteger(value) || value < min || value > max) {
    throw outOfRange(name, `an integer from ${min} to ${max}`, value);
  }
  return value;
}

/**
 * A time limit within the range of Node's timers.
 *
 * @param {unknown} value
 * @param {string} name
 * @returns {number}
 */
function timeoutMs(value, name) {
  return integer(value, name, 1, I32_MAX);
}

/**
 * @param {unknown} value
 * @param {string} name
 * @returns {bigint}
 */
function u64(value, name) {
  if (typeof value !== 'bigint') {
    const hint = Number.isSafeInteger(value) ? ` (pass ${value}n, not ${value})` : ' (such as 1n)';
    throw invalid(name, `of type bigint${hint}`, value);
  }
  if (value < 0n || value > U64_MAX) {
    throw outOfRange(name, `from 0n to ${U64_MAX}n`, value);
  }
  return value;
}

/**
 * @param {unknown} value
 * @param {string} name
 * @returns {AbortSignal | undefined}
 */
function signal(value, name) {
  if (value === undefined) {
    return undefined;
  }
  // Checked by its shape, since a signal of another realm is not an instance of this class.
  const shape = /** @type {any} */ (value);
  if (typeof shape?.aborted !== 'boolean' || typeof shape.addEventListener !== 'function') {
    throw invalid(name, 'an instance of AbortSignal', value);
  }
  return shape;
}

module.exports = {
  U32_MAX,
  boolean,
  integer,
  isUrl,
  invalid,
  list,
  nonEmptyString,
  object,
  outOfRange,
  path,
  show,
  signal,
  string,
  timeoutMs,
  u64,
};

// Checks the definitions of functions and collations.

'use strict';

const check = require('./check.js');

/** SQLite's own limits. */
const NAME_BYTES_MAX = 255;
const ARGUMENTS_MAX = 127;

/** SQLite's own collations, on which its indexes without COLLATE rely. */
const BUILT_IN = ['BINARY', 'NOCASE', 'RTRIM'];

const OPTIONS = ['deterministic', 'directOnly', 'readBigInts', 'varargs'];

/**
 * @typedef {object} FunctionSettings
 * @property {string} name
 * @property {boolean} deterministic
 * @property {boolean} directOnly
 * @property {boolean} readBigInts
 * @property {boolean} varargs
 * @property {number} argumentCount
 */

/** @typedef {(...args: any[]) => unknown} AnyFunction */

/** @param {unknown} value */
function functionName(value) {
  const name = check.string(value, 'name');
  const bytes = Buffer.byteLength(name);
  if (bytes < 1 || bytes > NAME_BYTES_MAX || name.includes('\0')) {
    throw check.invalid('name', `a name of 1 to ${NAME_BYTES_MAX} bytes without null bytes`, value);
  }
  return name;
}

/**
 * @param {unknown} value
 * @param {string} name
 * @returns {AnyFunction}
 */
function synchronous(value, name) {
  if (typeof value !== 'function' || Object.prototype.toString.call(value) === '[object AsyncFunction]') {
    throw check.invalid(name, 'a function that is not async', value);
  }
  return /** @type {AnyFunction} */ (value);
}

/**
 * @param {string} name
 * @param {Record<string, unknown>} options
 * @param {number} argumentCount
 * @returns {FunctionSettings}
 */
function settings(name, options, argumentCount) {
  const flag = (/** @type {string} */ option) => check.boolean(options[option] ?? false, `options.${option}`);
  const varargs = flag('varargs');
  // Its length is a property like others, which anything may have been made of.
  const isCount = Number.isInteger(argumentCount) && argumentCount >= 0 && argumentCount <= ARGUMENTS_MAX;
  if (!varargs && !isCount) {
    throw check.invalid(
      'fn',
      `a function whose length is from 0 to ${ARGUMENTS_MAX} parameters, or varargs: true`,
      argumentCount,
    );
  }
  return {
    name,
    deterministic: flag('deterministic'),
    directOnly: flag('directOnly'),
    readBigInts: flag('readBigInts'),
    varargs,
    argumentCount,
  };
}

/**
 * How many arguments a step takes: the first of its parameters is the state. One without parameters takes none.
 *
 * @param {AnyFunction} step
 */
function parametersAfterFirst({ length }) {
  return length === 0 ? 0 : typeof length === 'number' ? length - 1 : length;
}

/**
 * @param {unknown} name
 * @param {unknown} options
 * @param {unknown} fn
 */
function functionOptions(name, options, fn) {
  const text = functionName(name);
  const object = check.object(options ?? {}, 'options', OPTIONS);
  const run = synchronous(fn, 'fn');
  return { ...settings(text, object, run.length), fn: run };
}

/**
 * @param {unknown} name
 * @param {unknown} value
 */
function aggregateOptions(name, value) {
  const text = functionName(name);
  const options = check.object(value, 'options', [...OPTIONS, 'start', 'step', 'inverse', 'result']);
  const step = synchronous(options.step, 'options.step');
  /** @param {'inverse' | 'result'} option */
  const optional = (option) =>
    options[option] === undefined ? undefined : synchronous(options[option], `options.${option}`);
  const { start = null } = options;
  if (typeof start === 'function') {
    synchronous(start, 'options.start');
  }
  return {
    ...settings(text, options, parametersAfterFirst(step)),
    start,
    step,
    inverse: optional('inverse'),
    result: optional('result'),
  };
}

/**
 * @param {unknown} value
 * @param {unknown} compare Or null, to remove the collation.
 */
function collationOptions(value, compare) {
  const name = functionName(value);
  if (BUILT_IN.includes(asciiUpperCase(name))) {
    throw check.invalid('name', `a name other than ${BUILT_IN.join(', ')}, which SQLite has itself`, value);
  }
  return { name, compare: compare === null ? null : synchronous(compare, 'compare') };
}

/**
 * As SQLite compares names.
 *
 * @param {string} name
 */
function asciiUpperCase(name) {
  return name.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
}

module.exports = { aggregateOptions, asciiUpperCase, collationOptions, functionOptions };

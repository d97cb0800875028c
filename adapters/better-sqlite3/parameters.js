// The arguments of a statement, as better-sqlite3 takes them: values, arrays of values and one object of named values,
// in any mixture. They become the list of all parameters by position.

'use strict';

const { Real } = require('../../lib/arguments/parameters-check.js');

const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;

class Parameters {
  #count;
  /** The positions of those without a name. */
  #anonymous;
  /**
   * The positions of each name.
   *
   * @type {Map<string, number[]>}
   */
  #named = new Map();

  /** @param {readonly (string | null)[]} parameters Those of a Baton statement: names with their prefix, or null. */
  constructor(parameters) {
    this.#count = parameters.length;
    this.#anonymous = [...parameters.keys()].filter((index) => parameters[index] === null);
    for (const [index, name] of parameters.entries()) {
      if (name !== null) {
        const bare = name.slice(1);
        this.#named.set(bare, [...(this.#named.get(bare) ?? []), index]);
      }
    }
  }

  /**
   * @param {readonly unknown[]} args
   * @returns {unknown[] | undefined} None for a statement without parameters.
   */
  values(args) {
    if (args.length === this.#anonymous.length && this.#named.size === 0 && !args.some(isRecord)) {
      return this.#count === 0 ? undefined : args.map(bindable);
    }
    const bound = new Bound(this.#count, this.#anonymous);
    for (const arg of args) {
      if (Array.isArray(arg)) {
        // By index, because `forEach` would skip the holes of a sparse array.
        for (let index = 0; index < arg.length; index += 1) {
          bound.add(arg[index]);
        }
      } else if (isRecord(arg)) {
        this.#bindNamed(bound, arg);
      } else {
        bound.add(arg);
      }
    }
    if (bound.count < this.#count) {
      throw this.#named.size > 0 && !bound.hasNamed
        ? new TypeError('The statement has named parameters, and no object with their values was given')
        : new RangeError(`Too few parameter values: the statement has ${this.#count}, got ${bound.count}`);
    }
    return this.#count === 0 ? undefined : bound.values;
  }

  /**
   * @param {Bound} bound
   * @param {object} arg
   */
  #bindNamed(bound, arg) {
    if (!isPlain(arg)) {
      throw new TypeError(
        this.#named.size > 0
          ? 'Values of named parameters must be in a plain object'
          : `${BINDABLE}. Received ${Object.prototype.toString.call(arg)}`,
      );
    }
    if (bound.hasNamed) {
      throw new TypeError('Named parameters must be in one object, not in two');
    }
    bound.hasNamed = true;
    const record = /** @type {Record<string, unknown>} */ (arg);
    for (const [name, indexes] of this.#named) {
      if (!Object.hasOwn(record, name)) {
        throw new RangeError(`The named parameter "${name}" has no value`);
      }
      const value = bindable(record[name]);
      for (const index of indexes) {
        bound.values[index] = value;
      }
      bound.count += indexes.length;
    }
  }
}

/** The values that were bound so far. */
class Bound {
  #anonymous;
  #next = 0;
  /** @type {unknown[]} */
  values;
  count = 0;
  hasNamed = false;

  /**
   * @param {number} count
   * @param {readonly number[]} anonymous
   */
  constructor(count, anonymous) {
    this.values = new Array(count);
    this.#anonymous = anonymous;
  }

  /** @param {unknown} value */
  add(value) {
    const bound = bindable(value);
    if (this.#next >= this.#anonymous.length) {
      throw new RangeError(
        `Too many parameter values: the statement has ${this.#anonymous.length} without a name`,
      );
    }
    this.values[this.#anonymous[this.#next]] = bound;
    this.#next += 1;
    this.count += 1;
  }
}

const BINDABLE = 'Only numbers, strings, bigints, buffers and null can be bound';

/**
 * @param {unknown} value
 * @returns {unknown} What Baton binds.
 */
function bindable(value) {
  switch (typeof value) {
    case 'number':
      // Each number is a REAL; the affinity of a column makes integers of whole ones.
      return Number.isNaN(value) ? null : Number.isInteger(value) ? new Real(value) : value;
    case 'string':
      return value;
    case 'bigint':
      if (value < I64_MIN || value > I64_MAX) {
        throw new RangeError(`The bigint ${value} has more than 64 bits`);
      }
      return value;
    case 'undefined':
      return null;
    case 'object':
      if (value === null || ArrayBuffer.isView(value)) {
        return value;
      }
  }
  throw new TypeError(`${BINDABLE}. Received ${typeof value}`);
}

/**
 * Whether an argument is an object that is no value itself, an array among others.
 *
 * @param {unknown} arg
 * @returns {arg is object}
 */
function isRecord(arg) {
  return (typeof arg === 'object' && arg !== null && !ArrayBuffer.isView(arg)) || typeof arg === 'function';
}

/** @param {object} value */
function isPlain(value) {
  const prototype = Object.getPrototypeOf(value);
  // The second check is for objects of another realm, which has another `Object.prototype`.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

module.exports = { Parameters };

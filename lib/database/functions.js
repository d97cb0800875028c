// Functions and collations that SQL calls. They run within a synchronous call, on its thread. The addon knows them by number and
// runs them by way of the dispatcher.

'use strict';

const { BatonError } = require('../error.js');
const {
  aggregateOptions,
  asciiUpperCase,
  collationOptions,
  functionOptions,
} = require('../arguments/function-options.js');
const { notPromise, orderOf, valueOf } = require('./returned-values.js');

// The parts of a function; see `Part` in src/database/sqlite/function.rs.
const STEP = 1;
const INVERSE = 2;
const VALUE = 3;
const FINAL = 4;

// The shapes and the flags of `defineSync`.
const SCALAR = 0;
const AGGREGATE = 1;
const WINDOW = 2;
const DETERMINISTIC = 1;
const DIRECT_ONLY = 2;
const BIG_INTS = 4;

/** @typedef {(part: number, group: number, args: unknown[]) => unknown} Run */
/** @typedef {import('../arguments/function-options.js').FunctionSettings} FunctionSettings */
/**
 * Asks the addon to define a function.
 *
 * @typedef {(id: number, name: string, argumentCount: number, shape: number, flags: number) => void} Define
 */

/**
 * Asks the addon to define a collation; without an id, to remove it.
 *
 * @typedef {(id: number | undefined, name: string) => void} Collate
 */

/** The functions and collations of one connection. */
class Functions {
  /** @type {Map<number, { run: Run, forget: (group: number) => void }>} */
  #defined = new Map();
  /** Their numbers, by what SQLite tells them apart by. @type {Map<string, number>} */
  #ids = new Map();
  #last = 0;
  /** The first error that a function has thrown in the running call. @type {{ error: unknown } | undefined} */
  #thrown;
  #isClosing = false;
  /** What the addon is given with each call; none as long as there are no functions. @type {Dispatch | undefined} */
  dispatch;

  /**
   * @param {Define} define
   * @param {unknown} name
   * @param {unknown} options
   * @param {unknown} fn
   */
  add(define, name, options, fn) {
    const settings = functionOptions(name, options, fn);
    const { fn: run, name: text } = settings;
    const call = (/** @type {unknown} */ _, /** @type {unknown} */ __, /** @type {unknown[]} */ args) =>
      valueOf(text, run(...args));
    this.#define(define, settings, SCALAR, call, () => {});
  }

  /**
   * @param {Define} define
   * @param {unknown} name
   * @param {unknown} options
   */
  addAggregate(define, name, options) {
    const settings = aggregateOptions(name, options);
    const { start, step, inverse, result, name: text } = settings;
    /** What each group has gathered. @type {Map<number, unknown>} */
    const groups = new Map();
    const state = (/** @type {unknown} */ value) => notPromise(`state of the aggregate ${text}`, value);
    const begin = () => (typeof start === 'function' ? state(start()) : start);
    const gathered = (/** @type {number} */ group) => (groups.has(group) ? groups.get(group) : begin());
    const shape = inverse === undefined ? AGGREGATE : WINDOW;
    /** @type {Run} */
    const run = (part, group, args) => {
      const before = gathered(group);
      if (part === VALUE || part === FINAL) {
        if (part === FINAL) {
          groups.delete(group);
        }
        return valueOf(text, result === undefined ? before : result(before));
      }
      const take = part === INVERSE ? /** @type {typeof step} */ (inverse) : step;
      const after = state(take(before, ...args));
      // A step that returns nothing has changed what it was given.
      groups.set(group, after === undefined ? before : after);
      return null;
    };
    this.#define(define, settings, shape, run, (group) => groups.delete(group));
  }

  /**
   * @param {Define} define
   * @param {FunctionSettings} settings
   * @param {number} shape
   * @param {Run} run
   * @param {(group: number) => void} forget
   */
  #define(define, settings, shape, run, forget) {
    const { name, argumentCount, deterministic, directOnly, readBigInts, varargs } = settings;
    const id = this.#newId();
    const flags =
      (deterministic ? DETERMINISTIC : 0) | (directOnly ? DIRECT_ONLY : 0) | (readBigInts ? BIG_INTS : 0);
    define(id, name, varargs ? -1 : argumentCount, shape, flags);
    const key = `function of ${varargs ? -1 : argumentCount}: ${asciiUpperCase(name)}`;
    this.#keep(key, id, readBigInts ? run : refusingBigInts(name, run), forget);
  }

  /**
   * @param {Collate} collate
   * @param {unknown} value
   * @param {unknown} order
   */
  addCollation(collate, value, order) {
    const { name, compare } = collationOptions(value, order);
    const key = `collation: ${asciiUpperCase(name)}`;
    if (compare === null) {
      collate(undefined, name);
      this.#forget(key);
    } else {
      const id = this.#newId();
      collate(id, name);
      this.#keep(
        key,
        id,
        (_, __, args) => orderOf(name, compare(args[0], args[1])),
        () => {},
      );
    }
  }

  #newId() {
    this.#last += 1;
    return this.#last;
  }

  /**
   * Keeps what is defined, in place of what SQLite no longer has.
   *
   * @param {string} key
   * @param {number} id
   * @param {Run} run
   * @param {(group: number) => void} forget
   */
  #keep(key, id, run, forget) {
    this.#forget(key);
    this.#ids.set(key, id);
    this.#defined.set(id, { run, forget });
    this.#dispatcher();
  }

  #dispatcher() {
    this.dispatch ??= (number, part, group, args) => this.#dispatch(number, part, group, args);
    return this.dispatch;
  }

  /**
   * Makes a call with callbacks that no SQL can name.
   *
   * @template T
   * @param {Run} run
   * @param {(id: number, dispatch: Dispatch) => T} call
   */
  lending(run, call) {
    const id = this.#newId();
    this.#defined.set(id, { run, forget: () => {} });
    try {
      return call(id, this.#dispatcher());
    } finally {
      this.#defined.delete(id);
    }
  }

  /** @param {string} key */
  #forget(key) {
    this.#defined.delete(this.#ids.get(key) ?? 0);
    this.#ids.delete(key);
  }

  /** @type {Dispatch} */
  #dispatch(id, part, group, args) {
    const { run, forget } = /** @type {{ run: Run, forget: (group: number) => void }} */ (
      this.#defined.get(id)
    );
    if (this.#thrown || this.#isClosing) {
      // The statement is over; SQLite only asks for what it has to throw away.
      if (part === FINAL) {
        forget(group);
      }
      return false;
    }
    try {
      return /** @type {any} */ (run(part, group, args));
    } catch (error) {
      this.#thrown ??= { error };
      return false;
    }
  }

  /**
   * Ends a statement that was not stepped to its end.
   *
   * @template T
   * @param {() => T} close
   */
  closing(close) {
    this.#isClosing = true;
    try {
      return close();
    } finally {
      this.#isClosing = false;
    }
  }

  /** The error that a function has thrown in the call that is over. */
  takeThrown() {
    const thrown = this.#thrown;
    this.#thrown = undefined;
    return thrown;
  }
}

/** @typedef {(id: number, part: number, group: number, args: unknown[]) => null | number | bigint | string | Uint8Array | false} Dispatch */

/**
 * @param {string} name
 * @param {Run} run
 * @returns {Run}
 */
function refusingBigInts(name, run) {
  return (part, group, args) => {
    const index = args.findIndex((value) => typeof value === 'bigint');
    if (index >= 0) {
      throw new BatonError(
        'ERR_OUT_OF_RANGE',
        `Argument ${index + 1} of the function ${name} is ${args[index]}, which a number cannot hold exactly. ` +
          'Define the function with { readBigInts: true } to take integers as bigint',
      );
    }
    return run(part, group, args);
  };
}

module.exports = { Functions };

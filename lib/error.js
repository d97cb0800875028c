// The error of every failed operation, and how a native failure becomes one.

'use strict';

// Registered for the whole process, so that an error from another realm, a worker's copy of this module or a
// second installed copy is recognised, too. `instanceof` recognises none of these.
const BRAND = Symbol.for('batondb.BatonError');

const FIELDS = /** @type {const} */ ([
  'actor',
  'oldest',
  'page',
  'txid',
  'held',
  'current',
  'heldHeadTxid',
  'currentHeadTxid',
  'extendedCode',
  'rawCode',
  'offset',
  'statement',
]);

/** @typedef {import('../index.js').ErrorCode} ErrorCode */
/** @typedef {import('../index.js').BatonErrorDetails} Details */

class BatonError extends Error {
  /**
   * @param {ErrorCode} code
   * @param {string} message
   * @param {Details} [details]
   */
  constructor(code, message, details = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    if (code === 'ERR_ABORTED') {
      // Node and the web recognise errors of an abort by this name.
      Object.defineProperty(this, 'name', { value: 'AbortError', writable: true, configurable: true });
      // The first line of a stack has the name at the time of capture.
      Error.captureStackTrace(this, new.target);
    }
    this.code = code;
    this.retryable = details.retryable ?? false;
    // Empty fields are left out, so that a printed error shows only what it knows.
    for (const field of FIELDS) {
      if (details[field] !== undefined) {
        Object.defineProperty(this, field, { value: details[field], enumerable: true });
      }
    }
  }

  get [BRAND]() {
    return true;
  }
}

// On the prototype, like the built-in errors: not listed when an error is printed.
Object.defineProperty(BatonError.prototype, 'name', {
  value: 'BatonError',
  writable: true,
  configurable: true,
});

/**
 * @param {unknown} error
 * @param {ErrorCode} [code]
 * @returns {boolean}
 */
function isBatonError(error, code) {
  if (typeof error !== 'object' || error === null || !(BRAND in error)) {
    return false;
  }
  return code === undefined || /** @type {{ code?: unknown }} */ (error).code === code;
}

/**
 * Must be called after the `await`, in the caller's chain of async functions, so that the stack leads to the
 * caller.
 *
 * @param {import('../binding.js').Failure} failure
 * @returns {BatonError}
 */
function fromFailure(failure) {
  const { code, message, ...details } = failure;
  return new BatonError(/** @type {ErrorCode} */ (code), message, details);
}

/**
 * Only failures have a `code`; no result of a native method does.
 *
 * @param {unknown} answer
 * @returns {answer is import('../binding.js').Failure}
 */
function isFailure(answer) {
  return typeof answer === 'object' && answer !== null && 'code' in answer;
}

/**
 * Returns the result, or throws the error of a failure. Must be called after the `await` on the addon, so
 * that the error's stack leads through the callers that wait for it.
 *
 * @template T
 * @param {T | import('../binding.js').Failure} answer
 * @returns {Exclude<T, import('../binding.js').Failure>}
 */
function result(answer) {
  if (isFailure(answer)) {
    throw fromFailure(answer);
  }
  return /** @type {Exclude<T, import('../binding.js').Failure>} */ (answer);
}

module.exports = { BatonError, fromFailure, isBatonError, isFailure, result };

// The errors of better-sqlite3: SQLite's own are a `SqliteError`. Whatever else Baton throws stays a `BatonError`, since
// better-sqlite3 has no equivalent of it.

'use strict';

const { BatonError, isBatonError } = require('../../lib/error.js');

class SqliteError extends Error {
  /**
   * @param {string} message
   * @param {string} code SQLite's extended result code, such as `SQLITE_CONSTRAINT_UNIQUE`.
   * @param {{ cause?: unknown }} [options]
   */
  constructor(message, code, options) {
    if (typeof code !== 'string') {
      throw new TypeError('The second argument must be a string, the code');
    }
    super(`${message}`, options);
    this.code = code;
  }
}

Object.defineProperty(SqliteError.prototype, 'name', {
  value: 'SqliteError',
  writable: true,
  configurable: true,
});

/**
 * What a user of better-sqlite3 expects instead of an error of Baton. Only a `SqliteError` has the `BatonError` as its
 * `cause`.
 *
 * @param {unknown} error
 * @returns {unknown}
 */
function translated(error) {
  if (isBatonError(error)) {
    const { code, extendedCode, message } =
      /** @type {InstanceType<typeof BatonError> & { extendedCode?: string }} */ (error);
    if (code.startsWith('SQLITE_')) {
      return new SqliteError(message, extendedCode ?? code, { cause: error });
    }
  }
  return error;
}

/**
 * The error of what better-sqlite3 has and a database of Baton has not.
 *
 * @param {string} what
 * @param {string} why
 */
function unavailable(what, why) {
  return new BatonError('ERR_INVALID_ARG', `${what} is not available in batondb/better-sqlite3: ${why}`);
}

module.exports = { SqliteError, translated, unavailable };

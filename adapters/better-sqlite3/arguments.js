// Checks of the arguments of a database: what it is made of, and the kinds that its methods take.

'use strict';

const check = require('../../lib/arguments/check.js');
const { BatonError } = require('../../lib/error.js');

/** @typedef {import('../../index.js').Database} Baton */

const METHODS = ['prepareSync', 'execSync', 'transactionSync', 'serializeSync', 'serialize', 'close'];
const OPTIONS = ['readonly', 'fileMustExist', 'timeout', 'verbose', 'nativeBinding'];

/** @param {unknown} sql */
function text(sql) {
  if (typeof sql !== 'string') {
    throw new TypeError(`The first argument must be a string. Received ${typeof sql}`);
  }
  return sql;
}

/**
 * @param {any} options
 * @param {string} which
 */
function record(options, which) {
  if (options !== undefined && typeof options !== 'object') {
    throw new TypeError(`The ${which} argument must be an object with options. Received ${typeof options}`);
  }
  return options ?? {};
}

/**
 * @param {unknown} value
 * @returns {Baton}
 */
function opened(value) {
  const candidate = /** @type {any} */ (value);
  const isObject = typeof candidate === 'object' && candidate !== null;
  if (isObject && METHODS.every((method) => typeof candidate[method] === 'function')) {
    return candidate;
  }
  if (typeof value === 'string' || value === undefined || ArrayBuffer.isView(value)) {
    throw new BatonError(
      'ERR_INVALID_ARG',
      `new Database(${value === undefined || typeof value === 'string' ? check.show(value) : 'buffer'}) opens no file ` +
        "here. It takes an open database of Baton: const store = await Store.open({ path: './data' }); " +
        "new Database(await store.openDatabase('app')). store.importFrom('app', file) moves a SQLite file into the store",
    );
  }
  throw check.invalid('database', 'a Database of store.openDatabase(actorId)', value);
}

/**
 * @param {Record<string, any>} options Those of better-sqlite3.
 * @param {boolean} isReadOnly
 * @returns {((sql: string) => unknown) | undefined}
 */
function chosen(options, isReadOnly) {
  const { readonly, verbose } = check.object(options, 'options', OPTIONS);
  if (readonly && !isReadOnly) {
    const message =
      'The "options.readonly" property is of no use here: pass a database of store.openDatabase(actorId, { readOnly: true })';
    throw new BatonError('ERR_INVALID_ARG', message);
  }
  if (verbose !== undefined && verbose !== null && typeof verbose !== 'function') {
    throw new TypeError('The "verbose" option must be a function');
  }
  return verbose ?? undefined;
}

module.exports = { chosen, opened, record, text };

// Checks the arguments of the methods of databases, transactions and statements.

'use strict';

const check = require('./check.js');
const { traceparent } = require('./traceparent.js');

/** @typedef {import('../results/rows.js').RowFormat & import('../database/connection.js').Limits} Query */

/**
 * The advice of an adapter's errors about integers that a number cannot hold: there, the option belongs to
 * the adapter. A symbol that all copies of this package share, and that callers do not come across.
 */
const HINT = Symbol.for('batondb.integerHint');

/** Whether an adapter's rows have blobs as `Buffer`. */
const BUFFERS = Symbol.for('batondb.buffers');

const QUERY_OPTIONS = ['rowMode', 'readBigInts', 'signal', 'timeoutMs', 'traceparent'];
const SYNC_QUERY_OPTIONS = ['rowMode', 'readBigInts'];
const BEHAVIORS = ['deferred', 'immediate', 'exclusive'];

/**
 * What was made of options that an adapter uses for every call.
 *
 * @type {WeakMap<object, import('../results/rows.js').RowFormat>}
 */
const known = new WeakMap();

/** @type {Query} */
const QUERY_DEFAULT = Object.freeze({
  rowMode: 'object',
  readBigInts: false,
  integerHint: undefined,
  buffers: false,
  signal: undefined,
  timeoutMs: undefined,
  traceparent: undefined,
});

const TRANSACTION_DEFAULT = Object.freeze({ mode: 0 });

/**
 * @param {unknown} value
 * @param {string} [name]
 * @returns {string}
 */
function sqlText(value, name = 'sql') {
  const text = check.string(value, name);
  // SQLite would end there, and silently ignore the rest.
  if (text.includes('\0')) {
    throw check.invalid(name, 'SQL without null bytes', value);
  }
  return text;
}

/**
 * @param {unknown} value
 * @returns {Query}
 */
function queryOptions(value) {
  if (value === undefined) {
    return QUERY_DEFAULT;
  }
  const options = check.object(value, 'options', QUERY_OPTIONS);
  const { rowMode = 'object' } = options;
  if (rowMode !== 'object' && rowMode !== 'array') {
    throw check.invalid('options.rowMode', "'object' or 'array'", rowMode);
  }
  return {
    rowMode,
    readBigInts: check.boolean(options.readBigInts ?? false, 'options.readBigInts'),
    integerHint: /** @type {any} */ (options)[HINT],
    buffers: /** @type {any} */ (options)[BUFFERS] === true,
    ...limits(options),
  };
}

/**
 * Those of a synchronous call, which nothing can end from outside.
 *
 * @param {unknown} value
 * @returns {import('../results/rows.js').RowFormat}
 */
function syncOptions(value) {
  if (value === undefined) {
    return QUERY_DEFAULT;
  }
  const format = known.get(/** @type {object} */ (value));
  if (format !== undefined) {
    return format;
  }
  check.object(value, 'options', SYNC_QUERY_OPTIONS);
  return queryOptions(value);
}

/**
 * Options for any number of synchronous calls, which are checked only here.
 *
 * @template {object} T
 * @param {T} options
 * @returns {Readonly<T>}
 */
function checkedOptions(options) {
  known.set(options, syncOptions(options));
  return Object.freeze(options);
}

/** @param {unknown} value */
function syncTransactionOptions(value) {
  return value === undefined
    ? TRANSACTION_DEFAULT
    : transactionOptions(check.object(value, 'options', ['behavior']));
}

/** @param {unknown} value */
function limitOptions(value) {
  return limits(check.object(value ?? {}, 'options', ['signal', 'timeoutMs', 'traceparent']));
}

/** @param {unknown} value */
function transactionOptions(value) {
  const options = check.object(value ?? {}, 'options', ['behavior', 'timeoutMs', 'signal', 'traceparent']);
  const { behavior = 'deferred' } = options;
  const mode = BEHAVIORS.indexOf(behavior);
  if (mode === -1) {
    throw check.invalid('options.behavior', "'deferred', 'immediate' or 'exclusive'", behavior);
  }
  return { mode, ...limits(options) };
}

/** @param {Record<string, unknown>} options */
function limits({ signal, timeoutMs, traceparent: trace }) {
  return {
    traceparent: traceparent(trace, 'options.traceparent'),
    signal: check.signal(signal, 'options.signal'),
    timeoutMs: timeoutMs === undefined ? undefined : check.timeoutMs(timeoutMs, 'options.timeoutMs'),
  };
}

/**
 * @param {unknown} value
 * @returns {{ sqls: string[], params: unknown[] }}
 */
function batchStatements(value) {
  if (!Array.isArray(value)) {
    throw check.invalid('statements', 'an array of SQL strings or { sql, params }', value);
  }
  /** @type {string[]} */
  const sqls = [];
  const params = [];
  for (let index = 0; index < value.length; index += 1) {
    const name = `statements[${index}]`;
    const each = value[index];
    if (typeof each === 'string') {
      sqls.push(sqlText(each, name));
      params.push(undefined);
    } else {
      const statement = check.object(each, name, ['sql', 'params']);
      sqls.push(sqlText(statement.sql, `${name}.sql`));
      params.push(statement.params);
    }
  }
  return { sqls, params };
}

module.exports = {
  BUFFERS,
  HINT,
  batchStatements,
  checkedOptions,
  limitOptions,
  queryOptions,
  sqlText,
  syncOptions,
  syncTransactionOptions,
  transactionOptions,
};

// What an actor sees as `c.db`: rivetkit's raw client over a Baton database.

'use strict';

const check = require('../../lib/arguments/check.js');
const { BatonError } = require('../../lib/error.js');
const { runScript } = require('../../lib/database/scripts.js');

/** @typedef {import('../../index.js').Database} Database */
/** @typedef {import('../../index.js').Queries} Queries */
/** @typedef {import('../../index.js').Store} Store */
/** @typedef {import('../../index.js').SqlParams} SqlParams */
/** @typedef {import('../rivetkit.js').RawClient} RawClient */
/** @typedef {Record<string, import('../../index.js').SqlValue>} Row */

/** The longest that a timer waits. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/**
 * Integers as rivetkit's own client answers them: numbers, and a bigint only where a number would not be exact.
 *
 * @param {Row[]} rows
 */
function withNumbers(rows) {
  for (const row of rows) {
    for (const [name, value] of Object.entries(row)) {
      if (typeof value === 'bigint' && Number.isSafeInteger(Number(value))) row[name] = Number(value);
    }
  }
  return rows;
}

/**
 * The parameters of `execute(sql, ...args)`: one plain object for named ones, or the values in their order.
 *
 * @param {unknown[]} args
 * @returns {SqlParams}
 */
function paramsOf(args) {
  const [first] = args;
  const named =
    args.length === 1 &&
    typeof first === 'object' &&
    first !== null &&
    !Array.isArray(first) &&
    !ArrayBuffer.isView(first) &&
    [Object.prototype, null].includes(Object.getPrototypeOf(first));
  return /** @type {SqlParams} */ (named ? first : args);
}

/**
 * @param {Queries} queries
 * @returns {(sql: string, ...args: unknown[]) => Promise<any[]>}
 */
function executeOn(queries) {
  return async (sql, ...args) => {
    // A call with parameters is one statement; and what is no string is for the database to refuse.
    if (args.length === 0 && typeof sql === 'string') {
      // The rows are those of the last statement that has any columns.
      const { rows } = await runScript(queries, 'asFarAsMayBe', sql, [], { readBigInts: true });
      return withNumbers(rows);
    }
    return withNumbers(await queries.all(sql, paramsOf(args), { readBigInts: true }));
  };
}

/**
 * As rivetkit takes them: a timeout is any positive number of milliseconds, and the unused name is not empty.
 *
 * @param {unknown} options
 */
function transactionOptions(options) {
  const { name, timeout, experimental } = /** @type {any} */ (options ?? {});
  if (name !== undefined) check.nonEmptyString(name, 'options.name');
  if (experimental?.includeState) {
    // Its answer would be a promise that a database outside of rivetkit cannot keep.
    throw new BatonError(
      'ERR_INVALID_ARG',
      "options.experimental.includeState must not be set: rivetkit's state is not part of a Baton transaction",
    );
  }
  if (timeout === undefined) return {};
  if (typeof timeout !== 'number') throw check.invalid('options.timeout', 'of type number', timeout);
  if (!(timeout > 0 && timeout < Infinity)) {
    throw check.outOfRange('options.timeout', 'a positive, finite number of milliseconds', timeout);
  }
  return { timeoutMs: Math.min(Math.ceil(timeout), TIMEOUT_MS_MAX) };
}

/**
 * @param {Queries} queries
 * @returns {Pick<RawClient, 'execute' | 'transaction'>}
 */
function rawQueries(queries) {
  return {
    execute: executeOn(queries),
    transaction: async (callback, options) =>
      await queries.transaction(
        async (tx) =>
          await callback(/** @type {any} */ ({ ...rawQueries(tx), database: tx, close: async () => {} })),
        transactionOptions(options),
      ),
  };
}

/**
 * @param {Store} store
 * @param {Database} database
 * @param {{ onClose: () => void, fenced: AbortSignal }} life
 * @returns {RawClient}
 */
function rawClient(store, database, { onClose, fenced }) {
  const close = () => {
    onClose();
    return database.close();
  };
  return {
    ...rawQueries(database),
    nativeMetrics: () => null,
    close,
    database,
    fenced,
    deleteDatabase: async () => {
      // Closed first, so that the deletion is not told to the actor as the loss of it.
      await close();
      // As its owner only: who has taken the actor over keeps it.
      return await store.delete(database.actorId, { generation: database.startup.generation });
    },
  };
}

module.exports = { rawClient };

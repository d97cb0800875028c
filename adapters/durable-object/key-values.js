// `get`, `put`, `delete` and `list` of a Durable Object's storage, over a table of their own.
//
// Keys are kept as the bytes of their UTF-8, so that they sort as in a Durable Object whatever the text encoding of
// the database is; values as Node's structured clones. Each call is one batch, which makes the table where it is not
// there: no call has to come first, and a transaction that is rolled back takes the table with it.

'use strict';

const { deserialize, serialize } = require('node:v8');

const check = require('../../lib/arguments/check.js');
const { BatonError } = require('../../lib/error.js');

/** @typedef {import('../../index.js').Queries} Queries */
/** @typedef {import('../../index.js').BatchStatement} BatchStatement */

const TABLE = '_baton_key_values';
const CREATE = `CREATE TABLE IF NOT EXISTS ${TABLE} (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID`;
const LIST_OPTIONS = ['start', 'startAfter', 'end', 'prefix', 'reverse', 'limit'];
const LIMIT_MAX = Number.MAX_SAFE_INTEGER;
/** No byte of UTF-8 is as large, so it ends the range of a prefix. */
const BEHIND = Buffer.of(0xff);

class KeyValues {
  #scope;

  /** @param {() => Queries} scope The database, or the transaction that the caller is in. */
  constructor(scope) {
    this.#scope = scope;
  }

  /** @param {unknown} key */
  async get(key) {
    const keys = (Array.isArray(key) ? key : [key]).map(keyBytes);
    const marks = keys.map(() => '?').join();
    const sql = `SELECT key, value FROM ${TABLE} WHERE key IN (${marks}) ORDER BY key`;
    const found = asMap((await this.#batch([{ sql, params: keys }]))[0].rows);
    return Array.isArray(key) ? found : found.get(key);
  }

  /**
   * @param {unknown} keyOrEntries
   * @param {unknown} [value]
   */
  async put(keyOrEntries, value) {
    const entries =
      typeof keyOrEntries === 'string' ? [[keyOrEntries, value]] : Object.entries(objectOf(keyOrEntries));
    const sql = `INSERT OR REPLACE INTO ${TABLE} VALUES (?, ?)`;
    await this.#batch(
      entries.map(([key, each]) => ({ sql, params: [keyBytes(key), valueBytes(key, each)] })),
    );
  }

  /** @param {unknown} key */
  async delete(key) {
    const keys = (Array.isArray(key) ? key : [key]).map(keyBytes);
    const sql = `DELETE FROM ${TABLE} WHERE key IN (${keys.map(() => '?').join()})`;
    const [{ changes }] = await this.#batch([{ sql, params: keys }]);
    return Array.isArray(key) ? changes : changes > 0;
  }

  /** @param {unknown} [options] */
  async list(options = {}) {
    const { start, startAfter, end, prefix, reverse, limit } = check.object(options, 'options', LIST_OPTIONS);
    /** @type {[string, Buffer][]} */
    const bounds = [];
    if (start !== undefined && startAfter !== undefined) {
      throw check.invalid('options.startAfter', 'absent where there is a start', startAfter);
    }
    if (start !== undefined) bounds.push(['key >= ?', keyBytes(start)]);
    if (startAfter !== undefined) bounds.push(['key > ?', keyBytes(startAfter)]);
    if (end !== undefined) bounds.push(['key < ?', keyBytes(end)]);
    if (prefix !== undefined) {
      bounds.push(['key >= ?', keyBytes(prefix)], ['key < ?', Buffer.concat([keyBytes(prefix), BEHIND])]);
    }
    const where = bounds.length > 0 ? `WHERE ${bounds.map(([text]) => text).join(' AND ')}` : '';
    const order = check.boolean(reverse ?? false, 'options.reverse') ? 'DESC' : 'ASC';
    const count = limit === undefined ? -1 : check.integer(limit, 'options.limit', 1, LIMIT_MAX);
    const sql = `SELECT key, value FROM ${TABLE} ${where} ORDER BY key ${order} LIMIT ?`;
    const params = [...bounds.map(([, bytes]) => bytes), count];
    return asMap((await this.#batch([{ sql, params }]))[0].rows);
  }

  /** @param {BatchStatement[]} statements */
  async #batch(statements) {
    const [, ...results] = await this.#scope().batch([CREATE, ...statements], { rowMode: 'array' });
    return results;
  }
}

/**
 * @param {any[][]} rows
 * @returns {Map<unknown, any>}
 */
function asMap(rows) {
  return new Map(rows.map(([key, value]) => [Buffer.from(key).toString(), deserialize(value)]));
}

/** @param {unknown} key */
function keyBytes(key) {
  const text = check.string(key, 'key');
  if (!text.isWellFormed()) {
    throw check.invalid('key', 'well-formed Unicode, without lone surrogates', key);
  }
  return Buffer.from(text);
}

/**
 * @param {unknown} key
 * @param {unknown} value
 */
function valueBytes(key, value) {
  if (value === undefined) {
    throw check.invalid(`value of '${key}'`, 'something other than undefined', value);
  }
  try {
    return serialize(value);
  } catch (cause) {
    throw new BatonError('ERR_INVALID_ARG', `The value of '${key}' cannot be cloned: ${cause}`, { cause });
  }
}

/** @param {unknown} entries */
function objectOf(entries) {
  if (typeof entries !== 'object' || entries === null || Array.isArray(entries)) {
    throw check.invalid('key', 'a string, or an object of keys and values', entries);
  }
  return entries;
}

module.exports = { KeyValues };

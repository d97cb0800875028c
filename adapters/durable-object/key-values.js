// `get`, `put`, `delete` and `list` of a Durable Object's storage, over a table of their own.
//
// Keys are kept as the bytes of their UTF-8, so that they sort as in a Durable Object whatever the text encoding of
// the database is; values as Node's structured clones. The first write makes the table, in the same transaction: no
// call has to come first, and a transaction that is rolled back takes the table with it.

'use strict';

const { deserialize, serialize } = require('node:v8');

const check = require('../../lib/arguments/check.js');
const { BatonError, isBatonError } = require('../../lib/error.js');

/** @typedef {import('../arguments.js').AllQueries} Queries */

/**
 * A call: its statements, and what it answers with.
 *
 * @typedef {object} Call
 * @property {{ sql: string, params: any[] }[]} statements
 * @property {(result: { rows: any[][], changes: number }) => any} answer
 */

const TABLE = '_baton_key_values';
const CREATE = `CREATE TABLE IF NOT EXISTS ${TABLE} (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID`;
const LIST_OPTIONS = ['start', 'startAfter', 'end', 'prefix', 'reverse', 'limit'];
/** What says how a Durable Object uses its cache, and its gates. There is nothing like that here. */
const IGNORED_OPTIONS = ['allowConcurrency', 'allowUnconfirmed', 'noCache'];
const LIMIT_MAX = Number.MAX_SAFE_INTEGER;
/** No byte of UTF-8 is as large, so it ends the range of a prefix. */
const BEHIND = Buffer.of(0xff);
const ROWS = /** @type {const} */ ({ rowMode: 'array' });

/** The methods that answer at once. */
class SyncKeyValues {
  #queries;
  #exec;

  /**
   * @param {() => Queries} queries The database, or the transaction that the caller is in.
   * @param {(sql: string, ...params: any[]) => IterableIterator<any[]>} exec The rows of a query, as they are needed.
   */
  constructor(queries, exec) {
    this.#queries = queries;
    this.#exec = exec;
  }

  /** @param {unknown} key */
  get(key) {
    return run(this.#queries(), getCall(check.string(key, 'key')));
  }

  /**
   * @param {unknown} key
   * @param {unknown} value
   */
  put(key, value) {
    run(this.#queries(), putCall(check.string(key, 'key'), value));
  }

  /** @param {unknown} key */
  delete(key) {
    return run(this.#queries(), deleteCall(check.string(key, 'key')));
  }

  /** @param {unknown} [options] */
  list(options) {
    const [{ sql, params }] = listCall(options).statements;
    return entries(orNone(() => this.#exec(sql, ...params)));
  }
}

/** The methods that answer with promises. What they do is done when they return, unless they have to wait. */
class KeyValues {
  #queries;

  /** @param {() => Queries} queries The database, or the transaction that the caller is in. */
  constructor(queries) {
    this.#queries = queries;
  }

  /** @param {unknown} key */
  async get(key) {
    return await runOrWait(this.#queries(), getCall(key));
  }

  /**
   * @param {unknown} keyOrEntries
   * @param {unknown} [value]
   */
  async put(keyOrEntries, value) {
    await runOrWait(this.#queries(), putCall(keyOrEntries, value));
  }

  /** @param {unknown} key */
  async delete(key) {
    return await runOrWait(this.#queries(), deleteCall(key));
  }

  /** @param {unknown} [options] */
  async list(options) {
    return await runOrWait(this.#queries(), listCall(options));
  }
}

/**
 * @param {unknown} key
 * @returns {Call}
 */
function getCall(key) {
  const keys = (Array.isArray(key) ? key : [key]).map(keyBytes);
  const sql = `SELECT key, value FROM ${TABLE} WHERE key IN (${marks(keys)}) ORDER BY key`;
  const answer = (/** @type {any} */ { rows }) => {
    const found = new Map(entries(rows));
    return Array.isArray(key) ? found : found.get(/** @type {string} */ (key));
  };
  return { statements: [{ sql, params: keys }], answer };
}

/**
 * @param {unknown} keyOrEntries
 * @param {unknown} value
 * @returns {Call}
 */
function putCall(keyOrEntries, value) {
  const pairs =
    typeof keyOrEntries === 'string'
      ? [[keyOrEntries, value]]
      : // A Durable Object leaves out what is undefined, too.
        Object.entries(objectOf(keyOrEntries)).filter(([, each]) => each !== undefined);
  const sql = `INSERT OR REPLACE INTO ${TABLE} VALUES (?, ?)`;
  const statements = pairs.map(([key, each]) => ({ sql, params: [keyBytes(key), valueBytes(key, each)] }));
  return { statements, answer: () => undefined };
}

/**
 * @param {unknown} key
 * @returns {Call}
 */
function deleteCall(key) {
  const keys = (Array.isArray(key) ? key : [key]).map(keyBytes);
  const sql = `DELETE FROM ${TABLE} WHERE key IN (${marks(keys)})`;
  const answer = (/** @type {any} */ { changes }) => (Array.isArray(key) ? changes : changes > 0);
  return { statements: [{ sql, params: keys }], answer };
}

/**
 * @param {unknown} [options]
 * @returns {Call}
 */
function listCall(options = {}) {
  const given = check.object(options, 'options', [...LIST_OPTIONS, ...IGNORED_OPTIONS]);
  const { start, startAfter, end, prefix, reverse, limit } = given;
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
  return { statements: [{ sql, params }], answer: ({ rows }) => new Map(entries(rows)) };
}

/**
 * @param {Queries} queries
 * @param {Call} call
 */
function run(queries, { statements, answer }) {
  const [{ sql, params } = { sql: '', params: [] }] = statements;
  if (sql.startsWith('SELECT')) {
    return answer({ rows: orNone(() => queries.allSync(sql, params, ROWS)), changes: 0 });
  }
  try {
    const { changes } =
      statements.length === 1 ? queries.runSync(sql, params) : (queries.batchSync(statements).at(-1) ?? NONE);
    return answer({ rows: [], changes });
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  return answer(queries.batchSync([CREATE, ...statements], ROWS).at(-1) ?? NONE);
}

const NONE = { rows: [], changes: 0 };

/**
 * {@link run}, which waits where a call on this thread cannot be made now: beside an open transaction, or on a store
 * that is far away.
 *
 * @param {Queries} queries
 * @param {Call} call
 */
async function runOrWait(queries, call) {
  try {
    return run(queries, call);
  } catch (error) {
    if (!isBatonError(error, 'ERR_BUSY') && !isBatonError(error, 'ERR_WOULD_BLOCK')) throw error;
  }
  const results = await queries.batch([CREATE, ...call.statements], ROWS);
  return call.answer(/** @type {any} */ (results.at(-1)));
}

/**
 * The rows of a query, none where the table is missing.
 *
 * @template {Iterable<any[]>} T
 * @param {() => T} read
 */
function orNone(read) {
  try {
    return read();
  } catch (error) {
    if (!isMissing(error)) throw error;
    return [];
  }
}

/** @param {unknown} error */
function isMissing(error) {
  return isBatonError(error, 'SQLITE_ERROR') && String(error).includes(`no such table: ${TABLE}`);
}

/**
 * @param {Iterable<any[]>} rows
 * @returns {Generator<[string, any], void, void>}
 */
function* entries(rows) {
  for (const [key, value] of rows) {
    yield [Buffer.from(key).toString(), deserialize(Buffer.from(value))];
  }
}

/** @param {readonly unknown[]} keys */
function marks(keys) {
  return keys.map(() => '?').join();
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

/** @param {unknown} entries_ */
function objectOf(entries_) {
  if (typeof entries_ !== 'object' || entries_ === null || Array.isArray(entries_)) {
    throw check.invalid('key', 'a string, or an object of keys and values', entries_);
  }
  return entries_;
}

module.exports = { KeyValues, SyncKeyValues };

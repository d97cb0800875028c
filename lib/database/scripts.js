// Text with several statements. Only SQLite knows where each of them ends, once it has compiled it, so the
// addon runs them and returns their answers. Not visible to users: the adapters and the command line use it.

'use strict';

const { observed } = require('../observe/channels.js');
const { limitOptions, queryOptions, sqlText } = require('../arguments/query-options.js');
const { encodeParams } = require('../arguments/parameters.js');
const { batchResults } = require('../results/results.js');
const { ChunkHeader, RowReader } = require('../results/rows.js');

/**
 * The inside of a database or a transaction, which their class hides. By name and not by identity, so that it
 * works for a database of another copy of this package.
 */
const INSIDE = Symbol.for('batondb.inside');

/** How the addon numbers them; see `ScriptKind` in src/database/call.rs. */
const SCRIPT_KINDS = { together: 5, asFarAsMayBe: 6 };
const EACH_KIND = 7;

// The flags of a chunk.
const READONLY = 1;
const GOES_ON = 2;
const CHANGES = 4;

/** @typedef {InstanceType<typeof import('./connection.js').Connection>} Connection */
/** @typedef {import('./connection.js').Scope} Scope */
/** @typedef {import('./connection.js').Limits} Limits */

/**
 * The results of a script: for a statement with columns its rows, to be read before the next step; for
 * consecutive statements without columns, the changes of each.
 *
 * @typedef {{ columns: string[], readonly: boolean, rows: AsyncIterable<unknown[]> }} StatementRows
 * @typedef {{ changes: number, readonly: boolean }[]} StatementChanges
 */

/** @type {import('../results/rows.js').RowFormat} */
const FORMAT = { rowMode: 'array', readBigInts: true };

/** The chunks of a script, one answer of the addon after the other. */
class Chunks {
  #connection;
  #scope;
  #limits;
  /** @type {Uint8Array[]} */
  #waiting = [];
  /** Where the script continues; 0 if it does not. */
  #script = 0;
  /** @type {Promise<Uint8Array[]> | undefined} */
  #first;

  /**
   * @param {Connection} connection
   * @param {Scope} scope
   * @param {string} sql
   * @param {Limits} limits
   */
  constructor(connection, scope, sql, limits) {
    this.#connection = connection;
    this.#scope = scope;
    this.#limits = limits;
    this.#first = /** @type {Promise<Uint8Array[]>} */ (
      connection.call(
        scope,
        (native, id, job) => native.call(id, job, EACH_KIND, sql, undefined, limits.traceparent),
        limits,
      )
    );
  }

  /**
   * @param {boolean} skip Whether to skip the rest of the open statement.
   * @returns {Promise<InstanceType<typeof ChunkHeader> | undefined>}
   */
  async next(skip = false) {
    if (this.#waiting.length === 0) {
      if (this.#first) {
        const first = this.#first;
        this.#first = undefined;
        this.#waiting = await first;
      } else if (this.#script === 0) {
        return undefined;
      } else {
        const script = this.#script;
        this.#script = 0;
        this.#waiting = await this.#connection.call(
          this.#scope,
          (native, id, job) => native.eachOn(id, job, script, skip),
          this.#limits,
        );
      }
      this.#script = new ChunkHeader(/** @type {Uint8Array} */ (this.#waiting.at(-1))).cursor;
      this.#waiting.reverse();
    }
    const chunk = this.#waiting.pop();
    return chunk && new ChunkHeader(chunk);
  }

  /** Whether the next chunk still has to be requested. */
  get isEmpty() {
    return this.#waiting.length === 0;
  }

  async end() {
    if (this.#script !== 0) await this.#connection.closeCursor(this.#scope, this.#script);
  }
}

/**
 * Runs the statements of a text as a batch; the parameters are those of the last statement. Returns the
 * answer of the last statement, or of the last one that has columns, with the changes of all of them.
 *
 * @param {import('../../index.js').Queries} queries
 * @param {keyof typeof SCRIPT_KINDS} kind
 * @param {string} sql
 * @param {any} params
 * @param {import('../../index.js').QueryOptions} options
 * @returns {Promise<any>}
 */
async function runScript(queries, kind, sql, params, options) {
  const inside = insideOf(queries);
  if (!inside) {
    // A user's wrapper around a database has its methods, and therefore one statement at a time.
    const [result] = await queries.batch([{ sql, params }], /** @type {any} */ (options));
    return result;
  }
  const { connection, scope } = inside;
  const query = queryOptions(options);
  const text = sqlText(sql);
  const answer = await observed({ connection, operation: 'batch', sql: text }, () =>
    connection.call(
      scope,
      (native, id, job) =>
        native.call(id, job, SCRIPT_KINDS[kind], text, encodeParams(params), query.traceparent),
      query,
    ),
  );
  const [result] = await batchResults([/** @type {Uint8Array} */ (answer)], connection.shapes, query);
  return result;
}

/**
 * Runs the statements of a text one after the other, each by itself.
 *
 * @param {InstanceType<typeof import('./queries.js').Queries>} queries
 * @param {string} sql
 * @param {import('../../index.js').CallOptions} [options]
 * @returns {AsyncGenerator<StatementRows | StatementChanges, void, void>}
 */
async function* eachStatement(queries, sql, options) {
  const { connection, scope } = /** @type {Inside} */ (insideOf(queries));
  const chunks = new Chunks(connection, scope, sqlText(sql), limitOptions(options));
  try {
    let header = await chunks.next();
    while (header) {
      if (header.flags & CHANGES) {
        yield changesOf(header);
        header = await chunks.next();
        continue;
      }
      const statement = new StatementReader(connection, chunks, header);
      yield { columns: statement.columns, readonly: (header.flags & READONLY) !== 0, rows: statement.rows() };
      header = await statement.skip();
    }
  } finally {
    await chunks.end();
  }
}

/**
 * @typedef {{ connection: Connection, scope: Scope }} Inside
 * @param {any} queries
 * @returns {Inside | undefined}
 */
function insideOf(queries) {
  return queries[INSIDE]?.();
}

/** The rows of one statement. */
class StatementReader {
  #chunks;
  #shape;
  /** @type {InstanceType<typeof ChunkHeader>} */
  #header;

  /**
   * @param {Connection} connection
   * @param {Chunks} chunks
   * @param {InstanceType<typeof ChunkHeader>} header
   */
  constructor(connection, chunks, header) {
    this.#chunks = chunks;
    this.#header = header;
    this.#shape = connection.shapes.get(header);
    this.columns = [...this.#shape.names];
  }

  async *rows() {
    for (;;) {
      const reader = new RowReader(this.#header, this.#shape, FORMAT);
      while (reader.rowsLeft > 0) yield /** @type {unknown[]} */ (reader.next());
      if (!(this.#header.flags & GOES_ON)) return;
      this.#header = /** @type {InstanceType<typeof ChunkHeader>} */ (await this.#chunks.next());
    }
  }

  /** Skips the rows that nobody has read. Returns the first chunk of the next statement. */
  async skip() {
    while (this.#header.flags & GOES_ON) {
      if (this.#chunks.isEmpty) return await this.#chunks.next(true);
      this.#header = /** @type {InstanceType<typeof ChunkHeader>} */ (await this.#chunks.next());
    }
    return await this.#chunks.next();
  }
}

/**
 * @param {InstanceType<typeof ChunkHeader>} header
 * @returns {StatementChanges}
 */
function changesOf(header) {
  const shape = { names: ['changes', 'readonly'], hasProto: false };
  const reader = new RowReader(header, shape, { rowMode: 'array', readBigInts: false });
  const statements = [];
  while (reader.rowsLeft > 0) {
    const [changes, readonly] = /** @type {[number, number]} */ (reader.next());
    statements.push({ changes, readonly: readonly === 1 });
  }
  return statements;
}

module.exports = { INSIDE, SCRIPT_KINDS, eachStatement, insideOf, runScript };

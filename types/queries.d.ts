// Calls of SQL: parameters, rows, options and results.

import type { Database, DatabaseOptions, Statement, Transaction, TransactionOptions } from './database.js';
import type { BatonError } from './errors.js';
import type { LoadStartupOptions } from './pages.js';

export type SqlParam = null | number | bigint | string | boolean | ArrayBufferView | ArrayBufferLike;

/**
 * The parameters of a statement: an array for `?` and `?1`, a plain object for `:name`, `@name` and `$name`. The
 * object's keys may have the prefix or not. The number of parameters must match the SQL exactly.
 *
 * | JavaScript | SQLite |
 * |---|---|
 * | `null` | NULL |
 * | a safe integer | INTEGER |
 * | any other number: a fraction, `-0`, `Infinity`, 2^53 and above | REAL |
 * | `bigint`, -2^63 to 2^63 - 1 | INTEGER |
 * | `string`, without lone surrogates | TEXT |
 * | `boolean` | INTEGER 1 or 0 |
 * | any `ArrayBufferView`, `ArrayBuffer`, `SharedArrayBuffer` | BLOB |
 *
 * Everything else fails with `ERR_INVALID_ARG`: `undefined` and `NaN` (pass `null`), a `Date` (pass
 * `date.toISOString()` or `date.getTime()`), other objects (pass `JSON.stringify(value)`). A bigint outside its range
 * fails with `ERR_OUT_OF_RANGE`, more than 1,000,000,000 bytes with `ERR_TOO_LARGE`.
 */
export type SqlParams = readonly SqlParam[] | { readonly [name: string]: SqlParam };

/**
 * An object whose properties are all {@link SqlParam}s. A type declared as an interface has no index signature, so it
 * does not match {@link SqlParams}. Methods that take parameters accept it through this type.
 */
export type NamedParams<P> = object & { readonly [Name in keyof P]-?: SqlParam } & {
  readonly [Symbol.iterator]?: never;
  readonly apply?: SqlParam;
};

/**
 * Parameters as an object, for calls that also state the type of rows. TypeScript then does not infer the type of the
 * parameters. Types that are clearly not such an object are refused; values are checked when the call is made.
 */
export interface UncheckedParams {
  valueOf(): object;
  readonly [Symbol.iterator]?: never;
  readonly apply?: SqlParam;
  readonly getTime?: SqlParam;
  readonly slice?: SqlParam;
  readonly then?: SqlParam;
}

/** {@link UncheckedParams} if a type of rows is given; otherwise `never`. */

export type UncheckedParamsFor<Row> = [Row] extends [never] ? never : UncheckedParams;

/** The type of a row for these options. */

export type RowFor<Options> = Options extends { rowMode: 'array' } ? SqlValue[] : SqlRow;

/** A statement of a batch whose parameters may be typed by an interface. */

export type BatchStatementOf<Each> = Each extends string
  ? string
  : Each extends { params: infer P }
    ? { sql: string; params: P extends SqlParams | NamedParams<P> ? P : SqlParams }
    : BatchStatement;

/**
 * A value that SQL returns. An INTEGER is a `number`, or a `bigint` with `readBigInts`. A BLOB is a copy of its own.
 */
export type SqlValue = null | number | bigint | string | Uint8Array;

/** A row as an object. If two columns have the same name, the last one wins. */

export type SqlRow = Record<string, SqlValue>;

/** Options of every SQL call. */

export interface CallOptions {
  /** See {@link LoadStartupOptions.traceparent}. */
  traceparent?: string;
  /**
   * If aborted before the call, the call rejects with `ERR_ABORTED` and does nothing. If aborted later, the call is
   * removed from the queue or interrupted, and rejects with `ERR_ABORTED`. The error's name is `AbortError`, and its
   * `cause` is the signal's reason. If the abort comes too late to stop the call, it has no effect, and the call
   * resolves.
   *
   * A statement that was interrupted has changed nothing. An interrupted write inside a transaction rolls back the
   * whole transaction, as in SQLite.
   */
  signal?: AbortSignal;
  /**
   * How long the call may take, in milliseconds, 1 to 2147483647, including its time in the queue. It then rejects as
   * with `signal`; the `cause` is a `DOMException` named `TimeoutError`. In an iteration the limit applies to each
   * single fetch.
   */
  timeoutMs?: number;
}

/** Options of queries. */

export interface QueryOptions extends CallOptions {
  /**
   * Whether rows are objects by column name, or arrays in column order.
   *
   * @default 'object'
   */
  rowMode?: 'object' | 'array';
  /**
   * Whether all integers are returned as `bigint`. By default an integer outside +-(2^53 - 1) fails with
   * `ERR_OUT_OF_RANGE` when its row is read; a statement that writes has already done so by then.
   *
   * @default false
   */
  readBigInts?: boolean;
}

/** {@link QueryOptions} that ask for rows as arrays. */

export interface ArrayQueryOptions extends QueryOptions {
  rowMode: 'array';
}

/** What a statement changed. */

export interface RunResult {
  /**
   * How many rows the statement itself inserted, updated or deleted. Changes by triggers and foreign keys do not count.
   */
  changes: number;
  /** The rowid of the connection's last insert. A `bigint` if it is above 2^53 - 1, or with `readBigInts`. */
  lastInsertRowid: number | bigint;
}

/** One statement of a batch. */

export interface BatchStatement {
  sql: string;
  params?: SqlParams;
}

/** The result of one statement of a batch. */

export interface BatchResult<Row = SqlRow> extends RunResult {
  /** The names of the columns. Empty for a statement without rows. */
  columns: string[];
  rows: Row[];
}

/** Options of {@link Queries.transaction}. */

/**
 * The methods that run SQL. Both {@link Database} and {@link Transaction} have them.
 *
 * SQL runs off the event loop. The calls of one database run one at a time, in the order they were made. Every method
 * except `exec` takes exactly one statement. All methods reject with a {@link BatonError}:
 *
 * - `SQLITE_...`: SQLite's own error, with `extendedCode`, `rawCode` and, if the SQL itself is at fault, the `offset`
 *   of the error in it.
 * - `ERR_INVALID_ARG`: the arguments are wrong, or the parameters do not match the SQL.
 * - `ERR_OUT_OF_RANGE`: also an integer above 2^53 - 1 in a result, without `readBigInts`.
 * - `ERR_FENCE_MISMATCH`: the actor has another owner, or the other database of a shared generation has committed. This
 *   call changed nothing. The database is of no further use: all its calls reject with this error.
 * - `ERR_NOT_FOUND`: the actor was deleted. The database is of no further use, as above.
 * - `ERR_COMMIT_UNKNOWN`: the transaction may or may not have taken place; the store became unavailable before it
 *   answered. The next call on the database finds out and continues from there, so a read shows which it was.
 * - `SQLITE_READONLY`, `SQLITE_BUSY`: from a read-only database, see {@link DatabaseOptions.readOnly}. Such a database
 *   is never fenced.
 * - `ERR_DEADLOCK`: the call was made inside a transaction function, but on the object that the transaction was started
 *   on. It would wait for its own transaction to end. Nothing was done.
 * - `ERR_ABORTED`, `ERR_OVERLOADED`, `ERR_CLOSED`, `ERR_TOO_LARGE`, `ERR_QUOTA_EXCEEDED`, `ERR_UNAVAILABLE`,
 *   `ERR_CORRUPT`.
 */
export interface Queries {
  /**
   * Runs any number of statements, without parameters and without returning rows. It stops at the first that fails.
   */
  exec(sql: string, options?: CallOptions): Promise<void>;

  /**
   * Runs a statement and returns what it changed. Any rows are discarded.
   *
   * @example
   * ```ts
   * const { changes } = await db.run('UPDATE users SET name = $name WHERE id = $id', { id: 7, name: 'Ada' });
   * ```
   */
  run(sql: string, params?: SqlParams, options?: QueryOptions): Promise<RunResult>;
  run<P extends NamedParams<P>>(sql: string, params: P, options?: QueryOptions): Promise<RunResult>;

  /**
   * Returns the first row, or `undefined` if there is none. A statement that writes, such as one with `RETURNING`,
   * still runs to its end.
   */
  get<Row = SqlRow>(sql: string, params?: SqlParams, options?: ObjectQueryOptions): Promise<Row | undefined>;
  get<Row = SqlValue[]>(
    sql: string,
    params: SqlParams | undefined,
    options: ArrayQueryOptions,
  ): Promise<Row | undefined>;
  get<P extends NamedParams<P>, Options extends QueryOptions>(
    sql: string,
    params: P,
    options?: Options,
  ): Promise<RowFor<Options> | undefined>;
  get<Row = never>(
    sql: string,
    params: UncheckedParamsFor<Row>,
    options?: QueryOptions,
  ): Promise<Row | undefined>;

  /** Returns all rows. If they do not fit in memory, see {@link Queries.iterate}. */
  all<Row = SqlRow>(sql: string, params?: SqlParams, options?: ObjectQueryOptions): Promise<Row[]>;
  all<Row = SqlValue[]>(
    sql: string,
    params: SqlParams | undefined,
    options: ArrayQueryOptions,
  ): Promise<Row[]>;
  all<P extends NamedParams<P>, Options extends QueryOptions>(
    sql: string,
    params: P,
    options?: Options,
  ): Promise<RowFor<Options>[]>;
  all<Row = never>(sql: string, params: UncheckedParamsFor<Row>, options?: QueryOptions): Promise<Row[]>;

  /**
   * Returns the rows one by one, fetching a few hundred at a time. The query begins at the first step, and errors in
   * its arguments are thrown then. Other calls may run between fetches; whether the iteration sees what they write is
   * undefined. Leaving the loop ends the query, and so does `iterator.return()`. If you step an iterator by hand and
   * drop it, the query stays open until the iterator is garbage-collected. Until then, `DROP TABLE` on a table that it
   * reads fails with `SQLITE_LOCKED`.
   *
   * @example
   * ```ts
   * for await (const { id, text } of db.iterate('SELECT id, text FROM messages')) {
   *   if (!(await send(id, text))) break;
   * }
   * ```
   */
  iterate<Row = SqlRow>(
    sql: string,
    params?: SqlParams,
    options?: ObjectQueryOptions,
  ): AsyncGenerator<Row, void, void>;
  iterate<Row = SqlValue[]>(
    sql: string,
    params: SqlParams | undefined,
    options: ArrayQueryOptions,
  ): AsyncGenerator<Row, void, void>;
  iterate<P extends NamedParams<P>, Options extends QueryOptions>(
    sql: string,
    params: P,
    options?: Options,
  ): AsyncGenerator<RowFor<Options>, void, void>;
  iterate<Row = never>(
    sql: string,
    params: UncheckedParamsFor<Row>,
    options?: QueryOptions,
  ): AsyncGenerator<Row, void, void>;

  /** Compiles a statement and reports its columns and parameters. It belongs to the object that prepared it. */
  prepare(sql: string, options?: CallOptions): Promise<Statement>;

  /**
   * Runs statements in one call and one transaction. All of them take place, or none; the error then names the
   * `statement` (from 0) that failed.
   *
   * @example
   * ```ts
   * const [, { rows }] = await db.batch([
   *   { sql: 'INSERT INTO messages (text) VALUES (?)', params: ['hello'] },
   *   'SELECT count(*) AS count FROM messages',
   * ]);
   * ```
   */
  batch<Row = SqlRow>(
    statements: readonly (string | BatchStatement)[],
    options?: ObjectQueryOptions,
  ): Promise<BatchResult<Row>[]>;
  batch<Row = SqlValue[]>(
    statements: readonly (string | BatchStatement)[],
    options: ArrayQueryOptions,
  ): Promise<BatchResult<Row>[]>;
  batch<Each extends readonly (string | { sql: string; params?: object })[], Options extends QueryOptions>(
    statements: Each & { readonly [Index in keyof Each]: BatchStatementOf<Each[Index]> },
    options?: Options,
  ): Promise<BatchResult<RowFor<Options>>[]>;

  /**
   * Runs `fn` inside a transaction. It commits when `fn` returns. If `fn` throws, it rolls back and rejects with that
   * error. `tx.transaction` nests as a savepoint. After the end, and after the deadline, `tx` rejects with
   * `ERR_CLOSED`.
   *
   * Transactions run first come, first served. Calls made on the database in the meantime wait for the end, so use only
   * `tx` inside. A call on the database from inside its own transaction would wait for itself, so it rejects at once
   * with `ERR_DEADLOCK`. Such a call is recognized by its asynchronous context. In another context, such as the
   * callback of an event that other code emits, it is not recognized. The deadline then ends the transaction, and the
   * error names the call.
   *
   * @example
   * ```ts
   * const id = await db.transaction(async (tx) => {
   *   const { lastInsertRowid } = await tx.run('INSERT INTO orders (customer) VALUES (?)', [customer]);
   *   for (const item of items) {
   *     await tx.run('INSERT INTO items VALUES (?, ?)', [lastInsertRowid, item]);
   *   }
   *   return lastInsertRowid;
   * });
   * ```
   */
  transaction<T>(fn: (tx: Transaction) => T | PromiseLike<T>, options?: TransactionOptions): Promise<T>;
}

/** {@link QueryOptions} that ask for rows as objects, or leave the default. */

export interface ObjectQueryOptions extends QueryOptions {
  rowMode?: 'object';
}

// The methods that run SQL on the calling thread.

import type {
  BatchResult,
  BatchStatement,
  BatchStatementOf,
  NamedParams,
  RowFor,
  RunResult,
  SqlParams,
  SqlRow,
  SqlValue,
  UncheckedParamsFor,
} from './queries.js';
import type { DatabaseOptions, Statement } from './database.js';

/** Options of a synchronous call. It takes no `signal` and no time limit: nothing else runs on its thread meanwhile. */
export interface SyncQueryOptions {
  /**
   * Whether rows are objects by column name, or arrays in column order.
   *
   * @default 'object'
   */
  rowMode?: 'object' | 'array';
  /**
   * Whether all integers are returned as `bigint`; see {@link QueryOptions.readBigInts}.
   *
   * @default false
   */
  readBigInts?: boolean;
}

/** {@link SyncQueryOptions} that ask for rows as objects, or leave the default. */
export interface SyncObjectOptions extends SyncQueryOptions {
  rowMode?: 'object';
}

/** {@link SyncQueryOptions} that ask for rows as arrays. */
export interface SyncArrayOptions extends SyncQueryOptions {
  rowMode: 'array';
}

/** Options of {@link SyncQueries.transactionSync}. */
export interface SyncTransactionOptions {
  /**
   * The kind of `BEGIN`, see {@link TransactionOptions.behavior}.
   *
   * @default 'deferred'
   */
  behavior?: 'deferred' | 'immediate' | 'exclusive';
}

/**
 * The methods of {@link Queries} on the calling thread: they return when the call is done, and throw its error.
 *
 * A synchronous call runs if nothing else of the database waits or runs. It never waits for another call, since that
 * would stop the thread that has to make it. Reading a page that is not in memory takes microseconds on the embedded
 * engine. A write returns when it is durable, unless the database was opened with
 * {@link DatabaseOptions.durability} `'deferred'`. If another actor of the process is writing just then, the write
 * waits for that flush and shares it.
 *
 * Besides the errors of {@link Queries}:
 *
 * - `ERR_BUSY`, retryable: an asynchronous call of the database waits or runs, its write is not durable yet, or a
 *   transaction of another object is open. Nothing was done.
 * - `ERR_WOULD_BLOCK`: on FoundationDB each page that is not in memory and each commit is a round trip, which would stop
 *   the event loop. Nothing was done. Retryable: another process has had the turn to write to the directory for 100 ms,
 *   and the transaction was undone. See {@link DatabaseOptions.allowBlocking}.
 */
export interface SyncQueries {
  /** {@link Queries.exec} on the calling thread. */
  execSync(sql: string): void;

  /** {@link Queries.run} on the calling thread. */
  runSync(sql: string, params?: SqlParams, options?: SyncQueryOptions): RunResult;
  runSync<P extends NamedParams<P>>(sql: string, params: P, options?: SyncQueryOptions): RunResult;

  /**
   * {@link Queries.get} on the calling thread.
   *
   * @example
   * ```ts
   * const user = db.getSync<{ name: string }>('SELECT name FROM users WHERE id = ?', [7]);
   * ```
   */
  getSync<Row = SqlRow>(sql: string, params?: SqlParams, options?: SyncObjectOptions): Row | undefined;
  getSync<Row = SqlValue[]>(
    sql: string,
    params: SqlParams | undefined,
    options: SyncArrayOptions,
  ): Row | undefined;
  getSync<P extends NamedParams<P>, Options extends SyncQueryOptions>(
    sql: string,
    params: P,
    options?: Options,
  ): RowFor<Options> | undefined;
  getSync<Row = never>(
    sql: string,
    params: UncheckedParamsFor<Row>,
    options?: SyncQueryOptions,
  ): Row | undefined;

  /** {@link Queries.all} on the calling thread. */
  allSync<Row = SqlRow>(sql: string, params?: SqlParams, options?: SyncObjectOptions): Row[];
  allSync<Row = SqlValue[]>(sql: string, params: SqlParams | undefined, options: SyncArrayOptions): Row[];
  allSync<P extends NamedParams<P>, Options extends SyncQueryOptions>(
    sql: string,
    params: P,
    options?: Options,
  ): RowFor<Options>[];
  allSync<Row = never>(sql: string, params: UncheckedParamsFor<Row>, options?: SyncQueryOptions): Row[];

  /**
   * {@link Queries.iterate} on the calling thread. The arguments are checked at once, and the query begins at the first
   * step. Leaving the loop ends it.
   */
  iterateSync<Row = SqlRow>(
    sql: string,
    params?: SqlParams,
    options?: SyncObjectOptions,
  ): Generator<Row, void, void>;
  iterateSync<Row = SqlValue[]>(
    sql: string,
    params: SqlParams | undefined,
    options: SyncArrayOptions,
  ): Generator<Row, void, void>;
  iterateSync<P extends NamedParams<P>, Options extends SyncQueryOptions>(
    sql: string,
    params: P,
    options?: Options,
  ): Generator<RowFor<Options>, void, void>;
  iterateSync<Row = never>(
    sql: string,
    params: UncheckedParamsFor<Row>,
    options?: SyncQueryOptions,
  ): Generator<Row, void, void>;

  /** {@link Queries.prepare} on the calling thread. The statement has both kinds of methods. */
  prepareSync(sql: string): Statement;

  /** {@link Queries.batch} on the calling thread. */
  batchSync<Row = SqlRow>(
    statements: readonly (string | BatchStatement)[],
    options?: SyncObjectOptions,
  ): BatchResult<Row>[];
  batchSync<Row = SqlValue[]>(
    statements: readonly (string | BatchStatement)[],
    options: SyncArrayOptions,
  ): BatchResult<Row>[];
  batchSync<
    Each extends readonly (string | { sql: string; params?: object })[],
    Options extends SyncQueryOptions,
  >(
    statements: Each & { readonly [Index in keyof Each]: BatchStatementOf<Each[Index]> },
    options?: Options,
  ): BatchResult<RowFor<Options>>[];

  /**
   * Runs `fn` inside a transaction, and returns what it returns. It commits when `fn` returns, and rolls back if `fn`
   * throws. Inside `fn`, synchronous calls on the same object belong to the transaction, and a nested `transactionSync`
   * is a savepoint. Asynchronous calls that `fn` makes run after the end.
   *
   * `fn` must not be `async` or return a promise: the transaction would be over before it has done its work. Such a
   * function is refused with `ERR_INVALID_ARG`, and the transaction is rolled back. There is no deadline.
   *
   * @example
   * ```ts
   * db.transactionSync(() => {
   *   db.runSync('UPDATE accounts SET balance = balance - ? WHERE id = ?', [30, 1]);
   *   db.runSync('UPDATE accounts SET balance = balance + ? WHERE id = ?', [30, 2]);
   * });
   * ```
   */
  transactionSync<T>(fn: () => T, options?: SyncTransactionOptions): T;
}

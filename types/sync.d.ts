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
import type { ApplyChangesetOptions, Session, SessionOptions } from './sessions.js';

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

  /**
   * Begins to record which rows change, as `createSession()` of `node:sqlite` does. The session belongs to the database,
   * and outlives the transaction in which it was made. One that is made in a transaction counts from there: if the
   * transaction is rolled back, that is a change, too. Database objects that were opened elsewhere are not recorded.
   *
   * @example
   * ```ts
   * const session = db.createSession({ table: 'users' });
   * await db.run('UPDATE users SET name = ? WHERE id = ?', ['Ada', 7]);
   * const changeset = session.changeset(); // another database applies it: other.applyChangeset(changeset)
   * session.close();
   * ```
   * @throws {BatonError} `ERR_INVALID_ARG`: an option is of the wrong type, or there is no database `db`.
   */
  createSession(options?: SessionOptions): Session;

  /**
   * Applies a changeset or a patchset of {@link Session}, of whatever SQLite, to the main database, as
   * `applyChangeset()` of `node:sqlite` does: as one transaction, or as a savepoint of the one that is open. Returns
   * whether it was applied. `false`: a change conflicts, and nothing was applied.
   *
   * Changes of a table that is not there, or has fewer columns or another primary key, are passed over. Triggers run,
   * and constraints hold. The bytes may come from outside: whatever they are, they are applied as a whole or refused.
   * They are copied, and have at most 2 GiB.
   *
   * @example
   * ```ts
   * async function receive(request: Request) {
   *   const changeset = new Uint8Array(await request.arrayBuffer());
   *   return db.applyChangeset(changeset, { filter: (table) => table === 'users' });
   * }
   * ```
   * @throws {BatonError} `ERR_INVALID_ARG`: the bytes are no changeset, a callback returns nonsense, or an argument is of
   * the wrong type. `SQLITE_CONSTRAINT`: the changes violate a foreign key, and `onConflict` does not leave it so.
   * `SQLITE_READONLY`: the database is read-only. `ERR_TOO_LARGE`: the bytes are more than 2 GiB. What a callback throws. In all these cases nothing was applied.
   */
  applyChangeset(changeset: Uint8Array, options?: ApplyChangesetOptions): boolean;
}

/// <reference lib="esnext.disposable" />

// A SQLite database for each actor: opening, transactions, prepared statements.

import type { FenceError } from './errors.js';
import type {
  ArrayQueryOptions,
  CallOptions,
  NamedParams,
  ObjectQueryOptions,
  Queries,
  QueryOptions,
  RowFor,
  RunResult,
  SqlParams,
  SqlRow,
  SqlValue,
  UncheckedParamsFor,
} from './queries.js';
import type { SyncArrayOptions, SyncObjectOptions, SyncQueries, SyncQueryOptions } from './sync.js';
import type { GetPagesRequest, LoadStartupOptions, Meta, Preload } from './pages.js';
import type { Store } from './store.js';

export interface DatabaseOptions {
  /**
   * Whether the database is read-only and leaves the actor to its owner: it raises no generation, writes nothing, and
   * no owner notices it. The actor must exist; otherwise opening rejects with `ERR_NOT_FOUND`.
   *
   * Each statement and each transaction sees one commit from beginning to end. The next one sees the newest commit,
   * even after a takeover. If the actor is deleted, calls reject with `ERR_NOT_FOUND` until it exists again. Statements
   * that would write reject with `SQLITE_READONLY`; temporary tables can be created and written. If a transaction or an
   * iteration needs pages that the owner has replaced in the meantime, it fails with `SQLITE_BUSY`, extended code
   * `SQLITE_BUSY_SNAPSHOT`, which is retryable. A single statement or batch is first rerun automatically.
   *
   * `preload` and `onFenced` are for owners: together with this option they are refused with `ERR_INVALID_ARG`.
   *
   * @default false
   */
  readOnly?: boolean;
  /**
   * The state of the past to read, with `readOnly`: a point, a time, or the name of a pin. It is kept until the database
   * is closed, whatever the policy says.
   */
  at?: string | Date;

  /** See {@link LoadStartupOptions.traceparent}. */
  traceparent?: string;
  /** The pages to load, besides page 1. With the default `hints` it is rarely worth choosing them by hand. */
  preload?: Preload;
  /**
   * Whether to read pages ahead of a scan or of a walk through a b-tree.
   *
   * @default true
   */
  readAhead?: boolean;
  /**
   * How many calls may wait in the queue, 1 to 4294967295. Further calls reject with `ERR_OVERLOADED`.
   *
   * @default 1024
   */
  maxQueuedCalls?: number;
  /**
   * How long a transaction may stay open, in milliseconds, 1 to 2147483647. After that it is rolled back, so that a
   * forgotten or stuck transaction does not block the calls behind it.
   *
   * The limit also applies to a transaction opened by a `BEGIN` or `SAVEPOINT` statement, from the call that left it
   * open. All calls run inside such a transaction, whoever makes them. After the rollback, all calls therefore reject
   * with `ERR_CLOSED` until one executes `ROLLBACK`.
   *
   * @default 30000
   */
  transactionTimeoutMs?: number;
  /**
   * When a write is answered, whether synchronous or not.
   *
   * - `'full'`: when it is durable. A write that was acknowledged survives `kill -9`, and a loss of power as far as the
   *   store does.
   * - `'deferred'`: when SQLite has committed. It becomes durable a little later, together with other writes, and
   *   {@link Database.flushed} waits for that: call it before anything leaves the process that depends on the writes.
   *   What is not durable yet is lost if the process ends. If a write can never become durable (another start has taken
   *   the actor over, the store is full or away), `flushed()` and every later call reject with the reason; open the
   *   database again. Synchronous writes without an `await` between them are committed together, all or none, as long as
   *   they change no more than 8 MiB of pages. A write waits if 8 MiB are not durable yet, and one transaction of more
   *   than 4 MiB is durable when it returns.
   *
   * @default 'full'
   */
  durability?: 'full' | 'deferred';
  /**
   * Extensions of SQLite to load. `'vec'` is sqlite-vec, which is compiled in: vectors in `vec0` tables, and functions
   * such as `vec_distance_cosine`. `{ path }` is a library on this machine, whose code then runs in the process;
   * `entryPoint` is needed if its name does not follow from that of the file. SQL cannot load any.
   *
   * A database that uses an extension can only be read in full with it, by whatever SQLite.
   *
   * If one cannot be loaded, opening rejects with `SQLITE_ERROR` and the reason; the start has taken place.
   */
  extensions?: readonly ('vec' | { path: string | URL; entryPoint?: string })[];
  /**
   * Whether synchronous calls (see {@link SyncQueries}) may stop the thread for round trips to FoundationDB. Without it
   * they throw `ERR_WOULD_BLOCK` there. On the embedded engine, whether a synchronous write waits up to 10 seconds for
   * another process that has the turn to write, as an asynchronous one does. Without it, it waits for 100 ms, and then
   * throws `ERR_WOULD_BLOCK`, which is retryable; its transaction is undone.
   *
   * @default false
   */
  allowBlocking?: boolean;
  /**
   * Called once, when this database learns that it has lost the actor. After a takeover it receives the
   * `ERR_FENCE_MISMATCH`; after a deletion it receives the `ERR_NOT_FOUND` with which all calls reject from then on.
   *
   * With this option the database does not wait for its next commit to find out. It asks the store every second, and
   * learns at once of a takeover through the same {@link Store}. An error thrown by the callback is an uncaught
   * exception of the process.
   */
  onFenced?: (error: FenceError) => void;
  /** See {@link GetPagesRequest.signal}. It cancels the opening, not the open database. */
  signal?: AbortSignal;
}

/** How a database was started. */

export interface DatabaseStartup {
  /**
   * `'won'`: opening it raised the generation. Only then does this database own the actor. `'lost'`: another start won.
   * `'read-only'`: it did not try, see {@link DatabaseOptions.readOnly}.
   */
  outcome: 'won' | 'lost' | 'read-only';
  /** The generation. If won, the one that this database holds; otherwise the owner's at that moment. */
  generation: bigint;
  /** The state of the actor when the database was opened. */
  meta: Meta;
  /** How many pages the start loaded. */
  preloadedPages: number;
}

/** A value that can be passed to SQL. See {@link SqlParams}. */

export interface TransactionOptions {
  /** See {@link LoadStartupOptions.traceparent}. */
  traceparent?: string;
  /**
   * The kind of `BEGIN`. The database has no other writer, so the kind does not affect what succeeds. Ignored for an
   * inner transaction.
   *
   * @default 'deferred'
   */
  behavior?: 'deferred' | 'immediate' | 'exclusive';
  /**
   * How long the transaction may stay open, in milliseconds, 1 to 2147483647, counted from its begin. After that it is
   * rolled back, and both its calls and the transaction reject with `ERR_CLOSED`. The default is
   * {@link DatabaseOptions.transactionTimeoutMs}.
   */
  timeoutMs?: number;
  /**
   * If aborted while the transaction waits in the queue, it rejects with `ERR_ABORTED` and does nothing. If aborted
   * later, before the commit, its calls reject with `ERR_ABORTED`, and it is rolled back when `fn` has finished.
   */
  signal?: AbortSignal;
}

/** A column of a prepared statement. */

export interface ColumnInfo {
  /** Its name in rows. */
  name: string;
  /** The table column that it comes from, or `null` for an expression. */
  column: string | null;
  /** The table of that column, or `null`. */
  table: string | null;
  /** The declared type of the column, or `null`. */
  type: string | null;
}

/**
 * The SQLite database of one actor. Every transaction is one commit of the store and as durable as the store. Commits
 * that were acknowledged are there, and an earlier owner can commit nothing after this one has started.
 *
 * Foreign keys are enforced. `journal_mode`, `locking_mode`, `synchronous` and `mmap_size` are fixed: setting them
 * changes nothing.
 */
export declare class Database implements AsyncDisposable {
  private constructor();
  readonly actorId: string;
  /** The result of opening it. */
  readonly startup: DatabaseStartup;
  /** Whether {@link Database.close} was called. */
  readonly closed: boolean;
  /** The opposite of {@link Database.closed}, under the name that `better-sqlite3` uses. */
  readonly open: boolean;
  /** The same, under the name that `node:sqlite` uses. */
  readonly isOpen: boolean;
  /**
   * Whether a transaction is open now: either one of {@link Queries.transaction}, whoever began it, or one opened by a
   * `BEGIN` or `SAVEPOINT` statement. It corresponds to `sqlite3_get_autocommit`, and `node:sqlite` has it under this
   * name. A call made at the same moment may wait behind others, and so find another state.
   */
  readonly isTransaction: boolean;
  /** The same, under the name that `better-sqlite3` uses. */
  readonly inTransaction: boolean;
  /**
   * How this database lost its actor. `undefined` as long as it does not know of a later owner or a deletion, and
   * always for a read-only database, which has no actor to lose.
   */
  readonly fencedBy: FenceError | undefined;

  /**
   * Returns what this database has done since it was opened.
   *
   * @throws {BatonError} `ERR_CLOSED`.
   */
  stats(): DatabaseStats;

  /**
   * Returns the database as the bytes of a SQLite file, like `serialize()` of better-sqlite3. The bytes include all
   * calls made before, and what an open transaction of `BEGIN` has changed so far. An empty database has no bytes. The
   * call waits in the queue like every call, and transactions of `transaction(fn)` come first.
   *
   * @throws {BatonError} `ERR_TOO_LARGE`: the database is larger than 2 GiB; use `store.exportTo` with a file or a
   * stream. `ERR_ABORTED`, `ERR_FENCE_MISMATCH`, `ERR_UNAVAILABLE`, `ERR_CORRUPT`, `ERR_OVERLOADED`, `ERR_CLOSED`.
   */
  serialize(options?: CallOptions): Promise<Uint8Array>;

  /**
   * Returns the point of the last commit: what {@link History.restore}, {@link History.fork} and
   * {@link History.pin} take. Calls made before count. Whether the point is kept depends on the actor's policy; the
   * current one can always be pinned and forked.
   *
   * @throws {BatonError} `ERR_ABORTED`, `ERR_FENCE_MISMATCH`, `ERR_NOT_FOUND`, `ERR_UNAVAILABLE`, `ERR_CORRUPT`,
   * `ERR_OVERLOADED`, `ERR_CLOSED`.
   */
  point(options?: CallOptions): Promise<string>;

  /**
   * Defines a function that SQL can call, in place of one with the same name and number of arguments. It takes as many
   * arguments as `fn` has parameters, or any number with `varargs`. The function lasts as long as this database object.
   *
   * It runs on this thread, and therefore in synchronous calls only: an asynchronous call that needs it rejects with
   * `ERR_INVALID_ARG`, and has done nothing. So does the write of a trigger, an index or a generated column that uses
   * it. What `fn` throws, the call throws. Inside `fn`, calls on the same database throw `ERR_BUSY`.
   *
   * @example
   * ```ts
   * db.function('slug', { deterministic: true }, (title: string) => title.toLowerCase().replaceAll(' ', '-'));
   * db.getSync('SELECT slug(title) FROM article');
   * ```
   * @throws {BatonError} `ERR_INVALID_ARG`, `ERR_BUSY`, `ERR_CLOSED`, `ERR_WOULD_BLOCK`; `SQLITE_BUSY` while an iteration
   * is under way and there is such a function.
   */
  function(name: string, fn: (...args: any[]) => unknown): this;
  function(name: string, options: FunctionOptions, fn: (...args: any[]) => unknown): this;

  /**
   * Defines an aggregate, like {@link Database.function}. With `inverse` it is a window function as well.
   *
   * @example
   * ```ts
   * db.aggregate('longest', {
   *   start: '',
   *   step: (longest: string, word: string) => (word.length > longest.length ? word : longest),
   * });
   * db.getSync('SELECT longest(name) FROM users');
   * ```
   */
  aggregate<State = any>(name: string, options: AggregateOptions<State>): this;

  /**
   * Defines a collation, in place of one with the same name, or removes it with `null`. `compare` returns a number: below
   * 0 if `left` comes first, 0 if both are the same, above 0 if `right` comes first. It must always give the same answer
   * for the same texts. An index is ordered by what `compare` has answered when it was written: after a change of the
   * order, run `REINDEX name`.
   *
   * It runs on this thread, and therefore in synchronous calls only: an asynchronous call that needs it rejects with
   * `ERR_INVALID_ARG`, and has done nothing. So does a write to a table with an index in this order. What `compare`
   * throws, the call throws; a write in a transaction then rolls back the whole transaction. Inside `compare`, calls on
   * the same database throw `ERR_BUSY`. The collation lasts as long as this database object.
   *
   * @example
   * ```ts
   * db.collation('german', new Intl.Collator('de').compare);
   * db.allSync('SELECT name FROM person ORDER BY name COLLATE german');
   * ```
   * @param name From 1 to 255 bytes, in any case of letters. `BINARY`, `NOCASE` and `RTRIM` are SQLite's own.
   * @throws {BatonError} `ERR_INVALID_ARG`, `ERR_BUSY`, `ERR_CLOSED`, `ERR_WOULD_BLOCK`; `SQLITE_BUSY` while an iteration
   * is under way.
   */
  collation(name: string, compare: ((left: string, right: string) => number) | null): this;

  /** {@link Database.serialize} on the calling thread; see {@link SyncQueries}. */
  serializeSync(): Uint8Array;

  /**
   * Waits until everything written before is durable: the gate for what leaves the process, see
   * {@link DatabaseOptions.durability}. With `'full'` there is nothing to wait for but the calls made before.
   *
   * @throws {BatonError} What was written is lost: `ERR_FENCE_MISMATCH`, `ERR_NOT_FOUND`, `ERR_COMMIT_UNKNOWN` (of some
   * it is not known), `ERR_UNAVAILABLE`, `ERR_QUOTA_EXCEEDED`. Also `ERR_ABORTED`, `ERR_OVERLOADED`, `ERR_CLOSED`.
   */
  flushed(options?: CallOptions): Promise<void>;

  /**
   * Waits for the calls and transactions in progress, then closes the database. It waits for a transaction no longer
   * than until its deadline. Later calls reject with `ERR_CLOSED`, except those of open transactions. Calling `close`
   * again has no further effect and settles like the first call.
   *
   * @throws {BatonError} `ERR_CLOSED`: a transaction opened by a `BEGIN` or `SAVEPOINT` statement was not ended. It is
   * rolled back with everything written in it. With {@link DatabaseOptions.durability} `'deferred'` also the errors of
   * {@link Database.flushed}. The database is closed even then.
   */
  close(): Promise<void>;

  /** {@link Database.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Options of {@link Database.function}. */
export interface FunctionOptions {
  /**
   * Whether the same arguments always give the same value. Only such functions can be used in indexes and generated
   * columns.
   *
   * @default false
   */
  deterministic?: boolean;
  /**
   * Whether only statements may call it, and no trigger, view, index or constraint.
   *
   * @default false
   */
  directOnly?: boolean;
  /**
   * Whether it takes integers as `bigint`. Otherwise one outside +-(2^53 - 1) fails with `ERR_OUT_OF_RANGE`.
   *
   * @default false
   */
  readBigInts?: boolean;
  /**
   * Whether it takes any number of arguments.
   *
   * @default false
   */
  varargs?: boolean;
}

/** Options of {@link Database.aggregate}. */
export interface AggregateOptions<State> extends FunctionOptions {
  /** What each group begins with: a value, or a function that returns one. The default is `null`. */
  start?: State | (() => State);
  /** Takes a row in. Returns the new state; if it returns `undefined`, the state stays the same object. */
  step: (state: State, ...args: any[]) => State | void;
  /** Takes a row out that `step` has taken in, for a window function. */
  inverse?: (state: State, ...args: any[]) => State | void;
  /** Returns the value of a group. The default is its state. */
  result?: (state: State) => unknown;
}

export interface Database extends Queries, SyncQueries {}

/** An open transaction. It has the methods of a {@link Database}; see {@link Queries.transaction}. */

export declare class Transaction {
  private constructor();
}

export interface Transaction extends Queries, SyncQueries {}

/**
 * A prepared statement. It has the methods of {@link Queries} without the SQL, and need not be closed.
 *
 * It runs on the object that prepared it. A statement of the database waits for an open transaction to end, like any
 * other call on the database, so inside a transaction use `tx.prepare`.
 */
export declare class Statement {
  private constructor();
  readonly sql: string;
  /** One entry per parameter, in order: its name with the prefix, or `null` for `?`. */
  readonly parameters: readonly (string | null)[];
  /** Whether the statement changes nothing. */
  readonly readonly: boolean;
  /**
   * Its columns, as of the last time that it was prepared or run. Empty for a statement without rows. A change of the
   * schema shows after the next run, or in a newly prepared statement.
   */
  columns(): ColumnInfo[];
  /** See {@link Queries.run}. */
  run(params?: SqlParams, options?: QueryOptions): Promise<RunResult>;
  run<P extends NamedParams<P>>(params: P, options?: QueryOptions): Promise<RunResult>;
  /** See {@link Queries.get}. */
  get<Row = SqlRow>(params?: SqlParams, options?: ObjectQueryOptions): Promise<Row | undefined>;
  get<Row = SqlValue[]>(params: SqlParams | undefined, options: ArrayQueryOptions): Promise<Row | undefined>;
  get<P extends NamedParams<P>, Options extends QueryOptions>(
    params: P,
    options?: Options,
  ): Promise<RowFor<Options> | undefined>;
  get<Row = never>(params: UncheckedParamsFor<Row>, options?: QueryOptions): Promise<Row | undefined>;
  /** See {@link Queries.all}. */
  all<Row = SqlRow>(params?: SqlParams, options?: ObjectQueryOptions): Promise<Row[]>;
  all<Row = SqlValue[]>(params: SqlParams | undefined, options: ArrayQueryOptions): Promise<Row[]>;
  all<P extends NamedParams<P>, Options extends QueryOptions>(
    params: P,
    options?: Options,
  ): Promise<RowFor<Options>[]>;
  all<Row = never>(params: UncheckedParamsFor<Row>, options?: QueryOptions): Promise<Row[]>;
  /** See {@link Queries.iterate}. */
  iterate<Row = SqlRow>(params?: SqlParams, options?: ObjectQueryOptions): AsyncGenerator<Row, void, void>;
  iterate<Row = SqlValue[]>(
    params: SqlParams | undefined,
    options: ArrayQueryOptions,
  ): AsyncGenerator<Row, void, void>;
  iterate<P extends NamedParams<P>, Options extends QueryOptions>(
    params: P,
    options?: Options,
  ): AsyncGenerator<RowFor<Options>, void, void>;
  iterate<Row = never>(
    params: UncheckedParamsFor<Row>,
    options?: QueryOptions,
  ): AsyncGenerator<Row, void, void>;
  /** See {@link SyncQueries.runSync}. */
  runSync(params?: SqlParams, options?: SyncQueryOptions): RunResult;
  runSync<P extends NamedParams<P>>(params: P, options?: SyncQueryOptions): RunResult;
  /** See {@link SyncQueries.getSync}. */
  getSync<Row = SqlRow>(params?: SqlParams, options?: SyncObjectOptions): Row | undefined;
  getSync<Row = SqlValue[]>(params: SqlParams | undefined, options: SyncArrayOptions): Row | undefined;
  getSync<P extends NamedParams<P>, Options extends SyncQueryOptions>(
    params: P,
    options?: Options,
  ): RowFor<Options> | undefined;
  getSync<Row = never>(params: UncheckedParamsFor<Row>, options?: SyncQueryOptions): Row | undefined;
  /** See {@link SyncQueries.allSync}. */
  allSync<Row = SqlRow>(params?: SqlParams, options?: SyncObjectOptions): Row[];
  allSync<Row = SqlValue[]>(params: SqlParams | undefined, options: SyncArrayOptions): Row[];
  allSync<P extends NamedParams<P>, Options extends SyncQueryOptions>(
    params: P,
    options?: Options,
  ): RowFor<Options>[];
  allSync<Row = never>(params: UncheckedParamsFor<Row>, options?: SyncQueryOptions): Row[];
  /** See {@link SyncQueries.iterateSync}. */
  iterateSync<Row = SqlRow>(params?: SqlParams, options?: SyncObjectOptions): Generator<Row, void, void>;
  iterateSync<Row = SqlValue[]>(
    params: SqlParams | undefined,
    options: SyncArrayOptions,
  ): Generator<Row, void, void>;
  iterateSync<P extends NamedParams<P>, Options extends SyncQueryOptions>(
    params: P,
    options?: Options,
  ): Generator<RowFor<Options>, void, void>;
  iterateSync<Row = never>(
    params: UncheckedParamsFor<Row>,
    options?: SyncQueryOptions,
  ): Generator<Row, void, void>;
}

/** Counts for one database since it was opened, and two current sizes. */

export interface DatabaseStats {
  /** Reads of the store. */
  roundTrips: number;
  /** Pages loaded by these reads. */
  pagesFetched: number;
  /** Of these, pages that nothing had asked for yet. */
  pagesReadAhead: number;
  /** Pages loaded by the start. */
  pagesPreloaded: number;
  /** Reads answered by a preloaded page. */
  preloadHits: number;
  /** Reads answered by the cache. */
  cacheHits: number;
  /** Commits to the store. One may carry several transactions, of calls that were made at the same time. */
  commits: number;
  /** Pages written by these commits. */
  pagesCommitted: number;
  /** Transactions that these commits made durable. */
  transactions: number;
  /** Calls waiting in the queue now. */
  queued: number;
  /** Memory used by the database now, in bytes. */
  memoryBytes: number;
}

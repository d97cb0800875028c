// Types of batondb/rivetkit.

/**
 * The database of a rivetkit actor, in a Baton store.
 *
 * @module batondb/rivetkit
 */

import type { Database, DatabaseOptions, FenceError, Store, Transaction } from '../index.js';

/** What rivetkit (2.1 and later) passes to a provider about the actor that starts. */
export interface ProviderContext {
  actorId: string;
}

/** Runs SQL. See {@link RawTransaction.execute}. */
export type Execute = <Row extends Record<string, unknown> = Record<string, unknown>>(
  sql: string,
  ...args: unknown[]
) => Promise<Row[]>;

/** Options of {@link RawQueries.transaction}. */
export interface RawTransactionOptions {
  /** rivetkit's label for its own statistics, not empty. It has no effect here. */
  name?: string;
  /**
   * The timeout in milliseconds, above 0; anything above 2147483647 counts as that. By default
   * {@link DatabaseOptions.transactionTimeoutMs}.
   */
  timeout?: number;
  /** `includeState` is refused with `ERR_INVALID_ARG`: rivetkit's state is not part of a Baton transaction. */
  experimental?: { includeState?: boolean };
}

/** The queries of rivetkit's raw client. */
export interface RawQueries {
  /**
   * Runs a statement and returns its rows as objects; none for a statement without columns. `args` are the values of
   * `?` in order, or one plain object for `:name`, `@name` and `$name`. Without `args` the string may contain several
   * statements, and the rows are those of the last one that has columns. The statements take place all or none, up to
   * the first that cannot run in a transaction (`BEGIN`, `PRAGMA`, `VACUUM` or the like); from there on each runs by
   * itself.
   *
   * An integer is a `number`, or a `bigint` past 2^53 - 1; a BLOB is a `Uint8Array`.
   *
   * @throws {BatonError} The same as {@link Database.all}: `ERR_FENCE_MISMATCH` once the actor was taken over,
   * `SQLITE_...`, `ERR_CLOSED` after the actor has stopped.
   */
  execute: Execute;
  /**
   * Runs `callback` in a transaction. It commits when `callback` returns, and rolls back when it throws. Use only `tx`
   * inside. `tx.transaction` nests as a savepoint.
   */
  transaction: <T>(
    callback: (tx: RawTransaction) => Promise<T> | T,
    options?: RawTransactionOptions,
  ) => Promise<T>;
}

/** An open transaction. */
export interface RawTransaction extends RawQueries {
  /** Baton's own transaction, with parameters as arrays, `iterate`, `batch` and the rest. */
  readonly database: Transaction;
  /** Does nothing: a transaction ends with its function. It is part of rivetkit's interface. */
  close: () => Promise<void>;
}

/** `c.db` of an actor whose `db` is {@link batonDatabase}. */
export interface RawClient extends RawQueries {
  /**
   * Returns `null`: these numbers describe rivetkit's own engine. See {@link Store.metrics} and {@link Database.stats}.
   */
  nativeMetrics: () => null;
  /** Closes the database. rivetkit calls it when the actor stops or sleeps. */
  close: () => Promise<void>;
  /** Baton's own database, with parameters as arrays, `iterate`, `prepare`, `batch` and the rest. */
  readonly database: Database;
  /**
   * Aborted when another start has taken the actor over, or the actor was deleted. Its `reason` is the
   * {@link FenceError}. From then on this actor can no longer change its database. See {@link sleepWhenFenced}.
   */
  readonly fenced: AbortSignal;
  /**
   * Closes the database and deletes the actor's data from the store. Call it in the actor's `onDestroy`, because
   * rivetkit does not tell a provider whether an actor sleeps or is destroyed.
   *
   * @returns Whether there was anything to delete.
   * @throws {BatonError} `ERR_FENCE_MISMATCH`: the actor was taken over, and its data belongs to its new owner.
   */
  deleteDatabase: () => Promise<boolean>;
}

/** Options of {@link batonDatabase}. */
export interface BatonDatabaseOptions {
  /**
   * The store, or a function that returns it, called at each start of an actor. The store remains yours: it is not
   * closed here.
   */
  store: Store | (() => Store | Promise<Store>);
  /**
   * Brings the schema up to date before the actor starts. It runs in one transaction, which may take five minutes at
   * most. A migration that throws leaves nothing behind, and the actor does not start.
   */
  onMigrate?: (db: RawTransaction) => unknown;
  /**
   * Called once if an actor is taken over or deleted while it runs; see {@link DatabaseOptions.onFenced}. An error that
   * it throws is an uncaught exception of the process.
   */
  onFenced?: (error: FenceError, actor: { actorId: string }) => void;
  /**
   * Returns the id of the actor in the store, 1 to 256 bytes, or a promise of it. By default it is rivetkit's own id of
   * the actor, which is lost if rivetkit loses its records. {@link byNameAndKey} makes an id that lasts.
   *
   * @default (ctx) => ctx.actorId
   */
  actorId?: (ctx: ProviderContext) => string | Promise<string>;
  /**
   * Returns ids under which this actor's data may have been stored before. If the store has no pages under `actorId`,
   * the first of these ids that has some is renamed to it at the start ({@link Store.rename}), and its former owner is
   * fenced.
   */
  adopt?: (
    ctx: ProviderContext,
  ) => string | readonly string[] | undefined | Promise<string | readonly string[] | undefined>;
  /** Options for opening the database. `onFenced` has its own option, and an actor is never `readOnly`. */
  databaseOptions?: Omit<DatabaseOptions, 'onFenced' | 'readOnly'>;
}

/** How to reach rivetkit's engine; see {@link byNameAndKey}. */
export interface EngineOptions {
  /**
   * The engine's URL, as rivetkit takes it, including `https://namespace:token@host`.
   *
   * @default process.env.RIVET_ENDPOINT ?? 'http://127.0.0.1:6420'
   */
  endpoint?: string;
  /** @default process.env.RIVET_NAMESPACE ?? 'default' */
  namespace?: string;
  /** @default process.env.RIVET_TOKEN */
  token?: string;
}

/**
 * For `actorId`: makes an id from the actor's name and key, `room/lobby`. The same name and key then have the same data
 * even if rivetkit loses its records and gives the actor a new id. rivetkit tells a provider neither of them, so its
 * engine is asked at each start, for 10 s at most.
 *
 * The parts of a key are joined as the engine does it: `room/a/b` for `['a', 'b']`, with `\\/` for a slash inside a
 * part. An id that would be longer than 256 bytes is replaced by a hash. An actor without a key keeps rivetkit's id.
 *
 * @example
 * ```ts
 * batonDatabase({
 *   store,
 *   actorId: byNameAndKey({ endpoint: 'http://127.0.0.1:6420' }),
 *   adopt: (ctx) => ctx.actorId, // what was stored under rivetkit's ids before
 * });
 * ```
 * @returns A function that fails with `ERR_UNAVAILABLE` (retryable) if the engine does not answer or does not know the
 * actor; the actor then does not start.
 * @throws {BatonError} `ERR_INVALID_ARG`: the options are wrong.
 */
export declare function byNameAndKey(options?: EngineOptions): (ctx: ProviderContext) => Promise<string>;

/** A rivetkit `DatabaseProvider`. */
export interface BatonDatabaseProvider {
  createClient: (ctx: ProviderContext) => Promise<RawClient>;
  onMigrate: (client: RawClient) => Promise<void>;
  onDestroy: (client: RawClient) => Promise<void>;
}

/**
 * The `db` of a rivetkit actor. Each start takes the actor over in the store, so that no earlier instance can write any
 * more, wherever it runs. The database is closed when the actor sleeps or stops.
 *
 * A start that loses a race fails with `ERR_CONCURRENT_TAKEOVER` (retryable), and the actor does not start here.
 *
 * @example
 * ```ts
 * const room = actor({
 *   db: batonDatabase({
 *     store,
 *     onMigrate: (db) => db.execute('CREATE TABLE IF NOT EXISTS message (id INTEGER PRIMARY KEY, body TEXT)'),
 *   }),
 *   onWake: (c) => sleepWhenFenced(c),
 *   actions: { post: (c, body: string) => c.db.execute('INSERT INTO message (body) VALUES (?)', body) },
 * });
 * ```
 * @throws {BatonError} `ERR_INVALID_ARG`: the options are wrong.
 */
export declare function batonDatabase(options: BatonDatabaseOptions): BatonDatabaseProvider;

/**
 * Puts an actor to sleep as soon as it is fenced. Call it in the actor's `onWake`. The next call to the actor starts it
 * again, wherever rivetkit then places it.
 */
export declare function sleepWhenFenced(c: { db: { readonly fenced: AbortSignal }; sleep: () => void }): void;

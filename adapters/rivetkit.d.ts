// Types of batondb/rivetkit.

/**
 * The database of a rivetkit actor on a Baton store.
 *
 * @module batondb/rivetkit
 */

import type { Database, DatabaseOptions, FenceError, Store, Transaction } from '../index.js';

/** What rivetkit (2.1 and later) tells a provider about the actor that starts. */
export interface ProviderContext {
  actorId: string;
}

/** Runs SQL. See {@link RawTransaction.execute}. */
export type Execute = <Row extends Record<string, unknown> = Record<string, unknown>>(
  sql: string,
  ...args: unknown[]
) => Promise<Row[]>;

/** How to run a transaction. */
export interface RawTransactionOptions {
  /** rivetkit's label for its own statistics, not empty; without meaning here. */
  name?: string;
  /** In milliseconds, above 0; at most 2147483647 count. Without it: {@link DatabaseOptions.transactionTimeoutMs}. */
  timeout?: number;
  /** `includeState` is refused with `ERR_INVALID_ARG`: rivetkit's state is not part of a Baton transaction. */
  experimental?: { includeState?: boolean };
}

/** The queries of rivetkit's raw client. */
export interface RawQueries {
  /**
   * Runs a statement and answers its rows as objects; none for a statement without columns. `args` are the values of
   * `?` in their order, or one plain object for `:name`, `@name` and `$name`. Without `args` the string may hold
   * several statements: they take place all or none, and the rows are those of the last one that has columns (none
   * where one of them is `BEGIN`, `PRAGMA`, `VACUUM` or the like, which are then run one by one).
   *
   * An integer is a `number`, or a `bigint` past 2^53 - 1; a BLOB is a `Uint8Array`.
   *
   * @throws {BatonError} As {@link Database.all}: `ERR_FENCE_MISMATCH` once the actor was taken over, `SQLITE_...`,
   * `ERR_CLOSED` after the actor has stopped.
   */
  execute: Execute;
  /**
   * Runs `callback` in a transaction: committed when it returns, rolled back when it throws. Use `tx` alone inside.
   * `tx.transaction` nests, as a savepoint.
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
  /** Answers `null`: these are figures of rivetkit's own engine. See {@link Store.metrics}, {@link Database.stats}. */
  nativeMetrics: () => null;
  /** Closes the database. rivetkit does it when the actor stops or sleeps. */
  close: () => Promise<void>;
  /** Baton's own database, with parameters as arrays, `iterate`, `prepare`, `batch` and the rest. */
  readonly database: Database;
  /**
   * Aborted when the actor was taken over by somebody else, or deleted; its `reason` is the {@link FenceError}.
   * Nothing that this actor does to its database has an effect any more. See {@link sleepWhenFenced}.
   */
  readonly fenced: AbortSignal;
  /**
   * Closes the database and deletes the actor's data from the store: for the actor's `onDestroy`, because rivetkit
   * does not tell a provider whether an actor sleeps or is destroyed.
   *
   * @returns Whether there was anything to delete.
   * @throws {BatonError} `ERR_FENCE_MISMATCH`: the actor was taken over, and its data is its new owner's.
   */
  deleteDatabase: () => Promise<boolean>;
}

/** What {@link batonDatabase} takes. */
export interface BatonDatabaseOptions {
  /**
   * The store, or a function that answers it, called at each start of an actor. The store is the caller's: nobody
   * closes it here.
   */
  store: Store | (() => Store | Promise<Store>);
  /**
   * Brings the schema up to date, before the actor starts. It runs in one transaction, of five minutes at most: a
   * migration that throws leaves nothing behind, and the actor does not start.
   */
  onMigrate?: (db: RawTransaction) => unknown;
  /**
   * Called once when an actor was taken over or deleted while it runs; see {@link DatabaseOptions.onFenced}. What it
   * throws is an uncaught exception of the process.
   */
  onFenced?: (error: FenceError, actor: { actorId: string }) => void;
  /**
   * The id of the actor in the store, 1 to 256 bytes, or a promise of it. By default it is rivetkit's own id of the
   * actor, which does not outlive rivetkit's records of it. {@link byNameAndKey} makes one that does.
   *
   * @default (ctx) => ctx.actorId
   */
  actorId?: (ctx: ProviderContext) => string | Promise<string>;
  /**
   * Ids under which the data of this actor may be from earlier. If the store has no pages under `actorId`, the first of
   * these that has some is renamed to it at the start ({@link Store.rename}), and its former owner is fenced.
   */
  adopt?: (
    ctx: ProviderContext,
  ) => string | readonly string[] | undefined | Promise<string | readonly string[] | undefined>;
  /** How to open the database. `onFenced` has its own option, and an actor is never `readOnly`. */
  databaseOptions?: Omit<DatabaseOptions, 'onFenced' | 'readOnly'>;
}

/** Where rivetkit's engine is; see {@link byNameAndKey}. */
export interface EngineOptions {
  /**
   * Its URL, as rivetkit takes it: also `https://namespace:token@host`.
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
 * For `actorId`: an id made of the actor's name and key, `room/lobby`, so that the same name and key have the same data
 * also when rivetkit has lost its records and calls the actor by a new id. rivetkit tells a provider neither, so its
 * engine is asked at each start, for 10 s at most.
 *
 * The parts of a key are joined as the engine does it: `room/a/b` for `['a', 'b']`, with `\\/` for a slash inside of one.
 * What would be longer than 256 bytes is a hash. An actor without a key keeps rivetkit's id.
 *
 * @example
 * ```ts
 * batonDatabase({
 *   store,
 *   actorId: byNameAndKey({ endpoint: 'http://127.0.0.1:6420' }),
 *   adopt: (ctx) => ctx.actorId, // what was stored under rivetkit's ids before
 * });
 * ```
 * @returns A function that fails with `ERR_UNAVAILABLE` (retryable) if the engine does not answer, or does not know the
 * actor; the actor then does not start.
 * @throws {BatonError} `ERR_INVALID_ARG`: the options are wrong.
 */
export declare function byNameAndKey(options?: EngineOptions): (ctx: ProviderContext) => Promise<string>;

/** A `DatabaseProvider` of rivetkit. */
export interface BatonDatabaseProvider {
  createClient: (ctx: ProviderContext) => Promise<RawClient>;
  onMigrate: (client: RawClient) => Promise<void>;
  onDestroy: (client: RawClient) => Promise<void>;
}

/**
 * The `db` of a rivetkit actor: each start of the actor takes it over in the store, so that no earlier instance of it
 * can write any more, wherever it runs. The database is closed when the actor sleeps or stops.
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
 * Puts an actor to sleep as soon as it is fenced: for its `onWake`. The next call of it starts it anew, where it is
 * then its platform's turn.
 */
export declare function sleepWhenFenced(c: { db: { readonly fenced: AbortSignal }; sleep: () => void }): void;

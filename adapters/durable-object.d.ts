// Types of batondb/durable-object.

/**
 * `ctx.storage` of Cloudflare's Durable Objects, on the database of an actor.
 *
 * @module batondb/durable-object
 */

import type { Database, DatabaseOptions, Store, Transaction } from '../index.js';

/** A value in a row. Blobs are `ArrayBuffer`s, as in a Durable Object. `bigint` only with `largeIntegers: 'bigint'`. */
export type SqlStorageValue = ArrayBuffer | string | number | bigint | null;

/** A value that can be bound. `undefined` is NULL, as in a Durable Object. */
export type SqlStorageBinding =
  ArrayBufferLike | ArrayBufferView | string | number | bigint | boolean | null | undefined;

/**
 * The rows of a query that has run. They are read as they are needed, some hundred at a time, and other queries may run
 * meanwhile, also ones that change what it reads. Reading further may throw the errors of {@link SqlStorage.exec}.
 *
 * A cursor outlives the transaction in which it was opened: when that ends, up to 16 MiB or a million of the remaining
 * rows are read, unless a loop over them was left. Reading past those throws `ERR_CLOSED`. As long as rows of a table
 * are unread, the table cannot be dropped (`SQLITE_LOCKED`).
 */
export declare class SqlCursor<
  Row extends Record<string, SqlStorageValue> = Record<string, SqlStorageValue>,
> implements IterableIterator<Row> {
  private constructor();
  readonly columnNames: string[];
  /** How many rows SQLite has returned so far, those that were read ahead included; not how many it looked at. */
  readonly rowsRead: number;
  /** How many rows all statements of the call changed, not counting index entries. */
  readonly rowsWritten: number;
  /** @throws {BatonError} `ERR_OUT_OF_RANGE`: see {@link DurableObjectStorageOptions.largeIntegers}; the cursor ends. */
  next(): IteratorResult<Row, undefined>;
  /** Leaving a loop calls this. The same cursor can go on where the loop was left. */
  return(): IteratorResult<Row, undefined>;
  [Symbol.iterator](): this;
  /** Returns the remaining rows. */
  toArray(): Row[];
  /**
   * Returns the row, if exactly one remains. @throws {BatonError} `ERR_INVALID_ARG`: there is none, or more than one.
   */
  one(): Row;
  /** Returns the remaining rows as arrays. It continues from the cursor's position, and both advance together. */
  raw<Values extends SqlStorageValue[] = SqlStorageValue[]>(): IterableIterator<Values> & {
    toArray(): Values[];
  };
}

/** @deprecated `exec` returns a {@link SqlCursor} at once. Awaiting that does no harm. */
export type PendingCursor<Row extends Record<string, SqlStorageValue> = Record<string, SqlStorageValue>> =
  SqlCursor<Row>;

/** `ctx.storage.sql`. */
export interface SqlStorage {
  /**
   * Runs SQL on the calling thread, and returns when it is done. Whether it is durable then is up to
   * {@link DatabaseOptions.durability}; see {@link DurableObjectStorage.sync}.
   *
   * Several statements run as one transaction. `bindings` are then the parameters of the last statement, and the cursor
   * has its rows, all of them at once; the statements before it have no parameters. SQLite itself decides where a
   * statement ends, also in a trigger.
   *
   * @example
   * ```ts
   * const { sql } = durableObjectStorage(db);
   * const { n } = sql.exec<{ n: number }>('SELECT count(*) AS n FROM message WHERE author = ?', 'ada').one();
   * ```
   * @throws {BatonError} As `database.allSync` and `database.batchSync`: `SQLITE_...`, `ERR_INVALID_ARG`,
   * `ERR_FENCE_MISMATCH` and so on.
   *
   * - `ERR_BUSY`, retryable: a transaction is open in which the caller is not, or an asynchronous call of the database
   *   itself waits or runs. Nothing was done.
   * - `ERR_WOULD_BLOCK`: without `allowBlocking`, on FoundationDB, or where another process has had the turn to write for
   *   100 ms. Nothing was done.
   * - `ERR_INVALID_ARG`: the statement begins or ends a transaction; use {@link DurableObjectStorage.transactionSync}.
   *   Or `PRAGMA foreign_keys = OFF` was passed over in the transaction, as in a Durable Object, and now a `DROP TABLE`
   *   would change rows of other tables.
   */
  exec<Row extends Record<string, SqlStorageValue> = Record<string, SqlStorageValue>>(
    query: string,
    ...bindings: SqlStorageBinding[]
  ): SqlCursor<Row>;
  /** The size of the database in bytes, without pages that are free. */
  readonly databaseSize: number;
}

/** Which keys to list, and in which order. */
export interface ListOptions {
  /** The first key, inclusive. */
  start?: string;
  /** List the keys after this one. Not together with `start`. */
  startAfter?: string;
  /** The last key, exclusive. */
  end?: string;
  /** The prefix of each key. */
  prefix?: string;
  /** @default false */
  reverse?: boolean;
  /** The maximum number of keys, 1 or more. */
  limit?: number;
}

/** What a Durable Object is told about its cache and its gates. It is accepted, and has no effect. */
export interface IgnoredOptions {
  allowConcurrency?: boolean;
  allowUnconfirmed?: boolean;
  noCache?: boolean;
}

/**
 * Keys and values, in a table `_baton_key_values` of the database. Keys are sorted by the bytes of their UTF-8. Values
 * are whatever Node's `v8.serialize` accepts: structured clones.
 *
 * A call has taken effect when it returns, awaited or not. Only beside a transaction in which the caller is not, and on
 * FoundationDB without `allowBlocking`, does it wait for its turn.
 */
export interface KeyValues {
  get<T = unknown>(key: string, options?: IgnoredOptions): Promise<T | undefined>;
  /** Returns those that exist, in the order of the keys. */
  get<T = unknown>(keys: readonly string[], options?: IgnoredOptions): Promise<Map<string, T>>;
  /** @throws {BatonError} `ERR_INVALID_ARG`: the value is `undefined` or cannot be cloned. */
  put(key: string, value: unknown, options?: IgnoredOptions): Promise<void>;
  /** Values that are `undefined` are left out. */
  put(entries: Record<string, unknown>, options?: IgnoredOptions): Promise<void>;
  /** Returns whether the key existed. */
  delete(key: string, options?: IgnoredOptions): Promise<boolean>;
  /** Returns how many of the keys existed. */
  delete(keys: readonly string[], options?: IgnoredOptions): Promise<number>;
  list<T = unknown>(options?: ListOptions & IgnoredOptions): Promise<Map<string, T>>;
}

/** `ctx.storage.kv`: {@link KeyValues}, the same ones, at once. It throws what {@link SqlStorage.exec} throws. */
export interface SyncKeyValues {
  get<T = unknown>(key: string): T | undefined;
  /** @throws {BatonError} `ERR_INVALID_ARG`: the value is `undefined` or cannot be cloned. */
  put(key: string, value: unknown): void;
  /** Returns whether the key existed. */
  delete(key: string): boolean;
  /** Reads the keys as they are needed. They may be changed meanwhile. */
  list<T = unknown>(options?: ListOptions): IterableIterator<[string, T]>;
}

/** The argument of a transaction function. After the end of the transaction its methods reject with `ERR_CLOSED`. */
export interface DurableObjectTransaction extends KeyValues {
  /** The same as `storage.sql`, which means the transaction inside the transaction function. */
  readonly sql: SqlStorage;
  /** Rolls the transaction back when its function returns. Later queries in it reject with `ERR_CLOSED`. */
  rollback(): void;
}

/** `ctx.storage`: SQL, transactions, keys and values. */
export declare class DurableObjectStorage {
  constructor(database: Database | Transaction, options?: DurableObjectStorageOptions);
  readonly sql: SqlStorage;
  readonly kv: SyncKeyValues;
  /**
   * Runs `closure` in a transaction. It commits when `closure` returns, and rolls back when it throws. `storage.sql`
   * means the transaction in everything that `closure` calls and awaits. Inside another transaction it is a savepoint.
   * Work that begins in `closure` and continues after the end of the transaction runs on the database from then on.
   *
   * Meanwhile `storage.sql` and `storage.kv` refuse all others with `ERR_BUSY`.
   */
  transaction<T>(closure: (transaction: DurableObjectTransaction) => T | Promise<T>): Promise<T>;
  /**
   * Runs `closure` in a transaction, and returns what it returns. It commits when `closure` returns, and rolls back when
   * it throws. Inside another transaction it is a savepoint.
   *
   * @example
   * ```ts
   * const storage = durableObjectStorage(db);
   * storage.transactionSync(() => {
   *   storage.sql.exec('UPDATE account SET balance = balance - ? WHERE owner = ?', 30, 'ada');
   *   storage.sql.exec('UPDATE account SET balance = balance + ? WHERE owner = ?', 30, 'bob');
   * });
   * ```
   * @throws {BatonError} `ERR_INVALID_ARG`: `closure` is `async` or has returned a promise; it is rolled back. And as
   * {@link SqlStorage.exec}.
   */
  transactionSync<T>(closure: () => T): T;
  /**
   * Resolves when all that was written before is durable: the output gate, which is explicit here. Await it before
   * anything leaves the process that depends on what was written. Inside a transaction it has nothing to wait for.
   *
   * @throws {BatonError} As `database.flushed`: what was written will never be durable, for example because the actor has
   * another owner now (`ERR_FENCE_MISMATCH`).
   */
  sync(): Promise<void>;
  /**
   * Deletes all tables and views, keys and values among them. The actor and its owner remain.
   *
   * @throws {BatonError} `ERR_INVALID_ARG`: inside a transaction. `SQLITE_LOCKED`: a cursor has unread rows.
   */
  deleteAll(): Promise<void>;
  /**
   * Returns the bookmark of the last commit. It is a point of the actor's history: see `docs/history.md`, also for how
   * to have it kept.
   *
   * @throws {BatonError} As `database.point` does.
   */
  getCurrentBookmark(): Promise<string>;
  /**
   * Returns the bookmark of the last commit at or before a time. It needs {@link DurableObjectStorageOptions.store}.
   *
   * @throws {BatonError} `ERR_NOT_RETAINED`: nothing is kept that is as old. `ERR_INVALID_ARG`, and as `store.pointAt`.
   */
  getBookmarkForTime(timestamp: number | Date): Promise<string>;
  /**
   * Sets the actor back to a bookmark. In a Durable Object that happens when the object starts again. Here it happens at
   * once, and this session is over: later calls fail with `ERR_FENCE_MISMATCH`. In both cases restart the actor next. It
   * needs {@link DurableObjectStorageOptions.store}.
   *
   * @returns The bookmark of the state before, which undoes this; it is kept for 7 days.
   * @throws {BatonError} `ERR_NOT_RETAINED`: the bookmark is not kept; nothing has changed. `ERR_INVALID_ARG`, and as
   * `store.restore`.
   */
  onNextSessionRestoreBookmark(bookmark: string): Promise<string>;
}
export interface DurableObjectStorage extends KeyValues {}

export interface DurableObjectStorageOptions {
  /**
   * What to do with integers outside ±(2^53 - 1): fail with `ERR_OUT_OF_RANGE`, or read them as `bigint` while all
   * others stay numbers.
   *
   * @default 'error'
   */
  largeIntegers?: 'error' | 'bigint';
  /** The store of the database, for bookmarks. */
  store?: Store;
}

/**
 * Provides the `ctx.storage` of Durable Objects on an open database, for ported code. Open the database with
 * `durability: 'deferred'` to have writes in a loop as fast as there, and await {@link DurableObjectStorage.sync} before
 * you respond. With the default, each write waits for its own flush.
 *
 * @example
 * ```ts
 * const storage = durableObjectStorage(await store.openDatabase('room/1', { durability: 'deferred' }));
 * const { n } = storage.sql.exec('SELECT count(*) AS n FROM message').one();
 * ```
 * @throws {BatonError} `ERR_INVALID_ARG`: `database` is not a database, or an option is wrong or unknown.
 */
export declare function durableObjectStorage(
  database: Database | Transaction,
  options?: DurableObjectStorageOptions,
): DurableObjectStorage;

// Types of batondb/durable-object.

/**
 * `ctx.storage` of Cloudflare's Durable Objects, on the database of an actor.
 *
 * @module batondb/durable-object
 */

import type { Database, Store, Transaction } from '../index.js';

/** A value in a row. Blobs are `ArrayBuffer`s, as in a Durable Object. `bigint` only with `largeIntegers: 'bigint'`. */
export type SqlStorageValue = ArrayBuffer | string | number | bigint | null;

/** A value that can be bound. `undefined` is NULL, as in a Durable Object. */
export type SqlStorageBinding =
  ArrayBufferLike | ArrayBufferView | string | number | bigint | boolean | null | undefined;

/** The rows of a query that has run. Its methods return at once, as those of a Durable Object's cursor do. */
export declare class SqlCursor<
  Row extends Record<string, SqlStorageValue> = Record<string, SqlStorageValue>,
> implements IterableIterator<Row> {
  private constructor();
  readonly columnNames: string[];
  /** How many rows the last statement returned, not how many SQLite looked at. */
  readonly rowsRead: number;
  /** How many rows all statements of the call changed, not counting index entries. */
  readonly rowsWritten: number;
  next(): IteratorResult<Row, undefined>;
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

/**
 * The result of `sql.exec`: a promise of the cursor that also has the cursor's methods. Await it, or one of its
 * methods. If a query fails and nothing awaits it, that is an unhandled rejection.
 */
export interface PendingCursor<
  Row extends Record<string, SqlStorageValue> = Record<string, SqlStorageValue>,
> extends Promise<SqlCursor<Row>> {
  next(): Promise<IteratorResult<Row, undefined>>;
  [Symbol.asyncIterator](): AsyncIterableIterator<Row>;
  toArray(): Promise<Row[]>;
  one(): Promise<Row>;
  raw<Values extends SqlStorageValue[] = SqlStorageValue[]>(): AsyncIterableIterator<Values> & {
    toArray(): Promise<Values[]>;
  };
}

/** `ctx.storage.sql`. */
export interface SqlStorage {
  /**
   * Runs SQL. Several statements run as one transaction. `bindings` are then the parameters of the last statement, and
   * the cursor has its rows; the statements before it have no parameters. SQLite itself decides where a statement ends,
   * also in a trigger. The query is already queued or running when this returns, and queries run in the order in which
   * they were made.
   *
   * @throws {BatonError} The promise rejects as `database.batch` does: `SQLITE_...`, `ERR_INVALID_ARG`,
   * `ERR_FENCE_MISMATCH` and so on.
   */
  exec<Row extends Record<string, SqlStorageValue> = Record<string, SqlStorageValue>>(
    query: string,
    ...bindings: SqlStorageBinding[]
  ): PendingCursor<Row>;
  /** The size of the database in bytes. */
  readonly databaseSize: Promise<number>;
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

/**
 * Keys and values, in a table `_baton_key_values` of the database. Keys are sorted by the bytes of their UTF-8. Values
 * are whatever Node's `v8.serialize` accepts: structured clones.
 */
export interface KeyValues {
  get<T = unknown>(key: string): Promise<T | undefined>;
  /** Returns those that exist, in the order of the keys. */
  get<T = unknown>(keys: readonly string[]): Promise<Map<string, T>>;
  /** @throws {BatonError} `ERR_INVALID_ARG`: the value is `undefined` or cannot be cloned. */
  put(key: string, value: unknown): Promise<void>;
  put(entries: Record<string, unknown>): Promise<void>;
  /** Returns whether the key existed. */
  delete(key: string): Promise<boolean>;
  /** Returns how many of the keys existed. */
  delete(keys: readonly string[]): Promise<number>;
  list<T = unknown>(options?: ListOptions): Promise<Map<string, T>>;
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
  /**
   * Runs `closure` in a transaction. It commits when `closure` returns, and rolls back when it throws. `storage.sql`
   * means the transaction in everything that `closure` calls and awaits. Inside another transaction it is a savepoint.
   * Work that begins in `closure` and continues after the end of the transaction runs on the database from then on.
   */
  transaction<T>(closure: (transaction: DurableObjectTransaction) => T | Promise<T>): Promise<T>;
  /**
   * @deprecated Not available: use {@link DurableObjectStorage.transaction}.
   * @throws {BatonError} `ERR_INVALID_ARG`, always.
   */
  transactionSync(closure: () => unknown): never;
  /** Resolves when all queries made so far have finished. */
  sync(): Promise<void>;
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
 * Provides the `ctx.storage` of Durable Objects on an open database, for ported code.
 *
 * @example
 * ```ts
 * const storage = durableObjectStorage(db);
 * const { n } = await storage.sql.exec('SELECT count(*) AS n FROM message').one();
 * ```
 * @throws {BatonError} `ERR_INVALID_ARG`: `database` is not a database, or an option is wrong or unknown.
 */
export declare function durableObjectStorage(
  database: Database | Transaction,
  options?: DurableObjectStorageOptions,
): DurableObjectStorage;

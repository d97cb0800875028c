// Types of batondb/durable-object.

/**
 * `ctx.storage` of Cloudflare's Durable Objects over the database of an actor.
 *
 * @module batondb/durable-object
 */

import type { Database, Transaction } from '../index.js';

/** A value in a row. Blobs are `ArrayBuffer`s, as in a Durable Object. `bigint` only with `largeIntegers: 'bigint'`. */
export type SqlStorageValue = ArrayBuffer | string | number | bigint | null;

/** What can be bound. `undefined` is NULL, as in a Durable Object. */
export type SqlStorageBinding =
  ArrayBufferLike | ArrayBufferView | string | number | bigint | boolean | null | undefined;

/** The rows of a query that has run. Its methods answer at once, as those of a Durable Object's cursor. */
export declare class SqlCursor<
  Row extends Record<string, SqlStorageValue> = Record<string, SqlStorageValue>,
> implements IterableIterator<Row> {
  private constructor();
  readonly columnNames: string[];
  /** How many rows the last statement answered with; not those that SQLite looked at for it. */
  readonly rowsRead: number;
  /** How many rows all statements of the call changed; entries of indexes do not count. */
  readonly rowsWritten: number;
  next(): IteratorResult<Row, undefined>;
  [Symbol.iterator](): this;
  /** The rows that are left. */
  toArray(): Row[];
  /** The row, if exactly one is left. @throws {BatonError} `ERR_INVALID_ARG`: there is none, or another one. */
  one(): Row;
  /** The rows that are left, as arrays. It goes on where the cursor is, and the cursor with it. */
  raw<Values extends SqlStorageValue[] = SqlStorageValue[]>(): IterableIterator<Values> & {
    toArray(): Values[];
  };
}

/**
 * What `sql.exec` answers with: a promise of the cursor, with the cursor's methods on it. Await it, or a method of it;
 * a query that fails and that nobody waits for is an unhandled rejection.
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
   * Runs SQL. Several statements are one transaction, in which `bindings` are those of the last one, and the cursor
   * is its, too; those before it have no parameters. Where a statement ends SQLite says, also in a trigger. The query is under way when this returns, and queries run in the order in which they were made.
   *
   * @throws {BatonError} The promise rejects as `database.batch` does: `SQLITE_...`, `ERR_INVALID_ARG`,
   * `ERR_FENCE_MISMATCH` and so on.
   */
  exec<Row extends Record<string, SqlStorageValue> = Record<string, SqlStorageValue>>(
    query: string,
    ...bindings: SqlStorageBinding[]
  ): PendingCursor<Row>;
  /** The size of the database, in bytes. */
  readonly databaseSize: Promise<number>;
}

/** Which keys to list, and in which order. */
export interface ListOptions {
  /** The first key, if it is there. */
  start?: string;
  /** The key before the first one. Not with `start`. */
  startAfter?: string;
  /** The key behind the last one. */
  end?: string;
  /** What each key begins with. */
  prefix?: string;
  /** @default false */
  reverse?: boolean;
  /** How many keys at most; 1 or more. */
  limit?: number;
}

/**
 * Keys and values, in a table `_baton_key_values` of the database. Keys sort by the bytes of their UTF-8; values are
 * what `v8.serialize` of Node takes: structured clones.
 */
export interface KeyValues {
  get<T = unknown>(key: string): Promise<T | undefined>;
  /** Of those that are there, in the order of keys. */
  get<T = unknown>(keys: readonly string[]): Promise<Map<string, T>>;
  /** @throws {BatonError} `ERR_INVALID_ARG`: the value is `undefined` or cannot be cloned. */
  put(key: string, value: unknown): Promise<void>;
  put(entries: Record<string, unknown>): Promise<void>;
  /** Whether it was there. */
  delete(key: string): Promise<boolean>;
  /** How many of them were there. */
  delete(keys: readonly string[]): Promise<number>;
  list<T = unknown>(options?: ListOptions): Promise<Map<string, T>>;
}

/** What the function of a transaction is given. After the end of the transaction its methods reject with `ERR_CLOSED`. */
export interface DurableObjectTransaction extends KeyValues {
  /** The same as `storage.sql`, which means the transaction inside of its function. */
  readonly sql: SqlStorage;
  /** Has the transaction rolled back when its function returns. Queries made in it later reject with `ERR_CLOSED`. */
  rollback(): void;
}

/** `ctx.storage`: SQL, transactions, keys and values. */
export declare class DurableObjectStorage {
  constructor(database: Database | Transaction, options?: DurableObjectStorageOptions);
  readonly sql: SqlStorage;
  /**
   * Runs `closure` in a transaction: committed when it returns, rolled back when it throws. `storage.sql` means the
   * transaction in whatever `closure` calls and waits for. Inside of another transaction it is a savepoint. Work that
   * begins in `closure` and goes on after the end of the transaction runs on the database from then on.
   */
  transaction<T>(closure: (transaction: DurableObjectTransaction) => T | Promise<T>): Promise<T>;
  /**
   * @deprecated There is none: use {@link DurableObjectStorage.transaction}.
   * @throws {BatonError} `ERR_INVALID_ARG`, always.
   */
  transactionSync(closure: () => unknown): never;
  /** Resolves when the queries made so far are over. */
  sync(): Promise<void>;
}
export interface DurableObjectStorage extends KeyValues {}

export interface DurableObjectStorageOptions {
  /**
   * How integers outside of ±(2^53 - 1) are read: not at all (`ERR_OUT_OF_RANGE`), or as `bigint`, while all others
   * stay numbers.
   *
   * @default 'error'
   */
  largeIntegers?: 'error' | 'bigint';
}

/**
 * Puts `ctx.storage` of Durable Objects over an open database, for code that is ported.
 *
 * @example
 * ```ts
 * const storage = durableObjectStorage(db);
 * const { n } = await storage.sql.exec('SELECT count(*) AS n FROM message').one();
 * ```
 * @throws {BatonError} `ERR_INVALID_ARG`: `database` is none, or an option is wrong or unknown.
 */
export declare function durableObjectStorage(
  database: Database | Transaction,
  options?: DurableObjectStorageOptions,
): DurableObjectStorage;

// Types of batondb/drizzle. drizzle.d.mts has the same text: each of the two sees the Drizzle of its own module system.

/**
 * Drizzle ORM on the database of an actor, and its migrations.
 *
 * @module batondb/drizzle
 */

import type { DrizzleConfig, ExtractTablesWithRelations } from 'drizzle-orm';
import type { BatchItem, BatchResponse } from 'drizzle-orm/batch';
import type { BaseSQLiteDatabase, SQLiteTransaction } from 'drizzle-orm/sqlite-core';
import type { Database, RunResult, Transaction, TransactionOptions } from '../index.js';

/** Options of {@link drizzle}. */
export interface BatonDrizzleConfig<
  TSchema extends Record<string, unknown> = Record<string, never>,
> extends Pick<DrizzleConfig<TSchema>, 'schema' | 'logger' | 'casing'> {
  /**
   * What to do with integers outside ±(2^53 - 1): fail with `ERR_OUT_OF_RANGE`, or read them as `bigint` while all
   * others stay numbers. For a column of such integers, use a `customType`: its `fromDriver` gets either type, and
   * `BigInt(value)` accepts both.
   *
   * @default 'error'
   */
  largeIntegers?: 'error' | 'bigint';
}

/** Runs several queries in one call and one transaction. */
export interface Batching {
  /**
   * Runs queries in one call and one transaction: all take place, or none. Returns the result of each query.
   *
   * @throws {DrizzleQueryError} With the SQL of the query that failed, and a `BatonError` as its `cause`.
   */
  batch<U extends BatchItem<'sqlite'>, T extends Readonly<[U, ...U[]]>>(
    queries: T,
  ): Promise<BatchResponse<T>>;
}

/** The argument of a transaction function. Its own `transaction` is a savepoint. */
export type BatonDrizzleTransaction<TSchema extends Record<string, unknown> = Record<string, never>> =
  SQLiteTransaction<'async', RunResult, TSchema, ExtractTablesWithRelations<TSchema>> & Batching;

/** A Baton database with Drizzle's query builder. */
export declare class BatonDrizzleDatabase<TSchema extends Record<string, unknown> = Record<string, never>>
  extends BaseSQLiteDatabase<'async', RunResult, TSchema>
  implements Batching
{
  /** The database or transaction that it was made from. */
  readonly $client: Database | Transaction;
  batch<U extends BatchItem<'sqlite'>, T extends Readonly<[U, ...U[]]>>(
    queries: T,
  ): Promise<BatchResponse<T>>;
  /**
   * Runs `fn` in a transaction. It commits when `fn` returns. If `fn` throws (as `tx.rollback()` does), it rolls back
   * and rejects with that error. Queries on the database itself wait in the meantime, so use only `tx` inside.
   *
   * @param config Drizzle's `behavior`, and Baton's `timeoutMs`, `signal` and `traceparent`.
   */
  transaction<T>(
    fn: (tx: BatonDrizzleTransaction<TSchema>) => Promise<T>,
    config?: TransactionOptions,
  ): Promise<T>;
}

/**
 * Creates a Drizzle database from an open database, or from an open Baton transaction.
 *
 * A query that fails rejects with Drizzle's `DrizzleQueryError`, whose `cause` is the `BatonError`. Failures outside
 * queries, such as in the commit of a transaction, reject with the `BatonError` itself.
 *
 * @example
 * ```ts
 * const orm = drizzle(db, { schema });
 * const rooms = await orm.query.room.findMany({ with: { messages: true } });
 * ```
 * @throws {BatonError} `ERR_INVALID_ARG`: `database` is not a database, or an option is wrong or unknown. The option
 * `cache` is refused: a cache would hide from an owner that it was taken over.
 */
export declare function drizzle<TSchema extends Record<string, unknown> = Record<string, never>>(
  database: Database | Transaction,
  config?: BatonDrizzleConfig<TSchema>,
): BatonDrizzleDatabase<TSchema>;

/** The output of drizzle-kit with `driver: 'durable-sqlite'` or `'expo'`, as exported by its `migrations.js`. */
export interface BundledMigrations {
  journal: { entries: { idx: number; when: number; tag: string; breakpoints: boolean }[] };
  /** The SQL of each migration by its number: `m0000`, `m0001` and so on. */
  migrations: Record<string, string>;
}

/** The folder into which drizzle-kit generates, with `meta/_journal.json` and the SQL files. */
export interface MigrationsFolder {
  /** A path, or a `file:` URL such as `new URL('./drizzle', import.meta.url)`. */
  migrationsFolder: string | URL;
}

export type MigrationConfig = (BundledMigrations | MigrationsFolder) & {
  /** @default '__drizzle_migrations' */
  migrationsTable?: string;
};

/**
 * Applies the migrations that the database has not seen, in one transaction: all of them, or none. Call it at every
 * start. If two calls run at once, the second one waits and finds nothing to do.
 *
 * A migration is missing if no row of the migrations table has its time (`when`) or, failing that, its hash. So a late
 * migration, with an older `when` than one already applied, is applied as well. The order is that of the journal.
 *
 * If a migration turns foreign keys off (as drizzle-kit's do to recreate a table), the migrations run with foreign keys
 * off. They fail if they leave rows with dangling references behind.
 *
 * @throws {DrizzleQueryError} The statement that failed, with a `BatonError` as its `cause` and the migration's tag as
 * its `migration`.
 * @throws {BatonError} `ERR_INVALID_ARG`: an entry of the journal has no migration, a file cannot be read, an option is
 * wrong, or `db` was made from a transaction and the migrations turn foreign keys off. `SQLITE_CONSTRAINT`: there are
 * dangling references. Otherwise the errors of every transaction: `ERR_FENCE_MISMATCH` and so on.
 */
export declare function migrate<TSchema extends Record<string, unknown>>(
  db: BatonDrizzleDatabase<TSchema>,
  config: MigrationConfig,
): Promise<void>;

// Types of batondb/drizzle. drizzle.d.mts has the same text: each of the two sees the Drizzle of its own module system.

/**
 * Drizzle ORM over the database of an actor, and its migrations.
 *
 * @module batondb/drizzle
 */

import type { DrizzleConfig, ExtractTablesWithRelations } from 'drizzle-orm';
import type { BatchItem, BatchResponse } from 'drizzle-orm/batch';
import type { BaseSQLiteDatabase, SQLiteTransaction } from 'drizzle-orm/sqlite-core';
import type { Database, RunResult, Transaction, TransactionOptions } from '../index.js';

/** How to use a database with Drizzle. */
export interface BatonDrizzleConfig<
  TSchema extends Record<string, unknown> = Record<string, never>,
> extends Pick<DrizzleConfig<TSchema>, 'schema' | 'logger' | 'casing'> {
  /**
   * How integers outside of ±(2^53 - 1) are read: not at all (`ERR_OUT_OF_RANGE`), or as `bigint`, while all others
   * stay numbers. A `customType` makes a column of them: its `fromDriver` gets either, and `BigInt(value)` takes both.
   *
   * @default 'error'
   */
  largeIntegers?: 'error' | 'bigint';
}

/** Queries that run in one trip and one transaction. */
export interface Batching {
  /**
   * Runs queries in one trip and one transaction: all take place, or none. Answers with what each of them would have
   * answered with.
   *
   * @throws {DrizzleQueryError} With the SQL of the query that failed, and a `BatonError` as its `cause`.
   */
  batch<U extends BatchItem<'sqlite'>, T extends Readonly<[U, ...U[]]>>(
    queries: T,
  ): Promise<BatchResponse<T>>;
}

/** What the function of a transaction is given. Its own `transaction` is a savepoint. */
export type BatonDrizzleTransaction<TSchema extends Record<string, unknown> = Record<string, never>> =
  SQLiteTransaction<'async', RunResult, TSchema, ExtractTablesWithRelations<TSchema>> & Batching;

/** A Baton database under Drizzle's query builder. */
export declare class BatonDrizzleDatabase<TSchema extends Record<string, unknown> = Record<string, never>>
  extends BaseSQLiteDatabase<'async', RunResult, TSchema>
  implements Batching
{
  /** What it was made from. */
  readonly $client: Database | Transaction;
  batch<U extends BatchItem<'sqlite'>, T extends Readonly<[U, ...U[]]>>(
    queries: T,
  ): Promise<BatchResponse<T>>;
  /**
   * Runs `fn` in a transaction: committed when it returns, rolled back when it throws (`tx.rollback()` does), with
   * the error passed on. Queries on the database itself wait meanwhile, so inside use `tx` alone.
   *
   * @param config Drizzle's `behavior`, and Baton's `timeoutMs`, `signal` and `traceparent`.
   */
  transaction<T>(
    fn: (tx: BatonDrizzleTransaction<TSchema>) => Promise<T>,
    config?: TransactionOptions,
  ): Promise<T>;
}

/**
 * Puts Drizzle over an open database, or over an open transaction of Baton's own.
 *
 * A query that fails rejects with Drizzle's `DrizzleQueryError`, whose `cause` is the `BatonError`. What fails
 * outside of queries, such as the commit of a transaction, rejects with the `BatonError` itself.
 *
 * @example
 * ```ts
 * const orm = drizzle(db, { schema });
 * const rooms = await orm.query.room.findMany({ with: { messages: true } });
 * ```
 * @throws {BatonError} `ERR_INVALID_ARG`: `database` is none, or an option is wrong or unknown. There is no `cache`:
 * what it answers would hide from an owner that it was taken over.
 */
export declare function drizzle<TSchema extends Record<string, unknown> = Record<string, never>>(
  database: Database | Transaction,
  config?: BatonDrizzleConfig<TSchema>,
): BatonDrizzleDatabase<TSchema>;

/** What drizzle-kit generates with `driver: 'durable-sqlite'` or `'expo'`, as its `migrations.js` exports it. */
export interface BundledMigrations {
  journal: { entries: { idx: number; when: number; tag: string; breakpoints: boolean }[] };
  /** The SQL of each migration by its number: `m0000`, `m0001` and so on. */
  migrations: Record<string, string>;
}

/** The folder into which drizzle-kit generates, with `meta/_journal.json` and the SQL in files. */
export interface MigrationsFolder {
  /** A path, or a `file:` URL such as `new URL('./drizzle', import.meta.url)`. */
  migrationsFolder: string | URL;
}

export type MigrationConfig = (BundledMigrations | MigrationsFolder) & {
  /** @default '__drizzle_migrations' */
  migrationsTable?: string;
};

/**
 * Applies the migrations that the database has not seen, in one transaction: all of them, or none. Calling it at
 * every start is what it is for; of two calls at once the second one waits and finds nothing to do.
 *
 * One is missing if no row of the table of migrations has its time (`when`) or, failing that, its hash. So a migration
 * that comes in late, with an older `when` than one that was applied, is applied as well; the order is the journal's.
 *
 * Migrations that turn foreign keys off (as drizzle-kit's do that make a table anew) run with foreign keys off, and
 * fail if they leave rows behind whose references lead nowhere.
 *
 * @throws {DrizzleQueryError} The statement that failed, with a `BatonError` as its `cause` and the migration's tag as
 * its `migration`.
 * @throws {BatonError} `ERR_INVALID_ARG`: an entry of the journal has no migration, a file cannot be read, an option is
 * wrong, or `db` is over a transaction and the migrations turn foreign keys off.
 * `SQLITE_CONSTRAINT`: references lead nowhere. Otherwise as every transaction: `ERR_FENCE_MISMATCH` and so on.
 */
export declare function migrate<TSchema extends Record<string, unknown>>(
  db: BatonDrizzleDatabase<TSchema>,
  config: MigrationConfig,
): Promise<void>;

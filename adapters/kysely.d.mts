// Types of batondb/kysely. kysely.d.mts has the same text: each of the two sees the Kysely of its own module system.

/**
 * A dialect of Kysely over the database of an actor.
 *
 * @module batondb/kysely
 */

import type { DatabaseIntrospector, Dialect, DialectAdapter, Driver, Kysely, QueryCompiler } from 'kysely';
import type { Database } from '../index.js';

/** What a {@link BatonDialect} is made from. */
export interface BatonDialectConfig {
  /** An open database, or what opens one when the first query is run. */
  database: Database | (() => Database | Promise<Database>);
  /**
   * How long a transaction may be open, in milliseconds, 1 to 2147483647. It is rolled back then, and what is called
   * on it later rejects with `ERR_CLOSED`. A run of migrations is one transaction, too.
   *
   * @default that of `store.openDatabase`: 30000 unless it was told otherwise
   */
  transactionTimeoutMs?: number;
  /**
   * How integers outside of ±(2^53 - 1) are read: not at all (`ERR_OUT_OF_RANGE`), or as `bigint`, while all others
   * stay numbers.
   *
   * @default 'error'
   */
  largeIntegers?: 'error' | 'bigint';
  /**
   * Whether `kysely.destroy()` closes the database, as it does with Kysely's own dialects. (Where no query ever ran,
   * Kysely has not begun to use the database, and `destroy()` closes nothing.)
   *
   * @default true
   */
  closeOnDestroy?: boolean;
}

/**
 * Kysely's dialect for a Baton database.
 *
 * Errors are Baton's own, unwrapped: `isBatonError(error, 'ERR_FENCE_MISMATCH')` tells that the actor has another
 * owner. A transaction's isolation level may only be `'serializable'`, and its access mode not `'read only'`
 * (`ERR_INVALID_ARG`).
 *
 * @example
 * ```ts
 * const kysely = new Kysely<Tables>({ dialect: new BatonDialect({ database: db }) });
 * const rooms = await kysely.selectFrom('room').selectAll().execute();
 * ```
 */
export declare class BatonDialect implements Dialect {
  /** @throws {BatonError} `ERR_INVALID_ARG`, `ERR_OUT_OF_RANGE`: an option is wrong or unknown. */
  constructor(config: BatonDialectConfig);
  createDriver(): Driver;
  createQueryCompiler(): QueryCompiler;
  createAdapter(): DialectAdapter;
  createIntrospector(db: Kysely<any>): DatabaseIntrospector;
}

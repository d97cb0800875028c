// Types of batondb/kysely. kysely.d.mts has the same text: each of the two sees the Kysely of its own module system.

/**
 * A Kysely dialect for the database of an actor.
 *
 * @module batondb/kysely
 */

import type { DatabaseIntrospector, Dialect, DialectAdapter, Driver, Kysely, QueryCompiler } from 'kysely';
import type { Database } from '../index.js';

/** Options of {@link BatonDialect}. */
export interface BatonDialectConfig {
  /** An open database, or a function that opens one for the first query. */
  database: Database | (() => Database | Promise<Database>);
  /**
   * How long a transaction may stay open, in milliseconds, 1 to 2147483647. After that it is rolled back, and later
   * calls on it reject with `ERR_CLOSED`. A run of migrations is one transaction, too.
   *
   * @default that of `store.openDatabase`: 30000 unless set otherwise
   */
  transactionTimeoutMs?: number;
  /**
   * What to do with integers outside ±(2^53 - 1): fail with `ERR_OUT_OF_RANGE`, or read them as `bigint` while all
   * others stay numbers.
   *
   * @default 'error'
   */
  largeIntegers?: 'error' | 'bigint';
  /**
   * Whether `kysely.destroy()` closes the database, as with Kysely's own dialects. (If no query was ever run, Kysely
   * has not begun to use the database, and `destroy()` closes nothing.)
   *
   * @default true
   */
  closeOnDestroy?: boolean;
}

/**
 * Kysely's dialect for a Baton database.
 *
 * Errors are Baton's own, unwrapped: `isBatonError(error, 'ERR_FENCE_MISMATCH')` means that the actor has another
 * owner. The only isolation level is `'serializable'`, and the access mode `'read only'` is not supported
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

// Types of batondb/better-sqlite3.

import type { Database as BatonDatabase } from '../index.js';

/**
 * The database of an actor as the `Database` of better-sqlite3: synchronous, with its methods, its values and its errors.
 * It runs on the synchronous calls of the database, so it throws their errors as well, such as `ERR_BUSY` while an
 * asynchronous call of the same database waits or runs.
 *
 * @example
 * ```ts
 * import Database from 'batondb/better-sqlite3';
 *
 * const db = new Database(await store.openDatabase('app'));
 * const user = db.prepare('SELECT * FROM user WHERE id = ?').get(7);
 * ```
 */
declare class Database {
  /**
   * @throws {BatonError} `ERR_INVALID_ARG`: it is not a database of `store.openDatabase`, such as the name of a file; or
   * an option is wrong or unknown.
   */
  constructor(database: BatonDatabase, options?: Database.Options);
  /** The id of the actor. */
  readonly name: string;
  /** False after {@link Database.close}, and after that of the Baton database. */
  readonly open: boolean;
  readonly inTransaction: boolean;
  /** Whether it was opened with `readOnly`. */
  readonly readonly: boolean;
  /** Always false: whether the store is in memory, its database does not know. */
  readonly memory: boolean;

  /**
   * @throws {RangeError} The SQL has no statement, or more than one.
   * @throws {SqliteError} SQLite does not understand it.
   */
  prepare<BindParameters extends unknown[] | {} = unknown[], Result = unknown>(
    source: string,
  ): Database.Statement<BindParameters, Result>;
  /** Makes a function that runs `fn` in a transaction, or in a savepoint if one is open. `fn` must not be async. */
  transaction<F extends (...args: any[]) => unknown>(fn: F): Database.Transaction<F>;
  /** Runs any number of statements, which take no parameters. */
  exec(source: string): this;
  /** Returns the rows of a pragma, or with `simple` the first value of the first row. */
  pragma(source: string, options?: Database.PragmaOptions): unknown;
  /** Returns SQLite's program for a statement: the rows of `EXPLAIN`, with NULL for each parameter. */
  explain(source: string): Record<string, unknown>[];
  /** Defines a function for SQL; see `database.function` of the Baton database. */
  function(name: string, fn: (...args: any[]) => any): this;
  function(name: string, options: Database.RegistrationOptions, fn: (...args: any[]) => any): this;
  /** Defines an aggregate or window function for SQL; see `database.aggregate` of the Baton database. */
  aggregate<T>(name: string, options: Database.AggregateOptions<T>): this;
  /** Whether new statements read integers as `bigint`. */
  defaultSafeIntegers(toggleState?: boolean): this;
  /** Returns the bytes of a SQLite file. */
  serialize(options?: Database.SerializeOptions): Buffer;
  /**
   * Writes the database to a file, as it is when the call's turn comes: all of it at once, as a whole or not at all.
   *
   * @throws {BatonError} `ERR_TOO_LARGE`: it has more than 2 GiB; use `store.exportTo`. And as `database.serialize`.
   */
  backup(destinationFile: string, options?: Database.BackupOptions): Promise<Database.BackupMetadata>;
  /**
   * Closes this object at once, and begins to close the Baton database. `await database.close()` waits for that and
   * throws its error; without it, an error becomes a warning of the process.
   */
  close(): this;
  /**
   * @deprecated Not available: extensions are loaded by `openDatabase(actorId, { extensions })`.
   * @throws {BatonError} `ERR_INVALID_ARG`, always.
   */
  loadExtension(path: string, entryPoint?: string): never;
  /**
   * @deprecated Not available.
   * @throws {BatonError} `ERR_INVALID_ARG`, always.
   */
  table(name: string, options: unknown): never;
  /**
   * @deprecated Not available: it is always safe.
   * @throws {BatonError} `ERR_INVALID_ARG`, unless it is called with `false`.
   */
  unsafeMode(unsafe?: boolean): this;
}

declare namespace Database {
  interface Options {
    /** Called with each statement before it runs, with the values of its parameters in it. */
    verbose?: ((message?: unknown, ...additional: unknown[]) => void) | null | undefined;
    /** Refused, unless the Baton database was opened with `readOnly`. */
    readonly?: boolean | undefined;
    /** Has no effect: the actor exists. */
    fileMustExist?: boolean | undefined;
    /** Has no effect: nobody else holds a lock. */
    timeout?: number | undefined;
    /** Has no effect: the addon is Baton's. */
    nativeBinding?: string | object | null | undefined;
  }

  /** A prepared statement. */
  interface PreparedStatement<BindParameters extends unknown[], Result = unknown> {
    readonly database: Database;
    readonly source: string;
    /** Whether it returns data. */
    readonly reader: boolean;
    readonly readonly: boolean;
    /** Whether an iteration of it is open. */
    readonly busy: boolean;
    run(...params: BindParameters): RunResult;
    get(...params: BindParameters): Result | undefined;
    all(...params: BindParameters): Result[];
    /** While the iteration is open, nothing may write through the same database. */
    iterate(...params: BindParameters): IterableIterator<Result>;
    /** Rows are the value of their first column. */
    pluck(toggleState?: boolean): this;
    /** Rows are objects of objects, by table. */
    expand(toggleState?: boolean): this;
    /** Rows are arrays. */
    raw(toggleState?: boolean): this;
    /** Binds parameters for good. */
    bind(...params: BindParameters): this;
    columns(): ColumnDefinition[];
    /** Whether integers are read as `bigint`. */
    safeIntegers(toggleState?: boolean): this;
    /** The SQL, with the values that `bind` has bound. */
    toString(): string;
  }

  type Statement<
    BindParameters extends unknown[] | {} = unknown[],
    Result = unknown,
  > = BindParameters extends unknown[]
    ? PreparedStatement<BindParameters, Result>
    : PreparedStatement<[BindParameters], Result>;

  /** The arguments of a function, written in the one way that TypeScript takes for that of better-sqlite3's own types. */
  type ArgumentsOf<F extends (...args: any[]) => unknown> = F extends (...args: infer A) => unknown
    ? A
    : never;

  interface Transaction<F extends (...args: any[]) => unknown = (...args: any[]) => unknown> {
    (...params: ArgumentsOf<F>): ReturnType<F>;
    default(...params: ArgumentsOf<F>): ReturnType<F>;
    deferred(...params: ArgumentsOf<F>): ReturnType<F>;
    immediate(...params: ArgumentsOf<F>): ReturnType<F>;
    exclusive(...params: ArgumentsOf<F>): ReturnType<F>;
    readonly database: Database;
  }

  interface RunResult {
    changes: number;
    /** A `bigint` if it is outside ±(2^53 - 1), or with `safeIntegers`. */
    lastInsertRowid: number | bigint;
  }

  interface ColumnDefinition {
    name: string;
    column: string | null;
    table: string | null;
    database: string | null;
    type: string | null;
  }

  interface PragmaOptions {
    simple?: boolean | undefined;
  }

  interface SerializeOptions {
    /** Only `'main'`. */
    attached?: string;
  }

  interface BackupOptions {
    /** Only `'main'`. */
    attached?: string;
    /** Called once, before the file is written. */
    progress?: ((info: BackupMetadata) => number | void) | undefined;
  }

  interface BackupMetadata {
    totalPages: number;
    remainingPages: number;
  }

  interface RegistrationOptions {
    varargs?: boolean | undefined;
    deterministic?: boolean | undefined;
    safeIntegers?: boolean | undefined;
    directOnly?: boolean | undefined;
  }

  interface AggregateOptions<T = any> extends RegistrationOptions {
    start?: T | (() => T);
    step: (total: T, ...next: any[]) => T | void;
    inverse?: ((total: T, ...dropped: any[]) => T | void) | undefined;
    result?: ((total: T) => unknown) | undefined;
  }

  /** An error of SQLite. Its `cause` is the `BatonError`. Errors of Baton itself are not wrapped. */
  class SqliteError extends Error {
    constructor(message: string, code: string);
    /** SQLite's extended result code, such as `SQLITE_CONSTRAINT_UNIQUE`. */
    code: string;
  }
}

export = Database;

/// <reference types="node" />
/// <reference lib="esnext.disposable" />

// Sessions, which record the rows that change, and changesets, which carry them to another database.

/** Options of {@link SyncQueries.createSession}. */
export interface SessionOptions {
  /**
   * The one table whose changes are recorded. It may be created later. The default is all tables, also those that are
   * created later.
   */
  table?: string;
  /**
   * The database of the connection: `'main'`, `'temp'`, or the name under which `:memory:` is attached.
   *
   * @default 'main'
   */
  db?: string;
}

/** Options of {@link SyncQueries.applyChangeset}. */
export interface ApplyChangesetOptions {
  /**
   * Whether the changes of a table are applied; called once for each table. The default is all tables.
   *
   * It runs within the call, as a function of SQL does: what it throws, the call throws, and nothing was applied. Calls
   * on the same database throw `ERR_BUSY` inside it. It must not be async or return a promise.
   */
  filter?: (table: string) => boolean;
  /**
   * Decides about a change that conflicts. It gets one of the first five {@link constants}, and returns one of the last
   * three:
   *
   * - `SQLITE_CHANGESET_DATA`: the row to update or delete has other values than those that the change begins with;
   * - `SQLITE_CHANGESET_NOTFOUND`: there is no such row;
   * - `SQLITE_CHANGESET_CONFLICT`: the row to insert is there already;
   * - `SQLITE_CHANGESET_CONSTRAINT`: a constraint forbids the change;
   * - `SQLITE_CHANGESET_FOREIGN_KEY`: all changes are made, and foreign keys are violated. `OMIT` keeps them so; anything
   *   else throws `SQLITE_CONSTRAINT`.
   *
   * - `SQLITE_CHANGESET_OMIT`: leave the change out;
   * - `SQLITE_CHANGESET_REPLACE`: make it nevertheless, for `DATA` and `CONFLICT` only;
   * - `SQLITE_CHANGESET_ABORT`: apply nothing, and return `false`.
   *
   * Anything else throws `ERR_INVALID_ARG`, and nothing was applied. It runs as {@link ApplyChangesetOptions.filter} does.
   * The default is `SQLITE_CHANGESET_ABORT` for every conflict.
   */
  onConflict?: (conflict: number) => number;
}

/**
 * Records which rows change, from {@link SyncQueries.createSession} on, whoever writes them: synchronous and asynchronous
 * calls, triggers, applied changesets. What it returns is the difference between the rows as they were and as they are
 * now, so what was rolled back is not in it. The same holds for what is written and undone again.
 *
 * Tables without a declared `PRIMARY KEY` are passed over, and so are rows with a NULL in it, as SQLite does. `WITHOUT
 * ROWID` tables are recorded. Virtual tables are not, but the ordinary tables behind them (such as those of FTS5) are.
 * The schema is no part of a changeset.
 *
 * A session keeps each row that has changed, as it was, in memory until it is closed. A changeset is built in memory as
 * a whole, of at most 2 GiB. A session that was dropped is closed by garbage collection; with the database every session
 * ends.
 */
export declare class Session implements Disposable {
  private constructor();

  /**
   * Returns what has changed so far, with the old and the new values. Without changes there are no bytes. The session goes
   * on recording, and a later changeset has these changes as well.
   *
   * @throws {BatonError} `ERR_CLOSED`: the session, or its database, is closed. `SQLITE_SCHEMA`: a table with changes
   * was dropped or has lost columns; the session cannot go on. `ERR_TOO_LARGE`: the changeset would have more than 2 GiB.
   * The errors of {@link SyncQueries}.
   */
  changeset(): Buffer;

  /**
   * Returns what has changed so far, with the new values alone. This is smaller, but {@link SyncQueries.applyChangeset}
   * does not notice a row that has other values than before.
   *
   * @throws {BatonError} As {@link Session.changeset}.
   */
  patchset(): Buffer;

  /**
   * Stops recording, and releases the memory: at once, or as soon as the calls under way are done.
   *
   * @throws {BatonError} `ERR_CLOSED`: the session, or its database, is closed already.
   */
  close(): void;

  /** The same. On a closed session it does nothing. */
  [Symbol.dispose](): void;
}

/** The numbers of {@link ApplyChangesetOptions.onConflict}, as `node:sqlite` has them. */
export declare const constants: {
  readonly SQLITE_CHANGESET_DATA: 1;
  readonly SQLITE_CHANGESET_NOTFOUND: 2;
  readonly SQLITE_CHANGESET_CONFLICT: 3;
  readonly SQLITE_CHANGESET_CONSTRAINT: 4;
  readonly SQLITE_CHANGESET_FOREIGN_KEY: 5;
  readonly SQLITE_CHANGESET_OMIT: 0;
  readonly SQLITE_CHANGESET_REPLACE: 1;
  readonly SQLITE_CHANGESET_ABORT: 2;
};

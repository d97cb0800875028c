/// <reference lib="esnext.disposable" />

// The store and its actors.

import type { History } from './history.js';
import type { Database, DatabaseOptions } from './database.js';
import type { BatonError } from './errors.js';
import type {
  ActorHistory,
  HistoryUsage,
  HistoryUsageOptions,
  Inspection,
  PingOptions,
  PingResult,
  StatOptions,
  StoreStatus,
  VerifyOptions,
  VerifyReport,
} from './inspection.js';
import type { StoreMetrics } from './metrics.js';
import type { StoreOptions } from './store-options.js';
import type {
  CopyOptions,
  CopyResult,
  ExportOptions,
  ExportTarget,
  ImportOptions,
  ImportSource,
  MigrateOptions,
  RenameOptions,
  SerializeOptions,
  V1Entry,
} from './transfer.js';
import type { CommitRequest, GetPagesRequest, LoadStartupOptions, Meta, PageSet, Startup } from './pages.js';

/**
 * An open store: one backend that holds any number of actors.
 *
 * Unless noted otherwise, methods return a promise and reject with a {@link BatonError}. Arguments are checked first:
 * `ERR_INVALID_ARG` and `ERR_OUT_OF_RANGE` name the argument and the value received. Arguments are copied before the
 * call returns, so you can reuse buffers and objects immediately.
 *
 * Several worker threads and several processes can open the same directory. Within one process they must all use the
 * same installed copy of this package: two copies of the addon in one process cannot see each other.
 *
 * @example
 * ```ts
 * await using store = await Store.open({ path: './data' });
 *
 * const { outcome, generation, meta, pages } = await store.loadStartup('room-1');
 * if (outcome === 'lost') {
 *   return; // Another process started this actor just now. Leave it alone.
 * }
 * const header = pages.get(1)?.subarray(0, 100);
 *
 * const { txid } = await store.commit('room-1', {
 *   generation,
 *   headTxid: meta.headTxid,
 *   sizePages: 1,
 *   pages: [{ page: 1, data: new Uint8Array(4096) }],
 * });
 * ```
 */
export declare class Store implements AsyncDisposable {
  private constructor();

  /**
   * Opens a store.
   *
   * An open store does not keep the process alive; only calls in progress do.
   *
   * @throws {BatonError} `ERR_INVALID_ARG`, `ERR_OUT_OF_RANGE`: an option is wrong or unknown, options do not go
   * together, or a path names the wrong thing (the store's path is a file, or the cluster file is not a cluster file).
   * `ERR_UNAVAILABLE`: the directory cannot be created or opened, the cluster does not answer within `timeoutMs`, or
   * FoundationDB's client library cannot be loaded. `ERR_CORRUPT`: the store is damaged.
   */
  static open(options: StoreOptions): Promise<Store>;

  /**
   * Takes over an actor: raises its generation, so that no earlier owner can commit any more, and returns its first
   * pages. If the actor does not exist yet, it is created with generation `1n` and no pages.
   *
   * **Losing a race is a result, not an error.** If another call took over the actor while this one was in progress,
   * `outcome` is `'lost'`, `generation` is the other owner's (or a later one), and `pages` is empty. The caller then
   * does not own the actor and should not start it.
   *
   * @param actorId 1 to 256 bytes of UTF-8. Any characters except lone surrogates.
   * @throws {BatonError} `ERR_INVALID_ARG`, `ERR_OUT_OF_RANGE`, `ERR_MIGRATION_INCOMPLETE`, `ERR_UNAVAILABLE`,
   * `ERR_CORRUPT`, `ERR_QUOTA_EXCEEDED`, `ERR_ABORTED`, `ERR_CLOSED`.
   */
  loadStartup(actorId: string, options?: LoadStartupOptions): Promise<Startup>;

  /**
   * Reads pages. All of them come from one committed head, which the result names.
   *
   * Pages past the end of the database are missing from the result. A page inside the database that was never written
   * reads as zeros.
   *
   * @throws {BatonError} `ERR_FENCE_MISMATCH`: `generation` is not the current one, or `headTxid` was given and is not
   * the current head. `ERR_NOT_FOUND`: the actor was never started. `ERR_INVALID_ARG`, `ERR_OUT_OF_RANGE`,
   * `ERR_TOO_LARGE`, `ERR_UNAVAILABLE`, `ERR_CORRUPT`, `ERR_ABORTED`, `ERR_CLOSED`.
   */
  getPages(actorId: string, request: GetPagesRequest): Promise<PageSet>;

  /**
   * Writes pages as one atomic transaction of any size.
   *
   * The pages' bytes are copied before the call returns. If the store was opened with `durability: 'strict'` (the
   * default), a commit that has resolved survives `kill -9` and a power loss.
   *
   * @returns The new head. Pass it as the `headTxid` of the next commit.
   * @throws {BatonError}
   * - `ERR_FENCE_MISMATCH`: the actor has another owner (the `held` and `current` generations differ), or the head has
   *   moved (`heldHeadTxid` and `currentHeadTxid` differ). Nothing was written. Not retryable: this owner must discard
   *   its state.
   * - `ERR_COMMIT_UNKNOWN`: the answer was lost and could not be recovered. The commit may or may not have taken place.
   * - `ERR_NOT_FOUND`: the actor was never started, or it was deleted.
   * - `ERR_INVALID_ARG`: also when pages have different or invalid lengths, or a page is given twice.
   * - `ERR_OUT_OF_RANGE`, `ERR_TOO_LARGE`, `ERR_QUOTA_EXCEEDED`, `ERR_UNAVAILABLE`, `ERR_CORRUPT`, `ERR_ABORTED`,
   *   `ERR_CLOSED`.
   */
  commit(actorId: string, request: CommitRequest): Promise<{ txid: bigint }>;

  /**
   * Returns the state of an actor without taking it over, or `undefined` if the actor does not exist. With
   * `{ history: true }` it also says what the actor's past holds.
   *
   * @throws {BatonError} `ERR_INVALID_ARG`, `ERR_UNAVAILABLE`, `ERR_CORRUPT`, `ERR_ABORTED`, `ERR_CLOSED`.
   */
  stat(
    actorId: string,
    options: StatOptions & { history: true },
  ): Promise<(Meta & { history: ActorHistory }) | undefined>;
  stat(actorId: string, options?: StatOptions & { history?: false }): Promise<Meta | undefined>;
  stat(actorId: string, options: StatOptions): Promise<(Meta & { history?: ActorHistory }) | undefined>;

  /**
   * Adds up what the past of the store's actors holds, see {@link History}. Of an actor without history it reads one
   * row, of the others every row: it takes as long as reading all history once. It needs little memory, and on
   * FoundationDB no transaction reads more than 8 MB. Nothing is locked; actors may commit meanwhile.
   *
   * @example
   * ```ts
   * const { bytes, largest } = await store.historyUsage();
   * console.log(`${bytes} bytes of history, most of them of ${largest[0]?.actorId}`);
   * ```
   * @throws {BatonError} `ERR_INVALID_ARG`, `ERR_UNAVAILABLE`, `ERR_CORRUPT`, `ERR_ABORTED`, `ERR_CLOSED`.
   */
  historyUsage(options?: HistoryUsageOptions): Promise<HistoryUsage>;

  /**
   * Lists actors in the byte order of their ids. Without a `limit` the list holds every actor. For more than a few
   * thousand, prefer {@link Store.actors}.
   *
   * @throws {BatonError} `ERR_INVALID_ARG`, `ERR_OUT_OF_RANGE`, `ERR_UNAVAILABLE`, `ERR_CORRUPT`, `ERR_CLOSED`.
   */
  list(options?: ListOptions): Promise<ActorEntry[]>;

  /**
   * Iterates over actors in the byte order of their ids, reading 1,000 at a time. An actor that is created or deleted
   * during the iteration may or may not appear. Every other actor appears exactly once.
   *
   * @example
   * ```ts
   * for await (const { actorId } of store.actors({ prefix: 'room-' })) {
   *   console.log(actorId);
   * }
   * ```
   * @throws {BatonError} The same as {@link Store.list}, at the first step of the iteration.
   */
  actors(options?: ListOptions): AsyncGenerator<ActorEntry, void, void>;

  /**
   * Deletes an actor's data, whoever owns it. Its owner stays fenced: if the actor is started again, its generation
   * continues from where it was.
   *
   * An import or a copy may have begun to write an actor that does not exist yet. What it has written is deleted too,
   * whether its process was killed or it is still running (it then ends with `ERR_CONCURRENT_TAKEOVER`). The result is
   * then `false`.
   *
   * @param options With a `generation`, the call is fenced like a commit: it deletes the actor only as its owner.
   * @returns Whether there was an actor to delete.
   * @throws {BatonError} `ERR_FENCE_MISMATCH`: `generation` is not the current one, or `headTxid` is not the current
   * head. `ERR_INVALID_ARG`, `ERR_OUT_OF_RANGE`, `ERR_MIGRATION_INCOMPLETE` (with a `generation`), `ERR_UNAVAILABLE`,
   * `ERR_CLOSED`.
   */
  delete(actorId: string, options?: DeleteOptions): Promise<boolean>;

  /**
   * Gives an actor another id. The actor is taken over, copied page by page to `newActorId` with every page read back
   * and compared, and then deleted under its old id. Its previous owner is fenced for good. Generations and txids start
   * over, and preload hints are not copied. The new id appears with all of its data or not at all. The store needs room
   * for both copies until the end.
   *
   * If the call fails, the actor stays under its old id for its next owner. If the process is killed just before the
   * deletion, both ids have the same pages: delete the old one.
   *
   * @returns The state of the actor under its new id. Start it with {@link Store.openDatabase} or
   * {@link Store.loadStartup}.
   * @throws {BatonError} `ERR_NOT_FOUND`: there is no such actor. `ERR_INVALID_ARG`: both ids are the same, or
   * `newActorId` already has pages. `ERR_CONCURRENT_TAKEOVER`: one of them was started or deleted in the meantime. Also
   * the errors of {@link Store.loadStartup} and {@link Store.copyTo}.
   */
  rename(actorId: string, newActorId: string, options?: RenameOptions): Promise<Meta>;

  /**
   * Creates an actor from a SQLite database file of any valid page size. The import takes the actor over while it
   * reads, so a previous owner is fenced. A new actor is not listed until the whole file is in, and never if the import
   * fails or its process is killed.
   *
   * An empty file is an empty database, as in SQLite. Bytes after the last page are ignored if the header states the
   * size. A truncated file is refused.
   *
   * Bytes given directly are copied when you make the call. Streams and iterables are read only as fast as they are
   * written to the store, at most a few megabytes ahead. The actor is taken over only once the first 100 bytes are a
   * database header. If the stream fails, this call rejects with the stream's error, and nothing becomes visible.
   *
   * @example
   * ```ts
   * const { body } = await fetch('https://example.com/room.sqlite');
   * if (body) await store.importFrom('room-1', body);
   * ```
   * @param file The path of the file, as a string or a `file:` URL; the bytes of a file; or a stream or iterable of
   * bytes. A file must not be in use: one with a hot journal or a WAL beside it is refused.
   * @throws {BatonError} `ERR_INVALID_ARG`: the file is not a SQLite database or is in use, or the actor already has
   * pages and `replace` is not set. `ERR_ABORTED`. `ERR_CONCURRENT_TAKEOVER`, `ERR_FENCE_MISMATCH`: the actor was taken
   * over or deleted in the meantime. `ERR_TOO_LARGE`, `ERR_QUOTA_EXCEEDED`, `ERR_UNAVAILABLE`, `ERR_COMMIT_UNKNOWN`,
   * `ERR_CORRUPT`, `ERR_CLOSED`.
   */
  importFrom(actorId: string, file: ImportSource, options?: ImportOptions): Promise<Meta>;

  /**
   * Writes an actor's database as a SQLite file, from one committed head, without taking the actor over. If you import
   * a file with {@link Store.importFrom} and do not change it, the export is identical byte for byte.
   *
   * A stream is written as fast as it accepts bytes, and then ended. If the export fails, the stream is destroyed or
   * aborted. Some backends keep no older states (FoundationDB, memory). If the actor keeps history ({@link History}),
   * its state is pinned there until it is read, whatever its owner commits. Without history, what fits in one read
   * (4 MiB) is exported all the same; of more, a commit by the owner during an export to a stream ends the export with
   * `ERR_UNAVAILABLE`, and an export to a file starts over, up to eight times.
   *
   * @param file The path of the file to write, as a string or a `file:` URL, or a stream. Until the file is complete
   * and on disk it has the suffix `.baton-partial`, and only this user can read it. If the process is killed, the next
   * export to the same path removes the partial file. An existing file is refused unless `overwrite: true` is set. It
   * is then replaced and keeps its mode. One case is refused even then, because the path is surely a mistake: a file in
   * the store's own directory that is not a SQLite file. A new file gets its mode from the umask.
   * @returns The state of the actor that the file holds.
   * @throws {BatonError} `ERR_NOT_FOUND`, `ERR_INVALID_ARG` (also if the file already exists), `ERR_ABORTED`,
   * `ERR_UNAVAILABLE`, `ERR_CORRUPT`, `ERR_CLOSED`. Errors of a stream are passed on unchanged.
   */
  exportTo(actorId: string, file: ExportTarget, options?: ExportOptions): Promise<Meta>;

  /**
   * Returns an actor's database as the bytes of a SQLite file, from one committed head, without taking the actor over.
   * The bytes are those that {@link Store.exportTo} writes. For an actor without pages the result is empty. To include
   * the changes of a transaction that is still open, see {@link Database.serialize}.
   *
   * @throws {BatonError} `ERR_TOO_LARGE`: there is not enough memory. `ERR_NOT_FOUND`, `ERR_INVALID_ARG`,
   * `ERR_ABORTED`, `ERR_UNAVAILABLE`, `ERR_CORRUPT`, `ERR_CLOSED`.
   */
  serialize(actorId: string, options?: SerializeOptions): Promise<Uint8Array>;

  /**
   * Creates an actor from the data that rivetkit v1 kept for it: a SQLite file, stored as rows of the actor's own
   * key-value store. See docs/migration.md.
   *
   * The actor is reserved as soon as the call is made: {@link Store.loadStartup} rejects with
   * `ERR_MIGRATION_INCOMPLETE` until the import has ended, and a half-imported database is never visible. SQLite
   * replays a hot rollback journal, and `PRAGMA quick_check` must then pass. If the call fails, the actor is left as it
   * was. If the process dies, the actor stays reserved for the next import. That import starts over 60 s after the last
   * sign of life of the first one, or at once after {@link Store.invalidateV1Migration}.
   *
   * If an import of this actor has already finished, the actor is left alone: the call returns its state and does not
   * read `entries`.
   *
   * @param entries The key and value of each entry, in any order. Keys that do not belong to v1's SQLite files (those
   * begin with the byte 8) are skipped. Each entry is copied before the next one is requested.
   * @returns The state of the actor; `origin` is `'migrated-from-v1'`. Start it with {@link Store.loadStartup}.
   * @throws {BatonError}
   * - `ERR_CONCURRENT_TAKEOVER`: the actor was started without an import; or, during this import, another import,
   *   {@link Store.invalidateV1Migration} or {@link Store.delete} intervened.
   * - `ERR_MIGRATION_INCOMPLETE`: another import of this actor is in progress, or was less than 60 s ago.
   * - `ERR_INVALID_ARG`: the entries are not a v1 database: there is no size; a chunk is missing, duplicate or too
   *   long; there is a write-ahead log; the layout is different; or it is not a SQLite file.
   * - `ERR_TOO_LARGE`: the database or its journal is larger than 128 MiB.
   * - `ERR_CORRUPT`: `quick_check` finds the database damaged.
   * - `ERR_COMMIT_UNKNOWN`: it is not known yet whether the import took place. Make the same call again to find out.
   * - `ERR_ABORTED`, `ERR_QUOTA_EXCEEDED`, `ERR_UNAVAILABLE`, `ERR_CLOSED`. Errors that `entries` throws are passed on
   *   unchanged.
   */
  migrateV1(
    actorId: string,
    entries: AsyncIterable<V1Entry> | Iterable<V1Entry>,
    options?: MigrateOptions,
  ): Promise<Meta>;

  /**
   * Reserves an actor for a later import of v1 data, so that it cannot be started. It stays reserved until
   * {@link Store.migrateV1} has ended or {@link Store.delete} frees it. Remains of an earlier import are removed.
   *
   * @returns The state of the actor: `origin` is `'migrating-from-v1'`.
   * @throws {BatonError} `ERR_CONCURRENT_TAKEOVER`: the actor has data of its own, or a finished import.
   * `ERR_MIGRATION_INCOMPLETE`: an import of it is in progress. `ERR_INVALID_ARG`, `ERR_UNAVAILABLE`, `ERR_CORRUPT`,
   * `ERR_QUOTA_EXCEEDED`, `ERR_CLOSED`.
   */
  prepareV1Migration(actorId: string): Promise<Meta>;

  /**
   * Resets an unfinished import of v1 data that has begun to write, so that the next import need not wait for its
   * lease. Call it as the actor's new owner, when you know that the earlier importer is gone. If it is not gone, it can
   * write nothing any more and fails with `ERR_CONCURRENT_TAKEOVER`. The actor stays reserved for an import.
   *
   * @returns Whether there was such an import. If there is no data, no import, a finished import, or one that was only
   * prepared, the result is `false` and nothing changes. The data of an actor without an import is never touched.
   * @throws {BatonError} `ERR_INVALID_ARG`, `ERR_UNAVAILABLE`, `ERR_CORRUPT`, `ERR_QUOTA_EXCEEDED`, `ERR_CLOSED`.
   */
  invalidateV1Migration(actorId: string): Promise<boolean>;

  /**
   * Copies an actor to another store, or to another id in the same store, page by page, from one committed head. The
   * source is only read, with the exception below. The target actor is taken over, and the copy becomes visible there as one commit or not at
   * all: a new actor is not listed in the target until the copy is complete, and never if the copy fails, is aborted or
   * its process is killed. Generations and txids start over in the target, and preload hints are not copied. The copy
   * holds only a few megabytes in memory, whatever the size.
   *
   * A store in a directory keeps the head being copied until the copy ends, so the owner can keep committing. The file
   * grows by what is written in the meantime, so `onProgress` should not take long. FoundationDB and memory do not keep
   * a head for that long: if the head moves, the copy starts over, up to eight times. If the actor keeps history
   * ({@link History}), it starts over once: the copy then reads a state that it pins in the source until it ends.
   *
   * @param target Another open store of any kind. Without `as`, a store on the same directory, or on the same prefix of
   * the same cluster, is refused; with `as`, any open store will do.
   * @throws {BatonError} `ERR_NOT_FOUND`: the actor does not exist in the source. `ERR_INVALID_ARG`: it already has
   * pages in the target and `replace` is not set, or the target is the actor itself. `ERR_UNAVAILABLE`: also when the
   * source actor committed so often that no copy could finish. `ERR_CONCURRENT_TAKEOVER`, `ERR_FENCE_MISMATCH`: the
   * target actor was taken over or deleted in the meantime. `ERR_CORRUPT`: a row is damaged, or `verify` finds that the
   * target differs from what was read. `ERR_MIGRATION_INCOMPLETE`, `ERR_TOO_LARGE`, `ERR_QUOTA_EXCEEDED`,
   * `ERR_COMMIT_UNKNOWN`, `ERR_ABORTED`, `ERR_CLOSED`.
   */
  copyTo(actorId: string, target: Store, options?: CopyOptions): Promise<CopyResult>;

  /**
   * Whether another open store is the same one: the same directory, by whatever path, or the same prefix of the same
   * cluster. Stores in memory are the same only if they are the same object.
   *
   * @throws {BatonError} `ERR_INVALID_ARG`. This method throws; it does not return a promise.
   */
  isSameAs(other: Store): boolean;

  /**
   * Describes what is stored for an actor, by kind of row, without taking it over. The result is `undefined` if nothing
   * is stored. It also covers deleted and damaged actors: problems are listed, not thrown. It reads every row of the
   * actor.
   *
   * @throws {BatonError} `ERR_INVALID_ARG`, `ERR_UNAVAILABLE`: also when the actor kept committing. `ERR_CLOSED`.
   */
  inspect(actorId: string): Promise<Inspection | undefined>;

  /**
   * Reads and checks every row: its version, checksum and size, and whether all rows are consistent with each other.
   * With `deep` it also runs SQLite's `PRAGMA integrity_check` on each database. What needs a function or collation in
   * JavaScript is not checked: a warning names the table. It takes nothing over and changes
   * nothing, and owners can keep working. An actor whose head moved at every attempt is listed as busy.
   *
   * Problems are listed in the report, not thrown.
   *
   * @example
   * ```ts
   * const { ok, problems } = await store.verify({ onProgress: ({ actors }) => console.log(`${actors} actors`) });
   * ```
   * @throws {BatonError} `ERR_INVALID_ARG`, `ERR_UNAVAILABLE`, `ERR_ABORTED`, `ERR_CLOSED`.
   */
  verify(options?: VerifyOptions): Promise<VerifyReport>;

  /**
   * Takes over an actor, as {@link Store.loadStartup} does, and opens its pages as a SQLite database.
   *
   * **Losing a race is a result here, too**: `database.startup.outcome` is then `'lost'`. Such a database shares its
   * generation with the winner and works as long as only one of the two commits. The next commit of the other one fails
   * with `ERR_FENCE_MISMATCH`. Close the database unless you know that the winner is gone.
   *
   * Close a database when its actor stops: the store keeps it open until then. When a worker thread ends, for whatever
   * reason, its databases end too: running calls are interrupted, and open transactions are rolled back.
   *
   * @example
   * ```ts
   * await using db = await store.openDatabase('room-1', { onFenced: () => actor.stop() });
   * await db.exec('CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, text TEXT NOT NULL)');
   * const { lastInsertRowid } = await db.run('INSERT INTO messages (text) VALUES (?)', ['hello']);
   * const messages = await db.all('SELECT id, text FROM messages ORDER BY id DESC LIMIT 10');
   * ```
   * @param actorId 1 to 256 bytes of UTF-8. Any characters except lone surrogates.
   * @throws {BatonError} The same as {@link Store.loadStartup}. With `readOnly` also `ERR_NOT_FOUND`.
   */
  openDatabase(actorId: string, options?: DatabaseOptions): Promise<Database>;

  /**
   * Checks whether the store answers, and how fast. It reads the store's own row once, as every operation on a cluster
   * must.
   *
   * @throws {BatonError} `ERR_UNAVAILABLE`: the store does not answer; on a cluster after `foundationdb.timeoutMs`.
   * `ERR_CORRUPT`: the row is damaged or gone. `ERR_INVALID_ARG`, `ERR_ABORTED`, `ERR_CLOSED`.
   */
  ping(options?: PingOptions): Promise<PingResult>;

  /**
   * Returns the health of the backend. A store on this machine is healthy as long as it is open. A cluster is asked. It
   * answers even while it accepts no transactions. A cluster that cannot be reached is reported as not `available`,
   * after about two seconds.
   *
   * @throws {BatonError} `ERR_UNAVAILABLE`: there was no answer within `foundationdb.timeoutMs`. `ERR_CLOSED`.
   */
  status(): Promise<StoreStatus>;

  /**
   * Returns what this store has done since it was opened and its current state, in numbers. It only reads memory and
   * returns at once. After {@link Store.close} it keeps returning the last numbers, so a last scrape while the process
   * ends does not fail.
   *
   * The numbers belong to this object. Another `Store` has its own, even on the same directory, in another worker or in
   * another process. `docs/observability.md` says what each number means and what to alert on.
   *
   * @example
   * ```ts
   * const metrics = store.metrics();
   * console.log(metrics.startups.lost, metrics.cache.hits);
   * response.end(metrics.toPrometheus({ labels: { store: 'rooms' } }));
   * ```
   */
  metrics(): StoreMetrics;

  /**
   * Closes the store's open databases, waits for the calls in progress, then closes the store. Later calls reject with
   * `ERR_CLOSED`. Calling `close` again has no further effect and settles like the first call.
   *
   * @throws {BatonError} An error that {@link Database.close} throws for one of the databases. The store is closed even
   * then.
   */
  close(): Promise<void>;

  /** {@link Store.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface Store extends History {}

/** The distribution of values. In JSON the last bound, `Infinity`, becomes `null`. */

export interface ListOptions {
  /**
   * Only ids that begin with this.
   *
   * @default ''
   */
  prefix?: string;
  /** Only ids after this one, in byte order. Pass the last id of the previous list to continue. */
  after?: string;
  /** The maximum number of actors, 1 to 4294967295. By default all. */
  limit?: number;
}

/** An actor in a list. */

export interface ActorEntry {
  actorId: string;
}

/** An entry of an actor's key-value store, as rivetkit v1 keeps it. */

export interface DeleteOptions {
  /** The generation from the start. Nothing is deleted if the actor has been taken over since. */
  generation?: bigint;
  /** The last head seen, together with `generation`. Nothing is deleted if there was a commit since. */
  headTxid?: bigint;
}

/** Options of {@link Store.rename}. */

/// <reference lib="esnext.disposable" />

/**
 * The store, which holds actors, and the SQLite database of each actor.
 *
 * @module batondb
 */

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
   * Returns the state of an actor without taking it over, or `undefined` if the actor does not exist.
   *
   * @throws {BatonError} `ERR_INVALID_ARG`, `ERR_UNAVAILABLE`, `ERR_CORRUPT`, `ERR_CLOSED`.
   */
  stat(actorId: string): Promise<Meta | undefined>;

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
   * aborted. Some backends keep no older states (FoundationDB, memory). On these, a commit by the actor's owner during
   * an export to a stream ends the export with `ERR_UNAVAILABLE`, unless everything fits in one read (4 MiB). An export
   * to a file starts over instead.
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
   * source is only read. The target actor is taken over, and the copy becomes visible there as one commit or not at
   * all: a new actor is not listed in the target until the copy is complete, and never if the copy fails, is aborted or
   * its process is killed. Generations and txids start over in the target, and preload hints are not copied. The copy
   * holds only a few megabytes in memory, whatever the size.
   *
   * A store in a directory keeps the head being copied until the copy ends, so the owner can keep committing. The file
   * grows by what is written in the meantime, so `onProgress` should not take long. FoundationDB and memory do not keep
   * a head for that long: if the head moves, the copy starts over, up to eight times.
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
   * With `deep` it also runs SQLite's `PRAGMA integrity_check` on each database. It takes nothing over and changes
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

/** The distribution of values. In JSON the last bound, `Infinity`, becomes `null`. */
export interface Histogram {
  /** The number of values. */
  count: number;
  /** Their sum, in the unit at the end of the histogram's name. */
  sum: number;
  /**
   * For each bound, the number of values less than or equal to it, as a running total. The last bound is `Infinity`.
   */
  buckets: { le: number; count: number }[];
}

/** Options of {@link StoreMetrics.toPrometheus}. */
export interface PrometheusOptions {
  /**
   * Labels for every line, to tell stores apart. Names consist of letters, digits and `_`, do not begin with a digit or
   * `__`, and are not labels that a metric already has (`kind`, `le`, `outcome`, `reason`, `state`). Values can be any
   * text.
   */
  labels?: Readonly<Record<string, string>>;
  /**
   * The prefix of the names: letters, digits, `_` and `:`.
   *
   * @default 'baton_'
   */
  prefix?: string;
}

/**
 * The numbers of one {@link Store} at one moment: counts since it was opened, unless marked "now". Counts from
 * different threads may be some nanoseconds apart.
 */
export interface StoreMetrics {
  /** Actor starts: `loadStartup`, `openDatabase`, and the starts of imports. */
  startups: {
    won: number;
    lost: number;
    /** Ended with an error. */
    failed: number;
    /** Pages loaded by starts. */
    pages: number;
    /** From the call to its result, for starts that won. */
    takeoverSeconds: Histogram;
  };
  /** Commits: by `commit`, by SQL, and by imports. */
  commits: {
    /** In one transaction. */
    small: number;
    /** In several transactions. */
    staged: number;
    /** Ended with an error. Failed commits of imports count as failed imports instead. */
    failed: number;
    /** Pages in successful commits. A page written twice in one commit counts twice. */
    pages: number;
    /** The bytes of these pages as received. */
    pageBytes: number;
    /** The bytes of the stored rows, keys included. */
    storedBytes: number;
    smallSeconds: Histogram;
    /** From opening the stage to the end of the commit. */
    stagedSeconds: Histogram;
    /** Abandoned staged commits whose rows this store has removed. */
    rollbacks: number;
  };
  /** Page reads: by `getPages`, and by SQL. */
  reads: { answered: number; pages: number; seconds: Histogram };
  /** Operations that did not succeed at the first attempt. */
  attempts: {
    /** Transactions that conflicted with another one. */
    conflicts: number;
    /** Retried transactions and reads, by reason. */
    retries: { conflict: number; lostAnswer: number; tooOld: number; busy: number };
    /** Transactions whose answer was lost. */
    lostAnswers: {
      /** The call found out whether the transaction took place. */
      resolved: number;
      /** The call could not find out, but the next call on its database did. */
      resolvedLater: number;
      /**
       * The call could not find out. A commit then fails with `ERR_COMMIT_UNKNOWN`, any other call with
       * `ERR_UNAVAILABLE`.
       */
      unknown: number;
    };
  };
  /** Calls refused with `ERR_FENCE_MISMATCH`, and databases that detected the takeover on their own. */
  fenceMismatches: number;
  /** Deleted actors. */
  deletions: number;
  /** Calls of `importFrom`. */
  imports: { completed: number; failed: number };
  /** Calls of `exportTo` and `store.serialize`. */
  exports: { completed: number; failed: number };
  /** Imports of v1 data. */
  migrations: { completed: number; failed: number; invalidated: number };
  /** Databases opened with `openDatabase`. */
  sql: {
    /** Calls that ran statements or batches, or fetched more rows of an iteration. */
    calls: number;
    /** The time that they ran, without the time in the queue. */
    callSeconds: Histogram;
    /** The number of store reads that each of these calls waited for. */
    callRoundTrips: Histogram;
    /** Calls refused with `ERR_OVERLOADED`. */
    overloaded: number;
    /** Reads of the store, not counting starts. */
    roundTrips: number;
    /** Pages loaded by these reads. */
    pagesFetched: number;
    /** Of these, pages that nothing had asked for yet. */
    pagesReadAhead: number;
    /** Open databases now. */
    openDatabases: number;
    /** Calls waiting in a queue now. */
    waiting: number;
    /** Calls running now. */
    running: number;
    /** Bytes in the page caches of SQLite's connections, now. */
    memoryBytes: number;
  };
  /** The page cache, shared by all databases of the store. */
  cache: {
    hits: number;
    /** Pages that SQLite asked for and that had to be read from the store. */
    misses: number;
    /** Bytes in the cache now. */
    bytes: number;
  };
  /** Pages loaded by the starts of databases. */
  preload: {
    pages: number;
    /** Preloaded pages that SQLite has asked for since. */
    hits: number;
    /** Preloaded pages that SQLite had not asked for by the time their database was closed. */
    wasted: number;
  };
  /** What is waiting now. */
  queues: {
    /**
     * Transactions waiting for the commit thread, from all stores of this process on the same directory. 0 on other
     * backends.
     */
    commit: number;
    /** Actors being cleaned up in the background: rollbacks, trims, sweeps. */
    background: number;
  };
  /** What a store in a directory uses and waits for, now. All zero on other backends. */
  file: {
    /** The size of the store's file in bytes. */
    bytes: number;
    /** Bytes in the file that are free for later writes. */
    freeBytes: number;
    /** Open reads that keep a state alive, in all processes. */
    reads: number;
    /**
     * Seconds for which the oldest state, other than the newest, has been kept. The file grows by what is written in
     * the meantime. If this number keeps rising, a process is suspended or an export was never finished.
     */
    oldestReadSeconds: number;
    /** Commits made since that state. */
    oldestReadCommits: number;
    /** Seconds for which the current writer process has held the write lock. A transaction takes milliseconds. */
    writeTurnSeconds: number;
    /** 1 while this process waits for the write lock, otherwise 0. */
    writeTurnWaiting: number;
    /** Reader slots of dead processes that this process has freed. */
    deadReaders: number;
  };

  /**
   * The same numbers in Prometheus' text format, version 0.0.4. Serve it with the content type `text/plain;
   * version=0.0.4`.
   *
   * @throws {BatonError} `ERR_INVALID_ARG`: a name or a value in the options is invalid.
   */
  toPrometheus(options?: PrometheusOptions): string;
}

/** The store to open. */
export type StoreOptions = EmbeddedStoreOptions | MemoryStoreOptions | FoundationDbStoreOptions;

/** A store in a directory on this machine. */
export interface EmbeddedStoreOptions {
  /**
   * The directory, as a path or a `file:` URL. It is created if it does not exist. Relative paths start at the working
   * directory.
   */
  path: string | URL;
  /**
   * Whether to create the store if it does not exist. With `false`, opening a missing store fails with
   * `ERR_INVALID_ARG`.
   *
   * @default true
   */
  create?: boolean;
  /**
   * What a resolved commit survives. `'strict'`: `kill -9` and a power loss. `'relaxed'`: only `kill -9`. A power loss
   * can then destroy the whole store, so use it for tests and scratch data.
   *
   * @default 'strict'
   */
  durability?: 'strict' | 'relaxed';
  /**
   * The maximum size of the store's file in bytes, 1048576 to 2^46. A commit that would exceed it fails with
   * `ERR_QUOTA_EXCEEDED`. The next write records the limit in the store; processes that do not set one then use it.
   *
   * @default the limit recorded in the store, or else 1 TiB
   */
  maxSizeBytes?: number;
  /**
   * Whether the store is read-only: every call that writes fails with `ERR_READ_ONLY`. The store must already exist.
   * Only lock files are created, and only if the directory is writable. A directory on a read-only mount, a snapshot, a
   * backup or another user's directory will do. Open databases with {@link DatabaseOptions.readOnly}.
   *
   * @default false
   */
  readOnly?: boolean;
  /**
   * The permissions of new files, as `chmod` takes them, such as `0o660`; at least `0o600`. A new directory gets them
   * too, plus the permission to enter it. Not on Windows.
   *
   * @default those of the directory, without the execute bits
   */
  mode?: number;
  /**
   * The memory for pages of SQL databases in bytes, shared by all databases of the store.
   *
   * @default 67108864
   */
  cacheBytes?: number;
  memory?: undefined;
  foundationdb?: undefined;
}

/** A store in memory, which is gone when it is closed. Each open call creates a separate store. */
export interface MemoryStoreOptions {
  memory: true;
  /**
   * The memory for pages of SQL databases in bytes, shared by all databases of the store.
   *
   * @default 67108864
   */
  cacheBytes?: number;
  create?: undefined;
  path?: undefined;
  foundationdb?: undefined;
}

/**
 * A store on a FoundationDB cluster (7.3 or later), shared by many machines. It needs FoundationDB's client library on
 * this machine. The library is loaded when the first such store is opened. `docs/foundationdb.md` says how to install
 * and run it.
 */
export interface FoundationDbStoreOptions {
  foundationdb: {
    /**
     * The prefix of the store's keys: 1 to 256 bytes of UTF-8. Stores with different prefixes are separate, even in the
     * same cluster and even if one prefix is the beginning of the other.
     */
    prefix: string;
    /**
     * The path of the cluster file. Relative paths start at the working directory. The client rewrites this file when
     * the coordinators change, so the file and its directory should be writable.
     *
     * @default where the client looks: `FDB_CLUSTER_FILE`, `./fdb.cluster`, the system's
     */
    clusterFile?: string | URL;
    /**
     * The path of the client library, `libfdb_c`. A process can load only one, so all its stores share it.
     *
     * @default `FDB_CLIENT_LIBRARY`, then the paths of the system's loader and of FoundationDB's packages
     */
    clientLibrary?: string | URL;
    /**
     * How long a call that needs one transaction may take, in milliseconds, 100 to 600000. It includes waiting for the
     * cluster, retries after conflicts, and finding out what became of a commit whose answer was lost. Each transaction
     * gets a third of it, so if the cluster is away, the call fails with `ERR_UNAVAILABLE` after that time. Calls that
     * need many transactions (large commits, imports, long reads) may go on for as long as each transaction makes
     * progress.
     *
     * @default 30000
     */
    timeoutMs?: number;
    /**
     * The maximum number of retries per call, 0 to 1000.
     *
     * @default 63
     */
    retryLimit?: number;
    /**
     * The maximum number of bytes that one transaction writes, 100000 to 5000000. Larger commits take several
     * transactions and become visible as one.
     *
     * @default 1000000
     */
    transactionBytes?: number;
  };
  /**
   * The memory for pages of SQL databases in bytes, shared by all databases of the store.
   *
   * @default 67108864
   */
  cacheBytes?: number;
  /**
   * Whether to create the store if it does not exist. With `false`, opening a missing store fails with
   * `ERR_INVALID_ARG`.
   *
   * @default true
   */
  create?: boolean;
  path?: undefined;
  memory?: undefined;
}

/** Options of {@link Store.loadStartup}. */
export interface LoadStartupOptions {
  /**
   * The W3C trace context of the call, such as `'00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'`. Log records
   * of the call carry its ids. Any other format is refused with `ERR_INVALID_ARG`.
   */
  traceparent?: string;
  /** The pages to load. By default only page 1. */
  preload?: Preload;
  /** See {@link GetPagesRequest.signal}. */
  signal?: AbortSignal;
}

/**
 * The pages that a {@link Startup} returns. Page 1 always comes, then the chosen pages in ascending order until
 * `maxBytes` is used up, then the hinted ones. Pages past the end of the database are left out.
 */
export interface Preload {
  /** Single page numbers, each 1 to 4294967295. */
  pages?: readonly number[] | Uint32Array;
  /** Ranges of pages from `start` up to but not including `end`, each 1 to 4294967295. */
  ranges?: readonly { start: number; end: number }[];
  /**
   * Whether to include pages that earlier databases of this actor needed soon after their start, as far as `maxBytes`
   * allows. With {@link Store.openDatabase} it also says whether this database records its own pages for the next
   * start. An actor that was only used page by page has no hints.
   *
   * @default true
   */
  hints?: boolean;
  /**
   * The maximum number of bytes of pages, 0 to 4294967295.
   *
   * @default 1048576
   */
  maxBytes?: number;
}

/** The result of {@link Store.loadStartup}. */
export interface Startup {
  /** Whether this call raised the generation. Only if it is `'won'` does the caller own the actor. */
  outcome: 'won' | 'lost';
  /** The generation. If won, the one that the caller now holds; if lost, the other owner's. */
  generation: bigint;
  /** The state of the actor. */
  meta: Meta;
  /** The preloaded pages. None if lost. */
  pages: PageSet;
}

/** The state of an actor at one moment. */
export interface Meta {
  /** Raised by each takeover, starting at `1n`. */
  generation: bigint;
  /** The last commit; `0n` before the first. */
  headTxid: bigint;
  /** The size of the database in pages. 0 for a new actor. */
  sizePages: number;
  /** The size of a page in bytes. 4096 for a database without pages. */
  pageSize: number;
  /** When the actor was first started. */
  createdAt: Date;
  /** Where its data came from. */
  origin: 'native' | 'migrating-from-v1' | 'migrated-from-v1';
}

/** The pages to read. */
export interface GetPagesRequest {
  /** See {@link LoadStartupOptions.traceparent}. */
  traceparent?: string;
  /** The generation that the caller holds. */
  generation: bigint;
  /** The page numbers, each 1 to 4294967295, in any order. */
  pages: readonly number[] | Uint32Array;
  /** The head that the pages must come from. By default the current one. */
  headTxid?: bigint;
  /**
   * If aborted before the call, the call rejects with `ERR_ABORTED` and does nothing. If aborted later, the call
   * rejects at once with `ERR_ABORTED`, but the operation is not undone and may still take effect.
   */
  signal?: AbortSignal;
}

/** The pages to write. */
export interface CommitRequest {
  /** See {@link LoadStartupOptions.traceparent}. */
  traceparent?: string;
  /** The generation that the caller holds. */
  generation: bigint;
  /** The head that this commit builds on: the one from the start, then that of the previous commit. */
  headTxid: bigint;
  /** The size of the database after the commit, in pages, 0 to 4294967295. Pages beyond it are dropped. */
  sizePages: number;
  /** The changed pages, in any order. Each page may appear only once. */
  pages: readonly PageWrite[];
  /** See {@link GetPagesRequest.signal}. An abort never means that nothing was committed. */
  signal?: AbortSignal;
}

/** A page to write. */
export interface PageWrite {
  /** The page number, 1 to 4294967295. */
  page: number;
  /**
   * The page's bytes, as long as the actor's page size. While the database is empty, a commit sets the page size: a
   * power of two from 512 to 65536, the same for all its pages.
   */
  data: ArrayBufferView;
}

/** Which actors to list. */
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
export interface V1Entry {
  key: ArrayBufferView | ArrayBuffer;
  value: ArrayBufferView | ArrayBuffer;
}

/** Options of {@link Store.migrateV1}. */
export interface MigrateOptions {
  /** Ends the import between two entries. The actor is then as it was before. */
  signal?: AbortSignal;
}

/** Options of {@link Store.importFrom}. */
export interface ImportOptions {
  /**
   * Whether to replace the pages of an actor that already has some. By default such an actor is refused.
   *
   * @default false
   */
  replace?: boolean;
  /**
   * Ends an import of a stream or of bytes with `ERR_ABORTED`; nothing becomes visible. With a file it only ends the
   * waiting, and the import may still take effect.
   */
  signal?: AbortSignal;
}

/** Bytes, in any kind of view or buffer. */
export type BytesLike = ArrayBufferView | ArrayBufferLike;

/** What {@link Store.importFrom} takes: a path, the bytes of a database, or a stream of them. */
export type ImportSource =
  string | URL | BytesLike | ReadableStream<BytesLike> | AsyncIterable<BytesLike> | Iterable<BytesLike>;

/** What {@link Store.exportTo} takes: a path or a stream. */
export type ExportTarget = string | URL | NodeJS.WritableStream | WritableStream<Uint8Array>;

/** Options of {@link Store.exportTo}. */
export interface ExportOptions {
  /**
   * Whether to replace an existing file. By default an existing file is refused. Not for streams.
   *
   * @default false
   */
  overwrite?: boolean;
  /**
   * Ends an export to a stream with `ERR_ABORTED`; the stream is then destroyed or aborted. With a file it only ends
   * the waiting, and the file may still appear.
   */
  signal?: AbortSignal;
}

/** Options of {@link Store.serialize}. */
export interface SerializeOptions {
  /** Ends the call with `ERR_ABORTED`. */
  signal?: AbortSignal;
}

/** Options of {@link Store.copyTo}. */
export interface CopyOptions {
  /**
   * The id of the copy.
   *
   * @default the same
   */
  as?: string;
  /**
   * Whether to replace the pages that the actor already has in the target. By default such an actor is refused.
   *
   * @default false
   */
  replace?: boolean;
  /**
   * Whether to read back every page from the target, before the copy becomes visible, and compare it with what was read
   * from the source. If a page differs, the copy is rolled back and fails with `ERR_CORRUPT`. The comparison is with
   * the head being copied, whatever the owner commits in the meantime.
   *
   * @default false
   */
  verify?: boolean;
  /** Ends the copy between two steps: it rejects with `ERR_ABORTED`, and what was written is rolled back. */
  signal?: AbortSignal;
  /**
   * Called after the target was taken over and before anything is written, and then after each step of a few megabytes.
   * If it returns a promise, the copy waits for it.
   */
  onProgress?: (progress: CopyProgress) => unknown;
}

/** What the owner of an actor passes to delete it. */
export interface DeleteOptions {
  /** The generation from the start. Nothing is deleted if the actor has been taken over since. */
  generation?: bigint;
  /** The last head seen, together with `generation`. Nothing is deleted if there was a commit since. */
  headTxid?: bigint;
}

/** Options of {@link Store.rename}. */
export type RenameOptions = Pick<CopyOptions, 'signal' | 'onProgress'>;

/** The progress of a copy. */
export interface CopyProgress {
  actorId: string;
  /** The state being read. */
  source: Meta;
  /** The state of the target before the copy, with the generation that the copy holds. */
  target: Meta;
  /**
   * Pages processed so far. It starts over at 0 if the source's head moves and the backend does not keep the old one.
   */
  pagesDone: number;
  /** Pages read back so far, with `verify`; otherwise 0. */
  pagesVerified: number;
  /** The total number of pages. */
  pages: number;
}

/** The result of {@link Store.copyTo}. */
export interface CopyResult {
  /** The state that was copied. */
  source: Meta;
  /** The state of the copy. */
  target: Meta;
}

/** What to verify. */
export interface VerifyOptions {
  /** Only this actor. */
  actorId?: string;
  /** Only actors whose ids begin with this. Cannot be combined with `actorId`. */
  prefix?: string;
  /**
   * Whether SQLite checks each database. Pages that are not a database are skipped.
   *
   * @default true
   */
  deep?: boolean;
  /** Ends the verification between two steps: it rejects with `ERR_ABORTED`. */
  signal?: AbortSignal;
  /** Called after each step of a few megabytes, and after each actor. */
  onProgress?: (progress: VerifyProgress) => void;
}

/** The progress of a verification. */
export interface VerifyProgress {
  /** The actor that was just finished. */
  actorId?: string;
  /** Actors checked so far, deleted ones included. */
  actors: number;
  /** Databases checked by SQLite. */
  databases: number;
  /** Rows read. */
  rows: number;
  /** Bytes of their keys and values. */
  bytes: number;
  /** Problems found. */
  problems: number;
}

/** The result of {@link Store.verify}. */
export interface VerifyReport {
  /** Whether there is no problem of severity `'error'`. */
  ok: boolean;
  /** Actors checked, deleted ones included. */
  actors: number;
  /** Databases checked by SQLite. */
  databases: number;
  /** Rows read. */
  rows: number;
  /** Bytes of their keys and values. */
  bytes: number;
  /** The problems found: at most 1,000 per actor and 10,000 in total. */
  problems: Problem[];
  /** The number of problems left out. */
  problemsOmitted: number;
  /** Actors that kept committing, so that they could not be checked. */
  busy: string[];
}

/** A problem that verification found. */
export interface Problem {
  /** The actor concerned. Absent if the row belongs to no actor. */
  actorId?: string;
  /** The kind of row, or `'integrity'` for a problem that SQLite found. */
  kind: 'store' | 'fence' | 'head' | 'page' | 'stage' | 'hints' | 'unknown' | 'integrity';
  /** The page number, if the row is a page. */
  page?: number;
  /** The commit that wrote it. */
  txid?: bigint;
  /** `'error'`: data is damaged or will be. `'warning'`: something is left over or ignored, but no data is lost. */
  severity: 'error' | 'warning';
  /** A description for people. */
  detail: string;
}

/** What is stored for an actor. */
export interface Inspection {
  /** Who owns the actor. Absent if the row is absent or damaged. */
  fence?: {
    generation: bigint;
    /** The generation of the start that created the actor. Above 1 if the id was deleted before. */
    firstGeneration: bigint;
    /** Whether this row is what a deletion left behind. */
    deleted: boolean;
    origin: Meta['origin'];
    createdAt: Date;
  };
  /** What is committed. Absent before the first commit, or if the row is damaged. */
  head?: {
    txid: bigint;
    nextTxid: bigint;
    sizePages: number;
    pageSize: number;
    /**
     * A commit of several transactions that is in progress, or that an owner left behind. `doomed`: whether it was
     * aborted.
     */
    openStage?: { txid: bigint; doomed: boolean };
    /** Whether older versions of pages still have to be removed. */
    unswept: boolean;
    /** Pages above this number may have rows from a larger size that still have to be removed. */
    untrimmedAbove?: number;
    /** How many commits the row records, so that lost answers can be resolved. */
    recentCommits: number;
  };
  rows: {
    fence: RowCount;
    head: RowCount;
    /** Pages that a reader sees. */
    pagesLive: RowCount;
    /** Older versions of these pages. */
    pagesSuperseded: RowCount;
    /** Pages of the open stage. */
    pagesStaged: RowCount;
    /** Pages beyond the size. */
    pagesBeyond: RowCount;
    manifests: RowCount;
    hints: RowCount;
    /** Rows that belong to nothing. */
    stray: RowCount;
  };
  /** Pages inside the size that have no row. They read as zeros. */
  pagesNeverWritten: number;
  problems: Problem[];
  /** The number of problems left out. */
  problemsOmitted: number;
}

/** The number and size of the rows of one kind. */
export interface RowCount {
  rows: number;
  keyBytes: number;
  valueBytes: number;
}

/** Options of {@link Store.ping}. */
export interface PingOptions {
  /** See {@link GetPagesRequest.signal}. */
  signal?: AbortSignal;
}

/** The result of {@link Store.ping}. */
export interface PingResult {
  /** How long the read took in the addon, in milliseconds, failed attempts included. */
  latencyMs: number;
}

/** The result of {@link Store.status}. */
export interface StoreStatus {
  backend: 'embedded' | 'memory' | 'foundationdb';
  /** Whether transactions are possible now. */
  available: boolean;
  /** Whether nothing needs attention. */
  healthy: boolean;
  /** What needs attention, in the backend's words. */
  messages: string[];
  /** With the backend `'foundationdb'`: what the cluster reports about itself. */
  foundationdb?: FoundationDbStatus;
}

/**
 * A selection from FoundationDB's machine-readable status (https://apple.github.io/foundationdb/mr-status.html), and
 * the full document. Fields that this release of FoundationDB does not report, or that a cluster in trouble does not
 * know, are absent.
 */
export interface FoundationDbStatus {
  /** The client library in use: its path, or the name under which the system found it. */
  clientLibrary: string;
  /** Its version, such as `'7.3.79'`. */
  clientVersion: string;
  /** The version of a server. */
  clusterVersion?: string;
  /** The path of the cluster file in use. */
  clusterFile?: string;
  /** The coordinators named in the cluster file, and whether this client can reach them. */
  coordinators: { address: string; reachable: boolean }[];
  /** Whether an operator, a restore or a switch-over has locked the database. No transactions are then accepted. */
  locked: boolean;
  /** `'fully_recovered'` when all is well. */
  recoveryState?: string;
  /** `'healthy'` when all copies of the data are there. */
  dataState?: string;
  /** The number of server processes. */
  processes: number;
  /** The last measurements of the cluster's own probe, in milliseconds. */
  latencyMs: { readVersion?: number; read?: number; commit?: number };
  /** What limits the rate of transactions. `'workload'` if nothing in the cluster does. */
  limitedBy?: string;
  /** The full document, parsed. Its schema is FoundationDB's and changes between versions. */
  json: unknown;
}

/**
 * Pages of one committed head, in one buffer.
 *
 * @example
 * ```ts
 * for (const [page, bytes] of set) {
 *   cache.set(page, bytes);
 * }
 * ```
 */
export declare class PageSet implements Iterable<[number, Uint8Array]> {
  private constructor();
  /** The number of pages. */
  readonly size: number;
  /** All pages, one after the other, in the order of `pages`. */
  readonly data: Uint8Array;
  /** The page numbers, in ascending order. */
  readonly pages: Uint32Array;
  /** The head that all pages come from. */
  readonly headTxid: bigint;
  /** The size of a page in bytes. */
  readonly pageSize: number;
  /**
   * The bytes of a page, or `undefined` if it is not in the set. They are a view of `data`, not a copy: keeping one
   * view keeps the whole buffer in memory, and writing to it writes to `data`.
   */
  get(page: number): Uint8Array | undefined;
  /** Whether a page is in the set. */
  has(page: number): boolean;
  /** The page numbers, in ascending order. */
  keys(): IterableIterator<number>;
  /** Page numbers and bytes, in ascending order. */
  [Symbol.iterator](): Generator<[number, Uint8Array], void, undefined>;
}

/** Options of {@link Store.openDatabase}. */
export interface DatabaseOptions {
  /**
   * Whether the database is read-only and leaves the actor to its owner: it raises no generation, writes nothing, and
   * no owner notices it. The actor must exist; otherwise opening rejects with `ERR_NOT_FOUND`.
   *
   * Each statement and each transaction sees one commit from beginning to end. The next one sees the newest commit,
   * even after a takeover. If the actor is deleted, calls reject with `ERR_NOT_FOUND` until it exists again. Statements
   * that would write reject with `SQLITE_READONLY`; temporary tables can be created and written. If a transaction or an
   * iteration needs pages that the owner has replaced in the meantime, it fails with `SQLITE_BUSY`, extended code
   * `SQLITE_BUSY_SNAPSHOT`, which is retryable. A single statement or batch is first rerun automatically.
   *
   * `preload` and `onFenced` are for owners: together with this option they are refused with `ERR_INVALID_ARG`.
   *
   * @default false
   */
  readOnly?: boolean;

  /** See {@link LoadStartupOptions.traceparent}. */
  traceparent?: string;
  /** The pages to load, besides page 1. With the default `hints` it is rarely worth choosing them by hand. */
  preload?: Preload;
  /**
   * Whether to read pages ahead of a scan or of a walk through a b-tree.
   *
   * @default true
   */
  readAhead?: boolean;
  /**
   * How many calls may wait in the queue, 1 to 4294967295. Further calls reject with `ERR_OVERLOADED`.
   *
   * @default 1024
   */
  maxQueuedCalls?: number;
  /**
   * How long a transaction may stay open, in milliseconds, 1 to 2147483647. After that it is rolled back, so that a
   * forgotten or stuck transaction does not block the calls behind it.
   *
   * The limit also applies to a transaction opened by a `BEGIN` or `SAVEPOINT` statement, from the call that left it
   * open. All calls run inside such a transaction, whoever makes them. After the rollback, all calls therefore reject
   * with `ERR_CLOSED` until one executes `ROLLBACK`.
   *
   * @default 30000
   */
  transactionTimeoutMs?: number;
  /**
   * Called once, when this database learns that it has lost the actor. After a takeover it receives the
   * `ERR_FENCE_MISMATCH`; after a deletion it receives the `ERR_NOT_FOUND` with which all calls reject from then on.
   *
   * With this option the database does not wait for its next commit to find out. It asks the store every second, and
   * learns at once of a takeover through the same {@link Store}. An error thrown by the callback is an uncaught
   * exception of the process.
   */
  onFenced?: (error: FenceError) => void;
  /** See {@link GetPagesRequest.signal}. It cancels the opening, not the open database. */
  signal?: AbortSignal;
}

/** How a database was started. */
export interface DatabaseStartup {
  /**
   * `'won'`: opening it raised the generation. Only then does this database own the actor. `'lost'`: another start won.
   * `'read-only'`: it did not try, see {@link DatabaseOptions.readOnly}.
   */
  outcome: 'won' | 'lost' | 'read-only';
  /** The generation. If won, the one that this database holds; otherwise the owner's at that moment. */
  generation: bigint;
  /** The state of the actor when the database was opened. */
  meta: Meta;
  /** How many pages the start loaded. */
  preloadedPages: number;
}

/** A value that can be passed to SQL. See {@link SqlParams}. */
export type SqlParam = null | number | bigint | string | boolean | ArrayBufferView | ArrayBufferLike;

/**
 * The parameters of a statement: an array for `?` and `?1`, a plain object for `:name`, `@name` and `$name`. The
 * object's keys may have the prefix or not. The number of parameters must match the SQL exactly.
 *
 * | JavaScript | SQLite |
 * |---|---|
 * | `null` | NULL |
 * | a safe integer | INTEGER |
 * | any other number: a fraction, `-0`, `Infinity`, 2^53 and above | REAL |
 * | `bigint`, -2^63 to 2^63 - 1 | INTEGER |
 * | `string`, without lone surrogates | TEXT |
 * | `boolean` | INTEGER 1 or 0 |
 * | any `ArrayBufferView`, `ArrayBuffer`, `SharedArrayBuffer` | BLOB |
 *
 * Everything else fails with `ERR_INVALID_ARG`: `undefined` and `NaN` (pass `null`), a `Date` (pass
 * `date.toISOString()` or `date.getTime()`), other objects (pass `JSON.stringify(value)`). A bigint outside its range
 * fails with `ERR_OUT_OF_RANGE`, more than 1,000,000,000 bytes with `ERR_TOO_LARGE`.
 */
export type SqlParams = readonly SqlParam[] | { readonly [name: string]: SqlParam };

/**
 * An object whose properties are all {@link SqlParam}s. A type declared as an interface has no index signature, so it
 * does not match {@link SqlParams}. Methods that take parameters accept it through this type.
 */
export type NamedParams<P> = object & { readonly [Name in keyof P]-?: SqlParam } & {
  readonly [Symbol.iterator]?: never;
  readonly apply?: SqlParam;
};

/**
 * Parameters as an object, for calls that also state the type of rows. TypeScript then does not infer the type of the
 * parameters. Types that are clearly not such an object are refused; values are checked when the call is made.
 */
export interface UncheckedParams {
  valueOf(): object;
  readonly [Symbol.iterator]?: never;
  readonly apply?: SqlParam;
  readonly getTime?: SqlParam;
  readonly slice?: SqlParam;
  readonly then?: SqlParam;
}

/** {@link UncheckedParams} if a type of rows is given; otherwise `never`. */
export type UncheckedParamsFor<Row> = [Row] extends [never] ? never : UncheckedParams;

/** The type of a row for these options. */
export type RowFor<Options> = Options extends { rowMode: 'array' } ? SqlValue[] : SqlRow;

/** A statement of a batch whose parameters may be typed by an interface. */
export type BatchStatementOf<Each> = Each extends string
  ? string
  : Each extends { params: infer P }
    ? { sql: string; params: P extends SqlParams | NamedParams<P> ? P : SqlParams }
    : BatchStatement;

/**
 * A value that SQL returns. An INTEGER is a `number`, or a `bigint` with `readBigInts`. A BLOB is a copy of its own.
 */
export type SqlValue = null | number | bigint | string | Uint8Array;

/** A row as an object. If two columns have the same name, the last one wins. */
export type SqlRow = Record<string, SqlValue>;

/** Options of every SQL call. */
export interface CallOptions {
  /** See {@link LoadStartupOptions.traceparent}. */
  traceparent?: string;
  /**
   * If aborted before the call, the call rejects with `ERR_ABORTED` and does nothing. If aborted later, the call is
   * removed from the queue or interrupted, and rejects with `ERR_ABORTED`. The error's name is `AbortError`, and its
   * `cause` is the signal's reason. If the abort comes too late to stop the call, it has no effect, and the call
   * resolves.
   *
   * A statement that was interrupted has changed nothing. An interrupted write inside a transaction rolls back the
   * whole transaction, as in SQLite.
   */
  signal?: AbortSignal;
  /**
   * How long the call may take, in milliseconds, 1 to 2147483647, including its time in the queue. It then rejects as
   * with `signal`; the `cause` is a `DOMException` named `TimeoutError`. In an iteration the limit applies to each
   * single fetch.
   */
  timeoutMs?: number;
}

/** Options of queries. */
export interface QueryOptions extends CallOptions {
  /**
   * Whether rows are objects by column name, or arrays in column order.
   *
   * @default 'object'
   */
  rowMode?: 'object' | 'array';
  /**
   * Whether all integers are returned as `bigint`. By default an integer outside +-(2^53 - 1) fails with
   * `ERR_OUT_OF_RANGE` when its row is read; a statement that writes has already done so by then.
   *
   * @default false
   */
  readBigInts?: boolean;
}

/** {@link QueryOptions} that ask for rows as arrays. */
export interface ArrayQueryOptions extends QueryOptions {
  rowMode: 'array';
}

/** What a statement changed. */
export interface RunResult {
  /**
   * How many rows the statement itself inserted, updated or deleted. Changes by triggers and foreign keys do not count.
   */
  changes: number;
  /** The rowid of the connection's last insert. A `bigint` if it is above 2^53 - 1, or with `readBigInts`. */
  lastInsertRowid: number | bigint;
}

/** One statement of a batch. */
export interface BatchStatement {
  sql: string;
  params?: SqlParams;
}

/** The result of one statement of a batch. */
export interface BatchResult<Row = SqlRow> extends RunResult {
  /** The names of the columns. Empty for a statement without rows. */
  columns: string[];
  rows: Row[];
}

/** Options of {@link Queries.transaction}. */
export interface TransactionOptions {
  /** See {@link LoadStartupOptions.traceparent}. */
  traceparent?: string;
  /**
   * The kind of `BEGIN`. The database has no other writer, so the kind does not affect what succeeds. Ignored for an
   * inner transaction.
   *
   * @default 'deferred'
   */
  behavior?: 'deferred' | 'immediate' | 'exclusive';
  /**
   * How long the transaction may stay open, in milliseconds, 1 to 2147483647, counted from its begin. After that it is
   * rolled back, and both its calls and the transaction reject with `ERR_CLOSED`. The default is
   * {@link DatabaseOptions.transactionTimeoutMs}.
   */
  timeoutMs?: number;
  /**
   * If aborted while the transaction waits in the queue, it rejects with `ERR_ABORTED` and does nothing. If aborted
   * later, before the commit, its calls reject with `ERR_ABORTED`, and it is rolled back when `fn` has finished.
   */
  signal?: AbortSignal;
}

/** A column of a prepared statement. */
export interface ColumnInfo {
  /** Its name in rows. */
  name: string;
  /** The table column that it comes from, or `null` for an expression. */
  column: string | null;
  /** The table of that column, or `null`. */
  table: string | null;
  /** The declared type of the column, or `null`. */
  type: string | null;
}

/**
 * The methods that run SQL. Both {@link Database} and {@link Transaction} have them.
 *
 * SQL runs off the event loop. The calls of one database run one at a time, in the order they were made. Every method
 * except `exec` takes exactly one statement. All methods reject with a {@link BatonError}:
 *
 * - `SQLITE_...`: SQLite's own error, with `extendedCode`, `rawCode` and, if the SQL itself is at fault, the `offset`
 *   of the error in it.
 * - `ERR_INVALID_ARG`: the arguments are wrong, or the parameters do not match the SQL.
 * - `ERR_OUT_OF_RANGE`: also an integer above 2^53 - 1 in a result, without `readBigInts`.
 * - `ERR_FENCE_MISMATCH`: the actor has another owner, or the other database of a shared generation has committed. This
 *   call changed nothing. The database is of no further use: all its calls reject with this error.
 * - `ERR_NOT_FOUND`: the actor was deleted. The database is of no further use, as above.
 * - `ERR_COMMIT_UNKNOWN`: the transaction may or may not have taken place; the store became unavailable before it
 *   answered. The next call on the database finds out and continues from there, so a read shows which it was.
 * - `SQLITE_READONLY`, `SQLITE_BUSY`: from a read-only database, see {@link DatabaseOptions.readOnly}. Such a database
 *   is never fenced.
 * - `ERR_DEADLOCK`: the call was made inside a transaction function, but on the object that the transaction was started
 *   on. It would wait for its own transaction to end. Nothing was done.
 * - `ERR_ABORTED`, `ERR_OVERLOADED`, `ERR_CLOSED`, `ERR_TOO_LARGE`, `ERR_QUOTA_EXCEEDED`, `ERR_UNAVAILABLE`,
 *   `ERR_CORRUPT`.
 */
export interface Queries {
  /**
   * Runs any number of statements, without parameters and without returning rows. It stops at the first that fails.
   */
  exec(sql: string, options?: CallOptions): Promise<void>;

  /**
   * Runs a statement and returns what it changed. Any rows are discarded.
   *
   * @example
   * ```ts
   * const { changes } = await db.run('UPDATE users SET name = $name WHERE id = $id', { id: 7, name: 'Ada' });
   * ```
   */
  run(sql: string, params?: SqlParams, options?: QueryOptions): Promise<RunResult>;
  run<P extends NamedParams<P>>(sql: string, params: P, options?: QueryOptions): Promise<RunResult>;

  /**
   * Returns the first row, or `undefined` if there is none. A statement that writes, such as one with `RETURNING`,
   * still runs to its end.
   */
  get<Row = SqlRow>(sql: string, params?: SqlParams, options?: ObjectQueryOptions): Promise<Row | undefined>;
  get<Row = SqlValue[]>(
    sql: string,
    params: SqlParams | undefined,
    options: ArrayQueryOptions,
  ): Promise<Row | undefined>;
  get<P extends NamedParams<P>, Options extends QueryOptions>(
    sql: string,
    params: P,
    options?: Options,
  ): Promise<RowFor<Options> | undefined>;
  get<Row = never>(
    sql: string,
    params: UncheckedParamsFor<Row>,
    options?: QueryOptions,
  ): Promise<Row | undefined>;

  /** Returns all rows. If they do not fit in memory, see {@link Queries.iterate}. */
  all<Row = SqlRow>(sql: string, params?: SqlParams, options?: ObjectQueryOptions): Promise<Row[]>;
  all<Row = SqlValue[]>(
    sql: string,
    params: SqlParams | undefined,
    options: ArrayQueryOptions,
  ): Promise<Row[]>;
  all<P extends NamedParams<P>, Options extends QueryOptions>(
    sql: string,
    params: P,
    options?: Options,
  ): Promise<RowFor<Options>[]>;
  all<Row = never>(sql: string, params: UncheckedParamsFor<Row>, options?: QueryOptions): Promise<Row[]>;

  /**
   * Returns the rows one by one, fetching a few hundred at a time. The query begins at the first step, and errors in
   * its arguments are thrown then. Other calls may run between fetches; whether the iteration sees what they write is
   * undefined. Leaving the loop ends the query, and so does `iterator.return()`. If you step an iterator by hand and
   * drop it, the query stays open until the iterator is garbage-collected. Until then, `DROP TABLE` on a table that it
   * reads fails with `SQLITE_LOCKED`.
   *
   * @example
   * ```ts
   * for await (const { id, text } of db.iterate('SELECT id, text FROM messages')) {
   *   if (!(await send(id, text))) break;
   * }
   * ```
   */
  iterate<Row = SqlRow>(
    sql: string,
    params?: SqlParams,
    options?: ObjectQueryOptions,
  ): AsyncGenerator<Row, void, void>;
  iterate<Row = SqlValue[]>(
    sql: string,
    params: SqlParams | undefined,
    options: ArrayQueryOptions,
  ): AsyncGenerator<Row, void, void>;
  iterate<P extends NamedParams<P>, Options extends QueryOptions>(
    sql: string,
    params: P,
    options?: Options,
  ): AsyncGenerator<RowFor<Options>, void, void>;
  iterate<Row = never>(
    sql: string,
    params: UncheckedParamsFor<Row>,
    options?: QueryOptions,
  ): AsyncGenerator<Row, void, void>;

  /** Compiles a statement and reports its columns and parameters. It belongs to the object that prepared it. */
  prepare(sql: string, options?: CallOptions): Promise<Statement>;

  /**
   * Runs statements in one call and one transaction. All of them take place, or none; the error then names the
   * `statement` (from 0) that failed.
   *
   * @example
   * ```ts
   * const [, { rows }] = await db.batch([
   *   { sql: 'INSERT INTO messages (text) VALUES (?)', params: ['hello'] },
   *   'SELECT count(*) AS count FROM messages',
   * ]);
   * ```
   */
  batch<Row = SqlRow>(
    statements: readonly (string | BatchStatement)[],
    options?: ObjectQueryOptions,
  ): Promise<BatchResult<Row>[]>;
  batch<Row = SqlValue[]>(
    statements: readonly (string | BatchStatement)[],
    options: ArrayQueryOptions,
  ): Promise<BatchResult<Row>[]>;
  batch<Each extends readonly (string | { sql: string; params?: object })[], Options extends QueryOptions>(
    statements: Each & { readonly [Index in keyof Each]: BatchStatementOf<Each[Index]> },
    options?: Options,
  ): Promise<BatchResult<RowFor<Options>>[]>;

  /**
   * Runs `fn` inside a transaction. It commits when `fn` returns. If `fn` throws, it rolls back and rejects with that
   * error. `tx.transaction` nests as a savepoint. After the end, and after the deadline, `tx` rejects with
   * `ERR_CLOSED`.
   *
   * Transactions run first come, first served. Calls made on the database in the meantime wait for the end, so use only
   * `tx` inside. A call on the database from inside its own transaction would wait for itself, so it rejects at once
   * with `ERR_DEADLOCK`. Such a call is recognized by its asynchronous context. In another context, such as the
   * callback of an event that other code emits, it is not recognized. The deadline then ends the transaction, and the
   * error names the call.
   *
   * @example
   * ```ts
   * const id = await db.transaction(async (tx) => {
   *   const { lastInsertRowid } = await tx.run('INSERT INTO orders (customer) VALUES (?)', [customer]);
   *   for (const item of items) {
   *     await tx.run('INSERT INTO items VALUES (?, ?)', [lastInsertRowid, item]);
   *   }
   *   return lastInsertRowid;
   * });
   * ```
   */
  transaction<T>(fn: (tx: Transaction) => T | PromiseLike<T>, options?: TransactionOptions): Promise<T>;
}

/** {@link QueryOptions} that ask for rows as objects, or leave the default. */
export interface ObjectQueryOptions extends QueryOptions {
  rowMode?: 'object';
}

/**
 * The SQLite database of one actor. Every transaction is one commit of the store and as durable as the store. Commits
 * that were acknowledged are there, and an earlier owner can commit nothing after this one has started.
 *
 * Foreign keys are enforced. `journal_mode`, `locking_mode`, `synchronous` and `mmap_size` are fixed: setting them
 * changes nothing.
 */
export declare class Database implements AsyncDisposable {
  private constructor();
  readonly actorId: string;
  /** The result of opening it. */
  readonly startup: DatabaseStartup;
  /** Whether {@link Database.close} was called. */
  readonly closed: boolean;
  /** The opposite of {@link Database.closed}, under the name that `better-sqlite3` uses. */
  readonly open: boolean;
  /** The same, under the name that `node:sqlite` uses. */
  readonly isOpen: boolean;
  /**
   * Whether a transaction is open now: either one of {@link Queries.transaction}, whoever began it, or one opened by a
   * `BEGIN` or `SAVEPOINT` statement. It corresponds to `sqlite3_get_autocommit`, and `node:sqlite` has it under this
   * name. A call made at the same moment may wait behind others, and so find another state.
   */
  readonly isTransaction: boolean;
  /** The same, under the name that `better-sqlite3` uses. */
  readonly inTransaction: boolean;
  /**
   * How this database lost its actor. `undefined` as long as it does not know of a later owner or a deletion, and
   * always for a read-only database, which has no actor to lose.
   */
  readonly fencedBy: FenceError | undefined;

  /**
   * Returns what this database has done since it was opened.
   *
   * @throws {BatonError} `ERR_CLOSED`.
   */
  stats(): DatabaseStats;

  /**
   * Returns the database as the bytes of a SQLite file, like `serialize()` of better-sqlite3. The bytes include all
   * calls made before, and what an open transaction of `BEGIN` has changed so far. An empty database has no bytes. The
   * call waits in the queue like every call, and transactions of `transaction(fn)` come first.
   *
   * @throws {BatonError} `ERR_TOO_LARGE`: the database is larger than 2 GiB; use `store.exportTo` with a file or a
   * stream. `ERR_ABORTED`, `ERR_FENCE_MISMATCH`, `ERR_UNAVAILABLE`, `ERR_CORRUPT`, `ERR_OVERLOADED`, `ERR_CLOSED`.
   */
  serialize(options?: CallOptions): Promise<Uint8Array>;

  /**
   * Waits for the calls and transactions in progress, then closes the database. It waits for a transaction no longer
   * than until its deadline. Later calls reject with `ERR_CLOSED`, except those of open transactions. Calling `close`
   * again has no further effect and settles like the first call.
   *
   * @throws {BatonError} `ERR_CLOSED`: a transaction opened by a `BEGIN` or `SAVEPOINT` statement was not ended. It is
   * rolled back with everything written in it. The database is closed even then.
   */
  close(): Promise<void>;

  /** {@link Database.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}
export interface Database extends Queries {}

/** An open transaction. It has the methods of a {@link Database}; see {@link Queries.transaction}. */
export declare class Transaction {
  private constructor();
}
export interface Transaction extends Queries {}

/**
 * A prepared statement. It has the methods of {@link Queries} without the SQL, and need not be closed.
 *
 * It runs on the object that prepared it. A statement of the database waits for an open transaction to end, like any
 * other call on the database, so inside a transaction use `tx.prepare`.
 */
export declare class Statement {
  private constructor();
  readonly sql: string;
  /** One entry per parameter, in order: its name with the prefix, or `null` for `?`. */
  readonly parameters: readonly (string | null)[];
  /** Whether the statement changes nothing. */
  readonly readonly: boolean;
  /**
   * Its columns, as of the last time that it was prepared or run. Empty for a statement without rows. A change of the
   * schema shows after the next run, or in a newly prepared statement.
   */
  columns(): ColumnInfo[];
  /** See {@link Queries.run}. */
  run(params?: SqlParams, options?: QueryOptions): Promise<RunResult>;
  run<P extends NamedParams<P>>(params: P, options?: QueryOptions): Promise<RunResult>;
  /** See {@link Queries.get}. */
  get<Row = SqlRow>(params?: SqlParams, options?: ObjectQueryOptions): Promise<Row | undefined>;
  get<Row = SqlValue[]>(params: SqlParams | undefined, options: ArrayQueryOptions): Promise<Row | undefined>;
  get<P extends NamedParams<P>, Options extends QueryOptions>(
    params: P,
    options?: Options,
  ): Promise<RowFor<Options> | undefined>;
  get<Row = never>(params: UncheckedParamsFor<Row>, options?: QueryOptions): Promise<Row | undefined>;
  /** See {@link Queries.all}. */
  all<Row = SqlRow>(params?: SqlParams, options?: ObjectQueryOptions): Promise<Row[]>;
  all<Row = SqlValue[]>(params: SqlParams | undefined, options: ArrayQueryOptions): Promise<Row[]>;
  all<P extends NamedParams<P>, Options extends QueryOptions>(
    params: P,
    options?: Options,
  ): Promise<RowFor<Options>[]>;
  all<Row = never>(params: UncheckedParamsFor<Row>, options?: QueryOptions): Promise<Row[]>;
  /** See {@link Queries.iterate}. */
  iterate<Row = SqlRow>(params?: SqlParams, options?: ObjectQueryOptions): AsyncGenerator<Row, void, void>;
  iterate<Row = SqlValue[]>(
    params: SqlParams | undefined,
    options: ArrayQueryOptions,
  ): AsyncGenerator<Row, void, void>;
  iterate<P extends NamedParams<P>, Options extends QueryOptions>(
    params: P,
    options?: Options,
  ): AsyncGenerator<RowFor<Options>, void, void>;
  iterate<Row = never>(
    params: UncheckedParamsFor<Row>,
    options?: QueryOptions,
  ): AsyncGenerator<Row, void, void>;
}

/** Counts for one database since it was opened, and two current sizes. */
export interface DatabaseStats {
  /** Reads of the store. */
  roundTrips: number;
  /** Pages loaded by these reads. */
  pagesFetched: number;
  /** Of these, pages that nothing had asked for yet. */
  pagesReadAhead: number;
  /** Pages loaded by the start. */
  pagesPreloaded: number;
  /** Reads answered by a preloaded page. */
  preloadHits: number;
  /** Reads answered by the cache. */
  cacheHits: number;
  /** Commits to the store. */
  commits: number;
  /** Pages written by these commits. */
  pagesCommitted: number;
  /** Calls waiting in the queue now. */
  queued: number;
  /** Memory used by the database now, in bytes. */
  memoryBytes: number;
}

/**
 * The stable code of an error.
 *
 * | code | meaning | retryable |
 * |---|---|---|
 * | `ERR_FENCE_MISMATCH` | the generation or head held is not the current one | no |
 * | `ERR_CONCURRENT_TAKEOVER` | another takeover intervened (retryable), or v1 data met an actor that has its own data (not) | see `retryable` |
 * | `ERR_MIGRATION_INCOMPLETE` | an import of v1 data is not finished | yes |
 * | `ERR_NOT_FOUND` | the actor does not exist | no |
 * | `ERR_INVALID_ARG` | a value of the wrong type or shape | no |
 * | `ERR_OUT_OF_RANGE` | a number outside its range | no |
 * | `ERR_TOO_LARGE` | more than the store accepts | no |
 * | `ERR_QUOTA_EXCEEDED` | no room left | no |
 * | `ERR_COMMIT_UNKNOWN` | it is unknown whether a commit took place | no |
 * | `ERR_UNAVAILABLE` | the store cannot be reached now (retryable), or not until somebody changes something (not) | see `retryable` |
 * | `ERR_READ_ONLY` | the store was opened with `readOnly`, and the call would write | no |
 * | `ERR_CORRUPT` | stored bytes are damaged | no |
 * | `ERR_CLOSED` | the store or database was closed, or the transaction is over | no |
 * | `ERR_ABORTED` | the caller's signal was aborted, or its time was up | no |
 * | `ERR_DEADLOCK` | a call in a transaction function would wait for that transaction to end | no |
 * | `ERR_OVERLOADED` | too many calls of a database are already waiting | yes |
 * | `SQLITE_...` | SQLite's own: `SQLITE_ERROR`, `SQLITE_CONSTRAINT` and the other primary result codes | no |
 */
export type ErrorCode =
  | 'ERR_FENCE_MISMATCH'
  | 'ERR_CONCURRENT_TAKEOVER'
  | 'ERR_MIGRATION_INCOMPLETE'
  | 'ERR_NOT_FOUND'
  | 'ERR_INVALID_ARG'
  | 'ERR_OUT_OF_RANGE'
  | 'ERR_TOO_LARGE'
  | 'ERR_QUOTA_EXCEEDED'
  | 'ERR_COMMIT_UNKNOWN'
  | 'ERR_UNAVAILABLE'
  | 'ERR_READ_ONLY'
  | 'ERR_CORRUPT'
  | 'ERR_CLOSED'
  | 'ERR_ABORTED'
  | 'ERR_DEADLOCK'
  | 'ERR_OVERLOADED'
  | `SQLITE_${string}`;

/** The fields of an error besides its code and message. */
export interface BatonErrorFields {
  /** The actor concerned. */
  readonly actor?: string;
  /** `ERR_CORRUPT`: the damaged page. */
  readonly page?: number;
  /** `ERR_CORRUPT`: the commit that wrote the damaged page. */
  readonly txid?: bigint;
  /** `ERR_FENCE_MISMATCH`: the generation that the caller passed. */
  readonly held?: bigint;
  /** `ERR_FENCE_MISMATCH`: the generation in the store. */
  readonly current?: bigint;
  /** `ERR_FENCE_MISMATCH`: the head that the caller passed, or the store's if the caller passed none. */
  readonly heldHeadTxid?: bigint;
  /** `ERR_FENCE_MISMATCH`: the head in the store. */
  readonly currentHeadTxid?: bigint;
  /** `SQLITE_...`: the extended result code, such as `SQLITE_CONSTRAINT_UNIQUE`. */
  readonly extendedCode?: string;
  /** `SQLITE_...`: the extended result code as a number, such as 2067. */
  readonly rawCode?: number;
  /** `SQLITE_ERROR`: the position of the error in the SQL, in UTF-16 units, as for `sql.slice(offset)`. */
  readonly offset?: number;
  /** The index of the statement that failed in a batch, from 0. */
  readonly statement?: number;
}

/** The details from which a {@link BatonError} is made, besides its code and message. */
export interface BatonErrorDetails extends BatonErrorFields {
  /** @default false */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/** The error of every failed operation. Test with {@link isBatonError} rather than `instanceof`. */
export declare class BatonError extends Error implements BatonErrorFields {
  /** Makes an error, to test code that handles errors. */
  constructor(code: ErrorCode, message: string, details?: BatonErrorDetails);
  /** `'BatonError'`, or `'AbortError'` if the code is `ERR_ABORTED`, the name that Node and the web use. */
  name: 'BatonError' | 'AbortError';
  /** What went wrong. Stable, unlike `message`. */
  readonly code: ErrorCode;
  /** Whether the same call may succeed later without any other change. */
  readonly retryable: boolean;
  readonly actor?: string;
  readonly page?: number;
  readonly txid?: bigint;
  readonly held?: bigint;
  readonly current?: bigint;
  readonly heldHeadTxid?: bigint;
  readonly currentHeadTxid?: bigint;
  readonly extendedCode?: string;
  readonly rawCode?: number;
  readonly offset?: number;
  readonly statement?: number;
}

/** The fields that errors with a given code always have. */
export interface FieldsOfCode {
  ERR_FENCE_MISMATCH: Required<
    Pick<BatonErrorFields, 'actor' | 'held' | 'current' | 'heldHeadTxid' | 'currentHeadTxid'>
  >;
  ERR_CONCURRENT_TAKEOVER: Required<Pick<BatonErrorFields, 'actor'>>;
  ERR_MIGRATION_INCOMPLETE: Required<Pick<BatonErrorFields, 'actor'>>;
  ERR_NOT_FOUND: Required<Pick<BatonErrorFields, 'actor'>>;
  ERR_COMMIT_UNKNOWN: Required<Pick<BatonErrorFields, 'actor'>>;
  [sqlite: `SQLITE_${string}`]: Required<Pick<BatonErrorFields, 'extendedCode' | 'rawCode'>>;
}

/** A {@link BatonError} with a given code, and the fields that this code always has. */
export type BatonErrorOf<Code extends ErrorCode> = BatonError & {
  readonly code: Code;
} & (Code extends keyof FieldsOfCode ? FieldsOfCode[Code] : unknown);

/** How a database lost its actor: to another owner, or by deletion. */
export type FenceError = BatonErrorOf<'ERR_FENCE_MISMATCH'> | BatonErrorOf<'ERR_NOT_FOUND'>;

/**
 * Whether a value is a {@link BatonError}, with the given code if you pass one. Unlike `instanceof`, it recognizes
 * errors from other realms (Jest, `node:vm`) and from other copies of this package.
 *
 * @example
 * ```ts
 * try {
 *   await store.commit(actorId, request);
 * } catch (error) {
 *   if (isBatonError(error, 'ERR_FENCE_MISMATCH')) {
 *     console.log(`held ${error.held}, but the actor is at ${error.current}: stop`);
 *   } else throw error;
 * }
 * ```
 */
export declare function isBatonError(error: unknown): error is BatonError;
export declare function isBatonError<Code extends ErrorCode>(
  error: unknown,
  code: Code,
): error is BatonErrorOf<Code>;

/**
 * The severity of a {@link LogRecord}: from `'error'`, which needs somebody to act, to `'trace'`, which reports every
 * read.
 */
export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'trace';

/** Options of {@link setLogger}. */
export interface LoggerOptions {
  /**
   * The lowest severity to report.
   *
   * @default 'info'
   */
  level?: LogLevel;
  /**
   * A filter instead of `level`: comma-separated directives. `level` applies to everything, `target=level` to a target
   * and those below it, and `target` alone enables all of it. `off` is a further level. The longest matching target
   * wins, and among equal ones the last. Records that match no directive are off. Example:
   * `'warn,baton::commit=debug'`. No environment variable is read.
   */
  filter?: string;
  /**
   * How many records may wait in the queue, 1 to 1048576. Further ones are dropped and counted.
   *
   * @default 1024
   */
  capacity?: number;
}

/** An event in the addon. `docs/observability.md` lists all of them. */
export interface LogRecord {
  time: Date;
  level: LogLevel;
  /** The part of the addon that it comes from, such as `'baton::startup'`. */
  target: string;
  /** The event's name, such as `'startup.lost'`. Stable, unlike `message`. */
  name: string;
  /** A description for people. */
  message: string;
  /** `generation`, `previous`, `current`, `held` and every txid are of type bigint. */
  fields: Record<string, string | number | bigint | boolean>;
  /** The operations in which it happened, outermost first, as far as the filter shows them. */
  spans: { name: string; fields: Record<string, string | number | bigint | boolean> }[];
  /** The trace of the call, if it was passed a `traceparent`: 32 hexadecimal digits. */
  traceId?: string;
  /** The caller's span in that trace: 16 hexadecimal digits. */
  spanId?: string;
}

/** A logger set with {@link setLogger}. */
export interface Logger extends Disposable {
  /** How many records were dropped because the queue was full. */
  readonly dropped: number;
  /** Resolves when the records waiting now have been delivered. It keeps the process alive until then. */
  flush(): Promise<void>;
  /** Removes the logger. Waiting records are dropped; call `flush` first to keep them. Closing again does nothing. */
  close(): void;
}

/**
 * Passes the addon's log records to a function, for all stores of the process. Each Node thread can have one logger,
 * with its own queue. A second call replaces it, and `null` removes it.
 *
 * Logging never waits for the function. Records that do not fit in the queue are dropped, and a record `logger.dropped`
 * in their place says how many there were. A logger does not keep the process alive. If the function throws, the error
 * is reported once, with `process.emitWarning`, and otherwise ignored.
 *
 * @example
 * ```ts
 * const logger = setLogger({ level: 'warn' }, ({ level, name, message, fields }) => {
 *   console.error(level, name, message, fields);
 * });
 * ```
 * @throws {BatonError} `ERR_INVALID_ARG`, `ERR_OUT_OF_RANGE`: an option is wrong. The message names an invalid
 * directive of the filter.
 */
export declare function setLogger(options: LoggerOptions, callback: (record: LogRecord) => void): Logger;
export declare function setLogger(options: null): undefined;

/**
 * The message of the `node:diagnostics_channel` channels `tracing:batondb:sql:start`, `end`, `asyncStart`, `asyncEnd`
 * and `error`. All events of one call share one object. It contains neither parameters nor rows.
 */
export interface SqlEvent {
  readonly actorId: string;
  readonly generation: bigint;
  readonly operation:
    'exec' | 'run' | 'get' | 'all' | 'iterate' | 'batch' | 'prepare' | 'begin' | 'commit' | 'rollback';
  /** The SQL as it was passed. The statements of a batch are joined by `;` and a line break. */
  readonly sql: string;
  /** `asyncEnd`: the number of rows returned, for calls that return rows. */
  readonly rowCount?: number;
  /** `asyncEnd`: the number of rows changed, for `run` and `batch`. */
  readonly changes?: number;
  /** The error that the call failed with. */
  readonly error?: unknown;
  /** `asyncEnd`, `error`: from the call to its result, including its time in the queue, in milliseconds. */
  readonly durationMs?: number;
  /** The same information under the names of OpenTelemetry's database conventions. */
  readonly attributes: Record<string, string | number>;
}

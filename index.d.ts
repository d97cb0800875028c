/// <reference lib="esnext.disposable" />

/**
 * Stores of actors, and the SQLite database of each.
 *
 * @module batondb
 */

/**
 * An opened store: one backend that holds very many actors.
 *
 * Every method returns a promise and rejects with a {@link BatonError}. Arguments are checked before anything
 * is done: `ERR_INVALID_ARG` and `ERR_OUT_OF_RANGE` name the argument and the value received. What a method
 * was given is copied before the call returns, so buffers and objects may be reused at once.
 *
 * Stores in several worker threads may share one directory, and so may several processes. Within one process
 * all of them must come from one copy of this package's addon: two installed copies that open the same
 * directory in one process do not know of each other.
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
   * An open store does not keep the process alive; only calls that are under way do.
   *
   * @throws {BatonError} `ERR_INVALID_ARG`, `ERR_OUT_OF_RANGE`: the options are wrong, unknown or do not go
   * together, or what they name is something else: a path that is a file, a cluster file that is none.
   * `ERR_UNAVAILABLE`: the directory cannot be made or opened, the cluster does not answer within `timeoutMs`,
   * or FoundationDB's client library cannot be loaded. `ERR_CORRUPT`: the store is damaged.
   */
  static open(options: StoreOptions): Promise<Store>;

  /**
   * Takes an actor over: raises its generation, so that no earlier owner can commit any more, and brings the
   * first pages along. An actor that does not exist yet is made, with generation `1n` and no pages.
   *
   * **Losing a race is an answer, not an error.** When another call took the actor over while this one was
   * under way, `outcome` is `'lost'`, `generation` is the other owner's (or a later one's) and `pages` is
   * empty. The caller then does not own the actor and should not start it.
   *
   * @param actorId 1 to 256 bytes of UTF-8; any characters, without lone surrogates.
   * @throws {BatonError} `ERR_INVALID_ARG`, `ERR_OUT_OF_RANGE`, `ERR_MIGRATION_INCOMPLETE`,
   * `ERR_UNAVAILABLE`, `ERR_CORRUPT`, `ERR_QUOTA_EXCEEDED`, `ERR_ABORTED`, `ERR_CLOSED`.
   */
  loadStartup(actorId: string, options?: LoadStartupOptions): Promise<Startup>;

  /**
   * Reads pages, all from one committed head, which the answer names.
   *
   * A page past the end of the database is absent from the answer. A page inside it that was never written
   * reads as zeros.
   *
   * @throws {BatonError} `ERR_FENCE_MISMATCH`: `generation` is not the current one, or `headTxid` was given
   * and is not the current head. `ERR_NOT_FOUND`: nobody ever started the actor. `ERR_INVALID_ARG`,
   * `ERR_OUT_OF_RANGE`, `ERR_TOO_LARGE`, `ERR_UNAVAILABLE`, `ERR_CORRUPT`, `ERR_ABORTED`, `ERR_CLOSED`.
   */
  getPages(actorId: string, request: GetPagesRequest): Promise<PageSet>;

  /**
   * Writes pages as one transaction, of any size. It takes place as a whole or not at all.
   *
   * The pages' bytes are copied before the call returns. On a store that was opened with
   * `durability: 'strict'` (the default) a commit that was answered survives `kill -9` and a power loss.
   *
   * @returns The new head: the `headTxid` of the next commit.
   * @throws {BatonError}
   * - `ERR_FENCE_MISMATCH`: the actor has another owner (`held` and `current` generation differ) or the head
   *   is another one (`heldHeadTxid`, `currentHeadTxid`). Nothing was written. Not retryable: this owner is
   *   done with this state.
   * - `ERR_COMMIT_UNKNOWN`: the answer was lost and cannot be found again; the commit may be in or not.
   * - `ERR_NOT_FOUND`: nobody ever started the actor, or it was deleted.
   * - `ERR_INVALID_ARG`: also pages of different or illegal length, or a page given twice.
   * - `ERR_OUT_OF_RANGE`, `ERR_TOO_LARGE`, `ERR_QUOTA_EXCEEDED`, `ERR_UNAVAILABLE`, `ERR_CORRUPT`,
   *   `ERR_ABORTED`, `ERR_CLOSED`.
   */
  commit(actorId: string, request: CommitRequest): Promise<{ txid: bigint }>;

  /**
   * The state of an actor, without taking it over; `undefined` for an actor that does not exist.
   *
   * @throws {BatonError} `ERR_INVALID_ARG`, `ERR_UNAVAILABLE`, `ERR_CORRUPT`, `ERR_CLOSED`.
   */
  stat(actorId: string): Promise<Meta | undefined>;

  /**
   * Lists actors in the byte order of their ids. Without a `limit` the list holds every actor; for more than
   * a few thousand prefer {@link Store.actors}.
   *
   * @throws {BatonError} `ERR_INVALID_ARG`, `ERR_OUT_OF_RANGE`, `ERR_UNAVAILABLE`, `ERR_CORRUPT`,
   * `ERR_CLOSED`.
   */
  list(options?: ListOptions): Promise<ActorEntry[]>;

  /**
   * Iterates over actors in the byte order of their ids, 1,000 to a read. An actor that comes or goes while
   * the iteration runs may be seen or not; every other one is seen exactly once.
   *
   * @example
   * ```ts
   * for await (const { actorId } of store.actors({ prefix: 'room-' })) {
   *   console.log(actorId);
   * }
   * ```
   * @throws {BatonError} As {@link Store.list}, at the first step of the iteration.
   */
  actors(options?: ListOptions): AsyncGenerator<ActorEntry, void, void>;

  /**
   * Deletes an actor's data, whoever owns it. An owner that held the actor stays fenced: when the actor is
   * started again, its generation goes on from where it was.
   *
   * What an import or a copy has written so far of an actor that does not exist yet is cleared as well, whether it
   * is under way (it then ends with `ERR_CONCURRENT_TAKEOVER`) or its process was killed; the answer is `false`.
   *
   * @param options With a `generation` the actor is deleted as its owner: fenced, like a commit.
   * @returns Whether there was an actor to delete.
   * @throws {BatonError} `ERR_FENCE_MISMATCH`: `generation` is not the current one, or `headTxid` not the current head.
   * `ERR_INVALID_ARG`, `ERR_OUT_OF_RANGE`, `ERR_MIGRATION_INCOMPLETE` (with a `generation`), `ERR_UNAVAILABLE`,
   * `ERR_CLOSED`.
   */
  delete(actorId: string, options?: DeleteOptions): Promise<boolean>;

  /**
   * Gives an actor another id. It is taken over, copied page by page to `newActorId`, where every page is read back and
   * compared, and deleted under its old id: whoever owned it is fenced for good. Generations and txids begin anew, and
   * what a start should preload is not taken along. The new id shows all of it or nothing; the store needs room for
   * both until the end.
   *
   * A call that fails leaves the actor under its old id, for its next owner. If the process is killed just before the
   * deletion, both ids have the same pages: delete the old one.
   *
   * @returns The state of the actor under its new id. Start it with {@link Store.openDatabase} or
   * {@link Store.loadStartup}.
   * @throws {BatonError} `ERR_NOT_FOUND`: there is no such actor. `ERR_INVALID_ARG`: both ids are the same, or
   * `newActorId` has pages already. `ERR_CONCURRENT_TAKEOVER`: one of them was started or deleted meanwhile. And as
   * {@link Store.loadStartup} and {@link Store.copyTo}.
   */
  rename(actorId: string, newActorId: string, options?: RenameOptions): Promise<Meta>;

  /**
   * Makes an actor from a SQLite database file, of any legal page size. It takes the actor over while it
   * reads; an owner that held the actor is fenced. An actor that did not exist before is not listed until all of the
   * file is in, and never if the import fails or its process is killed.
   *
   * A file without a byte is an empty database, as SQLite takes it. Bytes behind the last page do not matter where the
   * header knows the size; a file that is cut short is refused.
   *
   * Bytes are copied when this is called. What a stream or an iterable yields is read as fast as it is written to the
   * store, a few megabytes ahead at most; the actor is taken over once its first 100 bytes are those of a database.
   * Where it fails, the error is what this rejects with, and nothing of it is visible.
   *
   * @example
   * ```ts
   * const { body } = await fetch('https://example.com/room.sqlite');
   * if (body) await store.importFrom('room-1', body);
   * ```
   * @param file Path of the file, as text or a `file:` URL; the bytes of one; or a stream or iterable of such bytes. A
   * file must be at rest: a hot journal or a WAL beside it is refused.
   * @throws {BatonError} `ERR_INVALID_ARG`: it is not a SQLite database or not at rest, or the actor
   * has pages already and `replace` is not set. `ERR_ABORTED`. `ERR_CONCURRENT_TAKEOVER`, `ERR_FENCE_MISMATCH`: the actor
   * was taken over or deleted meanwhile. `ERR_TOO_LARGE`, `ERR_QUOTA_EXCEEDED`, `ERR_UNAVAILABLE`,
   * `ERR_COMMIT_UNKNOWN`, `ERR_CORRUPT`, `ERR_CLOSED`.
   */
  importFrom(actorId: string, file: ImportSource, options?: ImportOptions): Promise<Meta>;

  /**
   * Writes an actor's database as a SQLite file, from one committed head, without taking the actor over.
   * What {@link Store.importFrom} read and nobody changed comes out byte for byte.
   *
   * A stream is written as fast as it takes the bytes, and ended. Where this fails, the stream is destroyed or aborted.
   * While a stream is written on a backend that keeps no older states (FoundationDB, memory), a commit of the actor's owner
   * ends this with `ERR_UNAVAILABLE`, unless all fits one read (4 MiB); a file is begun again instead.
   *
   * @param file Path of the file to write, as text or a `file:` URL, or a stream. Until it is whole and on disk it is beside this path, with the ending
   * `.baton-partial` and for this user alone; what a killed process leaves of it goes with the next export to the same path.
   * A file that is there is refused without `overwrite: true`; with it, it is replaced and its mode kept, unless it lies in the directory of the store and is no SQLite
   * file: such a name is a mistake. A new one has the mode of the umask.
   * @returns The state of the actor that the file holds.
   * @throws {BatonError} `ERR_NOT_FOUND`, `ERR_INVALID_ARG` (also: the file is there already), `ERR_ABORTED`,
   * `ERR_UNAVAILABLE`, `ERR_CORRUPT`, `ERR_CLOSED`. What a stream fails with, as it is.
   */
  exportTo(actorId: string, file: ExportTarget, options?: ExportOptions): Promise<Meta>;

  /**
   * An actor's database as the bytes of a SQLite file, from one committed head, without taking the actor over: what
   * {@link Store.exportTo} writes. An actor without pages is no bytes. See {@link Database.serialize} for what a
   * transaction has changed so far.
   *
   * @throws {BatonError} `ERR_TOO_LARGE`: memory has no room for it. `ERR_NOT_FOUND`, `ERR_INVALID_ARG`, `ERR_ABORTED`,
   * `ERR_UNAVAILABLE`, `ERR_CORRUPT`, `ERR_CLOSED`.
   */
  serialize(actorId: string, options?: SerializeOptions): Promise<Uint8Array>;

  /**
   * Makes an actor from the data that rivetkit v1 kept for it: a SQLite file as rows of the actor's own key-value
   * store. See docs/migration.md.
   *
   * From the call on the actor is reserved: {@link Store.loadStartup} answers `ERR_MIGRATION_INCOMPLETE` until the
   * import has ended, and nobody ever sees half of it. A hot rollback journal is replayed by SQLite, then
   * `PRAGMA quick_check` must say that the database is whole. A call that fails leaves the actor as it was; one
   * whose process dies leaves it reserved for the next import, which begins anew 60 s after the last sign of life
   * (at once after {@link Store.invalidateV1Migration}).
   *
   * An actor whose import was finished before is left alone: the answer is its state, and `entries` is not read.
   *
   * @param entries Key and value of each entry, in any order; those of other keys than v1's SQLite files (which
   * begin with the byte 8) are passed over. What it yields is copied before it is asked for the next one.
   * @returns The state of the actor; `origin` is `'migrated-from-v1'`. Start it with {@link Store.loadStartup}.
   * @throws {BatonError}
   * - `ERR_CONCURRENT_TAKEOVER`: the actor was started without an import, or, while this one was under way,
   *   another import or {@link Store.invalidateV1Migration} or {@link Store.delete} has come between.
   * - `ERR_MIGRATION_INCOMPLETE`: another import of this actor is under way, or was less than 60 s ago.
   * - `ERR_INVALID_ARG`: the entries are not a v1 database: no size, a chunk that is missing, twice or too long, a
   *   write-ahead log, another layout, not a SQLite file.
   * - `ERR_TOO_LARGE`: the database, or its journal, has more than 128 MiB.
   * - `ERR_CORRUPT`: `quick_check` finds the database damaged.
   * - `ERR_COMMIT_UNKNOWN`: whether the import took place cannot be found out now; the same call again will.
   * - `ERR_ABORTED`, `ERR_QUOTA_EXCEEDED`, `ERR_UNAVAILABLE`, `ERR_CLOSED`. What `entries` throws is thrown as it is.
   */
  migrateV1(
    actorId: string,
    entries: AsyncIterable<V1Entry> | Iterable<V1Entry>,
    options?: MigrateOptions,
  ): Promise<Meta>;

  /**
   * Reserves an actor for an import of v1 data that is to come: from now on nobody can start it. It stays so until
   * {@link Store.migrateV1} has ended or {@link Store.delete} frees it. What an earlier import has left behind is
   * removed.
   *
   * @returns The state of the actor: `origin` is `'migrating-from-v1'`.
   * @throws {BatonError} `ERR_CONCURRENT_TAKEOVER`: the actor has data of its own, or a finished import.
   * `ERR_MIGRATION_INCOMPLETE`: an import of it is under way. `ERR_INVALID_ARG`, `ERR_UNAVAILABLE`, `ERR_CORRUPT`,
   * `ERR_QUOTA_EXCEEDED`, `ERR_CLOSED`.
   */
  prepareV1Migration(actorId: string): Promise<Meta>;

  /**
   * Resets an unfinished import of v1 data that has begun to write, so that the next one need not wait for its lease.
   * For the actor's new owner, which knows that the earlier importer is gone: one that is not can write nothing any
   * more, and fails with `ERR_CONCURRENT_TAKEOVER`. The actor stays reserved for an import.
   *
   * @returns Whether there was one. `false`, and nothing is changed, where there is no data, no import or a finished
   * one, and where one was only prepared. What an actor without an import holds is never touched.
   * @throws {BatonError} `ERR_INVALID_ARG`, `ERR_UNAVAILABLE`, `ERR_CORRUPT`, `ERR_QUOTA_EXCEEDED`, `ERR_CLOSED`.
   */
  invalidateV1Migration(actorId: string): Promise<boolean>;

  /**
   * Copies an actor to another store, or to another id of the same one, page by page, from one committed head. The actor is only read here; there it
   * is taken over, and everything becomes visible as one commit or not at all: an actor that was not in the target
   * before is not listed there until the copy is complete, and never if it fails, is aborted or its process is killed.
   * Generations and txids begin anew there, and what a start should preload is not copied. Memory holds a few
   * megabytes, whatever the size.
   *
   * A store in a directory keeps the head that is being copied until the copy ends, so its owner may go on committing.
   * The file grows by what is written meanwhile, so `onProgress` should not wait for long. FoundationDB and memory keep
   * no head for that long: there the copy begins again when the head moves, up to eight times.
   *
   * @param target Another open store, of any kind, or, with `as`, any open store. Without it one that is on the same
   * directory, or on the same prefix of the same cluster, is refused.
   * @throws {BatonError} `ERR_NOT_FOUND`: the actor does not exist here. `ERR_INVALID_ARG`: it has pages there and
   * `replace` is not set, or the target is the actor itself. `ERR_UNAVAILABLE`: also when the actor committed here all
   * the time, so that no head lasted. `ERR_CONCURRENT_TAKEOVER`, `ERR_FENCE_MISMATCH`: the actor was taken over or
   * deleted there meanwhile. `ERR_CORRUPT`: a row is damaged, or `verify` finds that the target holds something else
   * than what was read. `ERR_MIGRATION_INCOMPLETE`, `ERR_TOO_LARGE`, `ERR_QUOTA_EXCEEDED`, `ERR_COMMIT_UNKNOWN`,
   * `ERR_ABORTED`, `ERR_CLOSED`.
   */
  copyTo(actorId: string, target: Store, options?: CopyOptions): Promise<CopyResult>;

  /**
   * Whether another open store is the same one: the same directory, by whatever path, or the same prefix of the same
   * cluster. Stores in memory are the same only as the same object.
   *
   * @throws {BatonError} `ERR_INVALID_ARG`. Thrown, not rejected.
   */
  isSameAs(other: Store): boolean;

  /**
   * What is stored of an actor, row kind by row kind, without taking it over; `undefined` where there is nothing.
   * Also of actors that were deleted, and of damaged ones: what is wrong is listed, not thrown. It reads every row
   * of the actor.
   *
   * @throws {BatonError} `ERR_INVALID_ARG`, `ERR_UNAVAILABLE`: also when the actor committed all the time.
   * `ERR_CLOSED`.
   */
  inspect(actorId: string): Promise<Inspection | undefined>;

  /**
   * Reads every row and checks it: version, checksum and size of each, and whether all of them go together. With
   * `deep` it also runs SQLite's `PRAGMA integrity_check` on each database. Nothing is taken over or changed, and
   * owners may go on meanwhile; an actor whose head moved each time is listed as busy.
   *
   * What is wrong is listed in the report, not thrown.
   *
   * @example
   * ```ts
   * const { ok, problems } = await store.verify({ onProgress: ({ actors }) => console.log(`${actors} actors`) });
   * ```
   * @throws {BatonError} `ERR_INVALID_ARG`, `ERR_UNAVAILABLE`, `ERR_ABORTED`, `ERR_CLOSED`.
   */
  verify(options?: VerifyOptions): Promise<VerifyReport>;

  /**
   * Takes an actor over, as {@link Store.loadStartup} does, and opens its pages as a SQLite database.
   *
   * **Losing a race is an answer here, too**: `database.startup.outcome` is then `'lost'`. Such a database
   * works under the generation that it shares with the winner, as long as only one of the two commits; the
   * other one's next commit fails with `ERR_FENCE_MISMATCH`. Unless you know that the winner is gone, close it.
   *
   * Close a database when its actor stops: the store keeps it open until then. The databases of a worker thread end
   * with it, however it ends: what runs is interrupted, and open transactions are rolled back.
   *
   * @example
   * ```ts
   * await using db = await store.openDatabase('room-1', { onFenced: () => actor.stop() });
   * await db.exec('CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, text TEXT NOT NULL)');
   * const { lastInsertRowid } = await db.run('INSERT INTO messages (text) VALUES (?)', ['hello']);
   * const messages = await db.all('SELECT id, text FROM messages ORDER BY id DESC LIMIT 10');
   * ```
   * @param actorId 1 to 256 bytes of UTF-8; any characters, without lone surrogates.
   * @throws {BatonError} As {@link Store.loadStartup}. With `readOnly` also `ERR_NOT_FOUND`.
   */
  openDatabase(actorId: string, options?: DatabaseOptions): Promise<Database>;

  /**
   * Reads the store's own row once, as every operation on a cluster has to: to find out whether the store
   * answers, and how fast.
   *
   * @throws {BatonError} `ERR_UNAVAILABLE`: the store does not answer; on a cluster after
   * `foundationdb.timeoutMs`. `ERR_CORRUPT`: the row is damaged or gone. `ERR_INVALID_ARG`, `ERR_ABORTED`,
   * `ERR_CLOSED`.
   */
  ping(options?: PingOptions): Promise<PingResult>;

  /**
   * How the backend says it is. A store on this machine is well as long as it is open. A cluster is asked: it
   * answers also while it takes no transactions, and one that cannot be reached shows as not `available`, after
   * about two seconds.
   *
   * @throws {BatonError} `ERR_UNAVAILABLE`: there was no answer within `foundationdb.timeoutMs`. `ERR_CLOSED`.
   */
  status(): Promise<StoreStatus>;

  /**
   * What this store has done since it was opened and how it is now, in numbers. It reads memory alone, and answers at
   * once; after {@link Store.close} with the last numbers, so that a last scrape of a process that ends fails nobody.
   *
   * The numbers are this object's: another `Store` has its own, also on the same directory, in another worker or
   * another process. `docs/observability.md` says what each means and what to alert on.
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
   * Closes the store's open databases, waits for the calls under way, then closes the store. Calls made later
   * reject with `ERR_CLOSED`. Closing again is the same closing.
   *
   * @throws {BatonError} As {@link Database.close}, of one of the databases. The store is closed all the same.
   */
  close(): Promise<void>;

  /** {@link Store.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * How values are distributed. As JSON the last bound, which is `Infinity`, becomes `null`.
 */
export interface Histogram {
  /** How many values there are. */
  count: number;
  /** Their sum, in the unit that the histogram's name ends with. */
  sum: number;
  /** For each bound how many values are at it or below, those of the lower bounds included; the last is `Infinity`. */
  buckets: { le: number; count: number }[];
}

/** How to write metrics as text. */
export interface PrometheusOptions {
  /**
   * Labels for every line, to tell stores apart: names of letters, digits and `_` that do not begin with a digit or
   * `__`, none of which a metric has already (`kind`, `le`, `outcome`, `reason`, `state`); values of any text.
   */
  labels?: Readonly<Record<string, string>>;
  /**
   * What the names begin with: letters, digits, `_` and `:`.
   *
   * @default 'baton_'
   */
  prefix?: string;
}

/**
 * The numbers of one {@link Store} at one moment: counts since it was opened, except where it says "now". Those that
 * are counted by different threads may be some nanoseconds apart.
 */
export interface StoreMetrics {
  /** Starts of actors: `loadStartup`, `openDatabase`, and those of imports. */
  startups: {
    won: number;
    lost: number;
    /** Ended with an error. */
    failed: number;
    /** Pages that they brought along. */
    pages: number;
    /** From the call to the answer, of those that won. */
    takeoverSeconds: Histogram;
  };
  /** Commits: `commit`, those of SQL, and those of imports. */
  commits: {
    /** In one transaction. */
    small: number;
    /** In parts. */
    staged: number;
    /** Ended with an error; those of imports are failed imports. */
    failed: number;
    /** Pages in those that took place; a page that was written twice in one commit counts twice. */
    pages: number;
    /** The bytes of these pages as they were handed in. */
    pageBytes: number;
    /** The bytes of the rows that they became, with their keys. */
    storedBytes: number;
    smallSeconds: Histogram;
    /** From opening the stage to its end. */
    stagedSeconds: Histogram;
    /** Staged commits that were given up, and whose rows this store has removed. */
    rollbacks: number;
  };
  /** Reads of pages: `getPages`, and those of SQL. */
  reads: { answered: number; pages: number; seconds: Histogram };
  /** What did not succeed at once. */
  attempts: {
    /** Transactions that conflicted with another one. */
    conflicts: number;
    /** Transactions and reads that were tried again, by why. */
    retries: { conflict: number; lostAnswer: number; tooOld: number; busy: number };
    /** Transactions whose answer was lost. */
    lostAnswers: {
      /** The call found out what became of it. */
      resolved: number;
      /** The call could not, and the next one on its database has. */
      resolvedLater: number;
      /** The call could not. A commit ends as `ERR_COMMIT_UNKNOWN` then, another call as `ERR_UNAVAILABLE`. */
      unknown: number;
    };
  };
  /** Calls refused as `ERR_FENCE_MISMATCH`, and databases that noticed it by themselves. */
  fenceMismatches: number;
  /** Actors deleted. */
  deletions: number;
  /** Of `importFrom`. */
  imports: { completed: number; failed: number };
  /** Of `exportTo` and `store.serialize`. */
  exports: { completed: number; failed: number };
  /** Imports of v1 data. */
  migrations: { completed: number; failed: number; invalidated: number };
  /** The databases of `openDatabase`. */
  sql: {
    /** Calls that ran statements, batches and further rows of iterations. */
    calls: number;
    /** Without the wait for their turn. */
    callSeconds: Histogram;
    /** How many reads of the store each of them waited for. */
    callRoundTrips: Histogram;
    /** Calls refused as `ERR_OVERLOADED`. */
    overloaded: number;
    /** Reads of the store, starts not counted. */
    roundTrips: number;
    /** Pages that these brought. */
    pagesFetched: number;
    /** Pages among them that nobody had asked for yet. */
    pagesReadAhead: number;
    /** Now. */
    openDatabases: number;
    /** Calls that wait for their turn now. */
    waiting: number;
    /** Calls that run now. */
    running: number;
    /** Bytes of the page caches of SQLite's connections, now. */
    memoryBytes: number;
  };
  /** The page cache that all databases of the store share. */
  cache: {
    hits: number;
    /** Pages that SQLite asked for and that had to be read from the store. */
    misses: number;
    /** Now. */
    bytes: number;
  };
  /** Pages that the starts of databases brought along. */
  preload: {
    pages: number;
    /** Those that SQLite has asked for since. */
    hits: number;
    /** Those that it had not asked for when their database was closed. */
    wasted: number;
  };
  /** What waits now. */
  queues: {
    /**
     * Transactions that wait for the thread that commits, from all stores of this process on the same directory. 0 on
     * other backends.
     */
    commit: number;
    /** Actors that are being tidied up after: rollbacks, trims, sweeps. */
    background: number;
  };
  /** What a store in a directory uses now, and whom it waits for; zeros on other backends. */
  file: {
    /** Bytes of the store's file. */
    bytes: number;
    /** Bytes in it that later writes can use. */
    freeBytes: number;
    /** Reads that keep a state, of all processes. */
    reads: number;
    /**
     * Seconds for which the oldest state has been kept that is not the newest: the file grows by what is written
     * meanwhile. One that rises is a stopped process, or an export that nobody ends.
     */
    oldestReadSeconds: number;
    /** Commits that came after that state. */
    oldestReadCommits: number;
    /** Seconds for which the process that may write now has had its turn: a transaction takes milliseconds. */
    writeTurnSeconds: number;
    /** 1 while this process waits for its turn to write, else 0. */
    writeTurnWaiting: number;
    /** Places of readers that died, which this process has freed. */
    deadReaders: number;
  };

  /**
   * The same numbers as text in Prometheus' format, version 0.0.4: serve it with the content type
   * `text/plain; version=0.0.4`.
   *
   * @throws {BatonError} `ERR_INVALID_ARG`: a name or a value in the options.
   */
  toPrometheus(options?: PrometheusOptions): string;
}

/** Which store to open. */
export type StoreOptions = EmbeddedStoreOptions | MemoryStoreOptions | FoundationDbStoreOptions;

/** A store in a directory of this machine. */
export interface EmbeddedStoreOptions {
  /**
   * The directory, also as a `file:` URL. It is made if it is not there. Relative paths start at the working directory.
   */
  path: string | URL;
  /**
   * Whether a store is made where there is none. Without it such a place is refused with `ERR_INVALID_ARG`.
   *
   * @default true
   */
  create?: boolean;
  /**
   * What an answered commit survives. `'strict'`: `kill -9` and a power loss. `'relaxed'`: `kill -9` only; a
   * power loss can cost the whole store, so it is for tests and scratch data.
   *
   * @default 'strict'
   */
  durability?: 'strict' | 'relaxed';
  /**
   * The largest size of the store's file, in bytes, 1048576 to 2^46. A commit that would pass it fails with
   * `ERR_QUOTA_EXCEEDED`. The next write notes it in the store, where processes that are told none find it.
   *
   * @default what the store notes, or else 1 TiB
   */
  maxSizeBytes?: number;
  /**
   * Whether the store is only read: every call that writes ends with `ERR_READ_ONLY`. Nothing is made but lock files,
   * where the directory can be written, so there must be a store already. A directory on a read-only mount, a snapshot, a backup or another user's will do. Databases
   * are opened with {@link DatabaseOptions.readOnly}.
   *
   * @default false
   */
  readOnly?: boolean;
  /**
   * The rights of the files that are made, as `chmod` takes them, such as `0o660`; 0o600 at least. A directory
   * that is made gets them, too, with the right to enter it. Not on Windows.
   *
   * @default those of the directory, without the right to execute
   */
  mode?: number;
  /**
   * The memory for pages of SQL databases, shared by all databases of the store, in bytes.
   *
   * @default 67108864
   */
  cacheBytes?: number;
  memory?: undefined;
  foundationdb?: undefined;
}

/** A store in memory, gone when it is closed. Each one opened is a store of its own. */
export interface MemoryStoreOptions {
  memory: true;
  /**
   * The memory for pages of SQL databases, shared by all databases of the store, in bytes.
   *
   * @default 67108864
   */
  cacheBytes?: number;
  create?: undefined;
  path?: undefined;
  foundationdb?: undefined;
}

/**
 * A store on a FoundationDB cluster (7.3 or later), for many machines. It needs FoundationDB's client library
 * on this machine, which is loaded when the first such store is opened; `docs/foundationdb.md` says how to
 * install and run it.
 */
export interface FoundationDbStoreOptions {
  foundationdb: {
    /**
     * What the keys of the store begin with: 1 to 256 bytes of UTF-8. Stores with different prefixes share a
     * cluster without seeing each other, also where one prefix is the beginning of the other.
     */
    prefix: string;
    /**
     * Path of the cluster file; relative paths start at the working directory. The client rewrites this file
     * when the coordinators change, so it and its directory should be writable.
     *
     * @default where the client looks: `FDB_CLUSTER_FILE`, `./fdb.cluster`, the system's
     */
    clusterFile?: string | URL;
    /**
     * Path of the client library, `libfdb_c`. A process can load one only: all its stores share it.
     *
     * @default `FDB_CLIENT_LIBRARY`, then where the system's loader and FoundationDB's packages have it
     */
    clientLibrary?: string | URL;
    /**
     * How long a call of one transaction may take, in milliseconds, 100 to 600000: waiting for the cluster,
     * further attempts after conflicts, and asking what became of a commit whose answer was lost. One
     * transaction has a third of it, so a cluster that is away shows as `ERR_UNAVAILABLE` after that time.
     * Calls of many transactions (large commits, imports, long reads) take as long as each of them gets on.
     *
     * @default 30000
     */
    timeoutMs?: number;
    /**
     * How often one call tries again at most, 0 to 1000.
     *
     * @default 63
     */
    retryLimit?: number;
    /**
     * The bytes that one transaction writes at most, 100000 to 5000000. Larger commits take several, and
     * become visible as one.
     *
     * @default 1000000
     */
    transactionBytes?: number;
  };
  /**
   * The memory for pages of SQL databases, shared by all databases of the store, in bytes.
   *
   * @default 67108864
   */
  cacheBytes?: number;
  /**
   * Whether a store is made where there is none. Without it such a place is refused with `ERR_INVALID_ARG`.
   *
   * @default true
   */
  create?: boolean;
  path?: undefined;
  memory?: undefined;
}

/** How to take an actor over. */
export interface LoadStartupOptions {
  /**
   * The W3C trace context that the call belongs to, such as
   * `'00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'`: log records of the call carry its ids. Another form
   * is refused with `ERR_INVALID_ARG`.
   */
  traceparent?: string;
  /** The pages to bring along. Without it: page 1 alone. */
  preload?: Preload;
  /** See {@link GetPagesRequest.signal}. */
  signal?: AbortSignal;
}

/**
 * Which pages a {@link Startup} brings along. Page 1 always comes, then the chosen ones in ascending order
 * until `maxBytes` is spent, then the hinted ones. Pages past the end of the database are left out.
 */
export interface Preload {
  /** Single page numbers, each 1 to 4294967295. */
  pages?: readonly number[] | Uint32Array;
  /** Runs of pages from `start` up to and without `end`, each 1 to 4294967295. */
  ranges?: readonly { start: number; end: number }[];
  /**
   * Whether the pages come too that earlier databases of this actor needed soon after their start, as far as
   * `maxBytes` has room for them. With {@link Store.openDatabase} it also says whether this database notes
   * its own for the next start. An actor that was only ever used page by page has none.
   *
   * @default true
   */
  hints?: boolean;
  /**
   * At most this many bytes of pages, 0 to 4294967295.
   *
   * @default 1048576
   */
  maxBytes?: number;
}

/** The answer to {@link Store.loadStartup}. */
export interface Startup {
  /** Whether this call raised the generation. Only then does the caller own the actor. */
  outcome: 'won' | 'lost';
  /** The generation: won, the one now held; lost, the other owner's. */
  generation: bigint;
  /** The state of the actor. */
  meta: Meta;
  /** The preloaded pages; none when lost. */
  pages: PageSet;
}

/** The state of an actor at one moment. */
export interface Meta {
  /** Raised by each takeover, from `1n`. */
  generation: bigint;
  /** The last commit; `0n` before the first. */
  headTxid: bigint;
  /** The size of the database in pages; 0 for a fresh actor. */
  sizePages: number;
  /** The size of a page in bytes; 4096 for a database without pages. */
  pageSize: number;
  /** When the actor was first owned. */
  createdAt: Date;
  /** Where its data came from. */
  origin: 'native' | 'migrating-from-v1' | 'migrated-from-v1';
}

/** What to read. */
export interface GetPagesRequest {
  /** See {@link LoadStartupOptions.traceparent}. */
  traceparent?: string;
  /** The generation held. */
  generation: bigint;
  /** The page numbers, each 1 to 4294967295, in any order. */
  pages: readonly number[] | Uint32Array;
  /** The head that the pages must come from. Without it: the current one. */
  headTxid?: bigint;
  /**
   * Aborted before the call: rejects with `ERR_ABORTED`, and nothing was done. Aborted later: rejects at once
   * with `ERR_ABORTED`, but the operation is not undone and may still take effect.
   */
  signal?: AbortSignal;
}

/** What to write. */
export interface CommitRequest {
  /** See {@link LoadStartupOptions.traceparent}. */
  traceparent?: string;
  /** The generation held. */
  generation: bigint;
  /** The head that this commit extends: of the start at first, then of the commit before. */
  headTxid: bigint;
  /** The size of the database afterwards, in pages, 0 to 4294967295. Pages beyond it are dropped. */
  sizePages: number;
  /** The changed pages, in any order, each once. */
  pages: readonly PageWrite[];
  /** See {@link GetPagesRequest.signal}. An abort never means that nothing was committed. */
  signal?: AbortSignal;
}

/** A page to write. */
export interface PageWrite {
  /** Its number, 1 to 4294967295. */
  page: number;
  /**
   * Its bytes: the actor's page size. While the database is empty, a commit sets the page size: a power of
   * two from 512 to 65536, the same for all its pages.
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
  /** Only ids above this one, in byte order; to go on from the last id of the list before. */
  after?: string;
  /** At most this many, 1 to 4294967295. Without it: all. */
  limit?: number;
}

/** An actor in a list. */
export interface ActorEntry {
  actorId: string;
}

/** An entry of an actor's key-value store, as rivetkit's v1 holds them. */
export interface V1Entry {
  key: ArrayBufferView | ArrayBuffer;
  value: ArrayBufferView | ArrayBuffer;
}

/** How to migrate. */
export interface MigrateOptions {
  /** Ends the import between two entries; the actor is then as it was before. */
  signal?: AbortSignal;
}

/** How to import. */
export interface ImportOptions {
  /**
   * Whether the pages of an actor that has some are replaced. Without it such an actor is refused.
   *
   * @default false
   */
  replace?: boolean;
  /**
   * Ends an import of a stream or of bytes, and nothing of it is visible: `ERR_ABORTED`. With a file it ends the waiting
   * only, and the import may still take effect.
   */
  signal?: AbortSignal;
}

/** Bytes, whatever they are viewed by. */
export type BytesLike = ArrayBufferView | ArrayBufferLike;

/** What {@link Store.importFrom} takes: a path, the bytes of a database, or a stream of them. */
export type ImportSource =
  string | URL | BytesLike | ReadableStream<BytesLike> | AsyncIterable<BytesLike> | Iterable<BytesLike>;

/** What {@link Store.exportTo} takes: a path or a stream. */
export type ExportTarget = string | URL | NodeJS.WritableStream | WritableStream<Uint8Array>;

/** How to export. */
export interface ExportOptions {
  /**
   * Whether a file that is there is replaced. Without it such a name is refused. Not for a stream.
   *
   * @default false
   */
  overwrite?: boolean;
  /**
   * Ends an export to a stream, which is then destroyed or aborted: `ERR_ABORTED`. With a file it ends the waiting only,
   * and the file may still appear.
   */
  signal?: AbortSignal;
}

/** How to serialize. */
export interface SerializeOptions {
  /** Ends it: `ERR_ABORTED`. */
  signal?: AbortSignal;
}

/** How to copy an actor. */
export interface CopyOptions {
  /**
   * The id that the copy gets.
   *
   * @default the same
   */
  as?: string;
  /**
   * Whether the pages that the actor has in the target are replaced. Without it such an actor is refused.
   *
   * @default false
   */
  replace?: boolean;
  /**
   * Whether every page is read back from the target, before any of it becomes visible there, and compared with what was
   * read here. A difference is `ERR_CORRUPT`, and the copy is rolled back. It compares with the head that is copied,
   * whatever the owner commits meanwhile.
   *
   * @default false
   */
  verify?: boolean;
  /** Ends the copy between two steps: it rejects with `ERR_ABORTED`, and what was written is rolled back. */
  signal?: AbortSignal;
  /**
   * Called when the target was taken over and nothing was written yet, and after each step of a few megabytes. A
   * promise is waited for.
   */
  onProgress?: (progress: CopyProgress) => unknown;
}

/** What an owner holds of an actor that it deletes. */
export interface DeleteOptions {
  /** The generation of the start: nothing is deleted if somebody has taken the actor over since. */
  generation?: bigint;
  /** The head that was seen, together with `generation`: nothing is deleted if there was a commit since. */
  headTxid?: bigint;
}

/** How to rename an actor. */
export type RenameOptions = Pick<CopyOptions, 'signal' | 'onProgress'>;

/** How far a copy is. */
export interface CopyProgress {
  actorId: string;
  /** The state that is being read. */
  source: Meta;
  /** The target as it was found, with the generation that the copy holds. */
  target: Meta;
  /** Pages passed so far. It begins at 0 again where the head of the source moves and is not kept. */
  pagesDone: number;
  /** Pages read back so far, with `verify`; else 0. */
  pagesVerified: number;
  /** The pages that there are. */
  pages: number;
}

/** The answer to {@link Store.copyTo}. */
export interface CopyResult {
  /** The state that was copied. */
  source: Meta;
  /** The state that it has become. */
  target: Meta;
}

/** What to verify. */
export interface VerifyOptions {
  /** This actor alone. */
  actorId?: string;
  /** Only actors whose ids begin with this. Not together with `actorId`. */
  prefix?: string;
  /**
   * Whether SQLite checks each database. Pages that are no database are left out.
   *
   * @default true
   */
  deep?: boolean;
  /** Ends the verification between two steps: it rejects with `ERR_ABORTED`. */
  signal?: AbortSignal;
  /** Called after each step of a few megabytes, and after each actor. */
  onProgress?: (progress: VerifyProgress) => void;
}

/** How far a verification is. */
export interface VerifyProgress {
  /** The actor that was finished just now. */
  actorId?: string;
  /** Actors looked at so far, deleted ones included. */
  actors: number;
  /** Databases that SQLite has checked. */
  databases: number;
  /** Rows read. */
  rows: number;
  /** Bytes of their keys and values. */
  bytes: number;
  /** Problems found. */
  problems: number;
}

/** The answer to {@link Store.verify}. */
export interface VerifyReport {
  /** Whether there is no problem of the severity `'error'`. */
  ok: boolean;
  /** Actors looked at, deleted ones included. */
  actors: number;
  /** Databases that SQLite has checked. */
  databases: number;
  /** Rows read. */
  rows: number;
  /** Bytes of their keys and values. */
  bytes: number;
  /** What is wrong; of one actor at most 1,000, of all at most 10,000 problems. */
  problems: Problem[];
  /** How many more there are. */
  problemsOmitted: number;
  /** Actors that committed all the time, so that nothing can be said of them. */
  busy: string[];
}

/** Something that is not as it should be. */
export interface Problem {
  /** The actor concerned; absent where a row is of none. */
  actorId?: string;
  /** The kind of row, or `'integrity'` for what SQLite has found. */
  kind: 'store' | 'fence' | 'head' | 'page' | 'stage' | 'hints' | 'unknown' | 'integrity';
  /** The page, where it is one. */
  page?: number;
  /** The commit that wrote it. */
  txid?: bigint;
  /** `'error'`: data is damaged or will be. `'warning'`: something is left over or ignored, and no data is lost. */
  severity: 'error' | 'warning';
  /** For people. */
  detail: string;
}

/** What is stored of an actor. */
export interface Inspection {
  /** Who owns it; absent if the row is absent or damaged. */
  fence?: {
    generation: bigint;
    /** The generation of the start that made the actor: above 1 if the id was deleted before. */
    firstGeneration: bigint;
    /** Whether this is what a deletion has left. */
    deleted: boolean;
    origin: Meta['origin'];
    createdAt: Date;
  };
  /** What is committed; absent before the first commit, or if the row is damaged. */
  head?: {
    txid: bigint;
    nextTxid: bigint;
    sizePages: number;
    pageSize: number;
    /** A commit of several transactions that is under way, or was left by an owner that is gone. */
    openStage?: { txid: bigint; doomed: boolean };
    /** Whether older versions of pages are still to be cleared. */
    unswept: boolean;
    /** Pages above this number may have rows from a larger size, which are still to be cleared. */
    untrimmedAbove?: number;
    /** How many commits it remembers for lost answers. */
    recentCommits: number;
  };
  rows: {
    fence: RowCount;
    head: RowCount;
    /** Pages that a reader sees. */
    pagesLive: RowCount;
    /** Older versions of them. */
    pagesSuperseded: RowCount;
    /** Pages of the open stage. */
    pagesStaged: RowCount;
    /** Pages beyond the size. */
    pagesBeyond: RowCount;
    manifests: RowCount;
    hints: RowCount;
    /** Rows that fit nothing. */
    stray: RowCount;
  };
  /** Pages inside the size without a row: they read as zeros. */
  pagesNeverWritten: number;
  problems: Problem[];
  /** How many more there are. */
  problemsOmitted: number;
}

/** How many rows of a kind there are, and how large they are. */
export interface RowCount {
  rows: number;
  keyBytes: number;
  valueBytes: number;
}

/** How to ping. */
export interface PingOptions {
  /** See {@link GetPagesRequest.signal}. */
  signal?: AbortSignal;
}

/** The answer to {@link Store.ping}. */
export interface PingResult {
  /** How long the read took in the addon, attempts that failed included, in milliseconds. */
  latencyMs: number;
}

/** The answer to {@link Store.status}. */
export interface StoreStatus {
  backend: 'embedded' | 'memory' | 'foundationdb';
  /** Whether transactions can be made now. */
  available: boolean;
  /** Whether nothing asks for attention. */
  healthy: boolean;
  /** What does, in the backend's words. */
  messages: string[];
  /** With the backend `'foundationdb'`: what the cluster says of itself. */
  foundationdb?: FoundationDbStatus;
}

/**
 * A selection of FoundationDB's machine-readable status
 * (https://apple.github.io/foundationdb/mr-status.html), and the whole of it. What a release of FoundationDB
 * does not say, or a cluster in trouble does not know, is absent.
 */
export interface FoundationDbStatus {
  /** The client library in use: its path, or the name by which the system found it. */
  clientLibrary: string;
  /** Its release, such as `'7.3.79'`. */
  clientVersion: string;
  /** The release of a server. */
  clusterVersion?: string;
  /** Path of the cluster file in use. */
  clusterFile?: string;
  /** The coordinators that the cluster file names, and whether this client reaches them. */
  coordinators: { address: string; reachable: boolean }[];
  /** Whether an operator, a restore or a switch-over has locked the database: no transaction is taken then. */
  locked: boolean;
  /** `'fully_recovered'` when all is well. */
  recoveryState?: string;
  /** `'healthy'` when every copy of the data is there. */
  dataState?: string;
  /** How many server processes there are. */
  processes: number;
  /** What the cluster's own probe measured last, in milliseconds. */
  latencyMs: { readVersion?: number; read?: number; commit?: number };
  /** What limits the rate of transactions; `'workload'` when nothing in the cluster does. */
  limitedBy?: string;
  /** The whole document, parsed. Its schema is FoundationDB's and changes with its releases. */
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
  /** How many pages there are. */
  readonly size: number;
  /** All pages one after the other, in the order of `pages`. */
  readonly data: Uint8Array;
  /** The page numbers, ascending. */
  readonly pages: Uint32Array;
  /** The head that all pages come from. */
  readonly headTxid: bigint;
  /** The size of a page in bytes. */
  readonly pageSize: number;
  /**
   * The bytes of a page, or `undefined` if it is not in the set. They are a view of `data`, not a copy:
   * keeping one keeps the whole buffer, and writing to it writes to `data`.
   */
  get(page: number): Uint8Array | undefined;
  /** Whether a page is in the set. */
  has(page: number): boolean;
  /** The page numbers, ascending. */
  keys(): IterableIterator<number>;
  /** Page numbers and bytes, ascending. */
  [Symbol.iterator](): Generator<[number, Uint8Array], void, undefined>;
}

/** How to open a database. */
export interface DatabaseOptions {
  /**
   * Whether the database only reads, and leaves the actor to whoever owns it: no generation is raised, nothing is
   * written, and no owner notices. The actor must exist, or opening rejects with `ERR_NOT_FOUND`.
   *
   * Each statement and each transaction sees one commit from its beginning to its end; the next one sees the
   * newest, also after takeovers. While somebody else deletes the actor its calls reject with `ERR_NOT_FOUND`.
   * What would write rejects with `SQLITE_READONLY`; temporary tables may be made and written. A transaction or
   * an iteration that needs pages which the owner has replaced meanwhile ends with `SQLITE_BUSY`, extended code
   * `SQLITE_BUSY_SNAPSHOT`, retryable; a single statement or batch is first run again by itself.
   *
   * `preload` and `onFenced` are for owners: with this option they are `ERR_INVALID_ARG`.
   *
   * @default false
   */
  readOnly?: boolean;

  /** See {@link LoadStartupOptions.traceparent}. */
  traceparent?: string;
  /** The pages to bring along, besides page 1. With its `hints`, they are rarely worth choosing by hand. */
  preload?: Preload;
  /**
   * Whether pages are read ahead of a scan or of a walk through a b-tree.
   *
   * @default true
   */
  readAhead?: boolean;
  /**
   * How many calls may wait for their turn, 1 to 4294967295. One more rejects with `ERR_OVERLOADED`.
   *
   * @default 1024
   */
  maxQueuedCalls?: number;
  /**
   * How long a transaction may be open, in milliseconds, 1 to 2147483647. One that is forgotten, or waits for
   * something that does not come, is rolled back then, so that the calls behind it go on.
   *
   * It holds as well for a transaction that `BEGIN` or `SAVEPOINT` has opened as a statement, from the call that left it
   * open. Calls run inside of it whoever makes them; so when it is rolled back, all calls reject with `ERR_CLOSED` until
   * one executes `ROLLBACK`.
   *
   * @default 30000
   */
  transactionTimeoutMs?: number;
  /**
   * Called once, when this database learns that it has lost the actor: to a later takeover, with the
   * `ERR_FENCE_MISMATCH`, or because the actor was deleted, with the `ERR_NOT_FOUND` that all its calls reject
   * with from then on.
   *
   * With this option the database does not wait for its next commit to learn it: it asks the store every
   * second, and at once when the takeover was made through the same {@link Store}. What the callback throws
   * is an uncaught exception of the process.
   */
  onFenced?: (error: FenceError) => void;
  /** See {@link GetPagesRequest.signal}. It stops the opening, not the open database. */
  signal?: AbortSignal;
}

/** What a database knows of its start. */
export interface DatabaseStartup {
  /**
   * `'won'`: opening it raised the generation; only then does this database own the actor. `'lost'`: another start
   * did. `'read-only'`: it was not meant to, see {@link DatabaseOptions.readOnly}.
   */
  outcome: 'won' | 'lost' | 'read-only';
  /** The generation: won, the one now held; otherwise the owner's at that moment. */
  generation: bigint;
  /** The state of the actor when the database was opened. */
  meta: Meta;
  /** How many pages the start brought along. */
  preloadedPages: number;
}

/** A value that SQL can be given. See {@link SqlParams}. */
export type SqlParam = null | number | bigint | string | boolean | ArrayBufferView | ArrayBufferLike;

/**
 * The parameters of a statement: an array for `?` and `?1`, a plain object for `:name`, `@name` and `$name`,
 * with or without the prefix in its keys. There must be exactly as many as the SQL has.
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
 * Everything else is `ERR_INVALID_ARG`: `undefined` and `NaN` (pass `null`), a `Date` (pass
 * `date.toISOString()` or `date.getTime()`), other objects (pass `JSON.stringify(value)`). A bigint outside
 * its range is `ERR_OUT_OF_RANGE`, more than 1,000,000,000 bytes are `ERR_TOO_LARGE`.
 */
export type SqlParams = readonly SqlParam[] | { readonly [name: string]: SqlParam };

/**
 * An object whose properties are all {@link SqlParam}s. An interface has no index signature, so it is no
 * {@link SqlParams}; methods that take these take it by this type.
 */
export type NamedParams<P> = object & { readonly [Name in keyof P]-?: SqlParam } & {
  readonly [Symbol.iterator]?: never;
  readonly apply?: SqlParam;
};

/**
 * An object as parameters where the type of rows is given as well, and TypeScript therefore infers none for the
 * parameters: what is known to be no such object is refused, and values are checked when the call is made.
 */
export interface UncheckedParams {
  valueOf(): object;
  readonly [Symbol.iterator]?: never;
  readonly apply?: SqlParam;
  readonly getTime?: SqlParam;
  readonly slice?: SqlParam;
  readonly then?: SqlParam;
}

/** {@link UncheckedParams} where a type of rows is given; otherwise nothing. */
export type UncheckedParamsFor<Row> = [Row] extends [never] ? never : UncheckedParams;

/** What rows are like that were asked for with these options. */
export type RowFor<Options> = Options extends { rowMode: 'array' } ? SqlValue[] : SqlRow;

/** A statement of a batch whose parameters may be of an interface. */
export type BatchStatementOf<Each> = Each extends string
  ? string
  : Each extends { params: infer P }
    ? { sql: string; params: P extends SqlParams | NamedParams<P> ? P : SqlParams }
    : BatchStatement;

/** A value that SQL answers. INTEGER is a `number`, or a `bigint` with `readBigInts`; BLOB a copy of its own. */
export type SqlValue = null | number | bigint | string | Uint8Array;

/** A row as an object. Where two columns have one name, the last one counts. */
export type SqlRow = Record<string, SqlValue>;

/** How long to wait for a call. */
export interface CallOptions {
  /** See {@link LoadStartupOptions.traceparent}. */
  traceparent?: string;
  /**
   * Aborted before the call: rejects with `ERR_ABORTED`, and nothing was done. Aborted later: the call is
   * taken out of the queue or interrupted, and rejects with `ERR_ABORTED`, by name an `AbortError`; the `cause` is the
   * signal's reason.
   * An abort that comes too late to stop the call has no effect, and the call resolves.
   *
   * A statement that was interrupted has changed nothing. An interrupted write inside a transaction rolls
   * the whole transaction back, as SQLite has it.
   */
  signal?: AbortSignal;
  /**
   * How long the call may take, in milliseconds, 1 to 2147483647, the wait for its turn included. It then
   * rejects as with `signal`; the `cause` is a `DOMException` named `TimeoutError`. In an iteration this is
   * the time of each single fetch.
   */
  timeoutMs?: number;
}

/** How to answer a query. */
export interface QueryOptions extends CallOptions {
  /**
   * Rows as objects by column name, or as arrays in column order.
   *
   * @default 'object'
   */
  rowMode?: 'object' | 'array';
  /**
   * Whether integers come as `bigint`, all of them. Without it one outside +-(2^53 - 1) is `ERR_OUT_OF_RANGE`
   * when its row is read; a statement that writes has done so by then.
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
  /** How many rows it inserted, updated or deleted itself; those of triggers and foreign keys do not count. */
  changes: number;
  /** The rowid of the connection's last insert. A `bigint` past 2^53 - 1 and with `readBigInts`. */
  lastInsertRowid: number | bigint;
}

/** One statement of a batch. */
export interface BatchStatement {
  sql: string;
  params?: SqlParams;
}

/** The answer to one statement of a batch. */
export interface BatchResult<Row = SqlRow> extends RunResult {
  /** The names of the columns; none for a statement without rows. */
  columns: string[];
  rows: Row[];
}

/** How to run a transaction. */
export interface TransactionOptions {
  /** See {@link LoadStartupOptions.traceparent}. */
  traceparent?: string;
  /**
   * The kind of `BEGIN`. The database has no other writer, so it makes no difference to what succeeds.
   * Without meaning for an inner transaction.
   *
   * @default 'deferred'
   */
  behavior?: 'deferred' | 'immediate' | 'exclusive';
  /**
   * How long the transaction may be open, in milliseconds, 1 to 2147483647, from its begin. It is rolled back
   * then, and its calls reject with `ERR_CLOSED`, as does the transaction. Without it: {@link DatabaseOptions.transactionTimeoutMs}.
   */
  timeoutMs?: number;
  /**
   * Aborted while the transaction waits for its turn: rejects with `ERR_ABORTED`, and nothing was done.
   * Aborted later, before the commit: its calls reject with `ERR_ABORTED`, and it is rolled back when `fn`
   * is done.
   */
  signal?: AbortSignal;
}

/** A column of a prepared statement. */
export interface ColumnInfo {
  /** Its name in rows. */
  name: string;
  /** The column of a table that it is, or `null` for an expression. */
  column: string | null;
  /** The table of that column, or `null`. */
  table: string | null;
  /** The type that the column was declared with, or `null`. */
  type: string | null;
}

/**
 * The methods that run SQL: those of a {@link Database}, and inside its transactions those of a
 * {@link Transaction}.
 *
 * SQL runs off the event loop. The calls of one database run one at a time, in the order they were made.
 * Every method takes exactly one statement, but for `exec`. All reject with a {@link BatonError}:
 *
 * - `SQLITE_...`: what SQLite says, with `extendedCode`, `rawCode` and, where the SQL itself is at fault,
 *   the `offset` into it.
 * - `ERR_INVALID_ARG`: the arguments are wrong, or parameters do not go with the SQL.
 * - `ERR_OUT_OF_RANGE`: also an integer past 2^53 - 1 in an answer, without `readBigInts`.
 * - `ERR_FENCE_MISMATCH`: the actor has another owner, or the other database of a shared generation has
 *   committed. This call changed nothing, and this database is done: all its calls reject so.
 * - `ERR_NOT_FOUND`: the actor was deleted. This database is done, as above.
 * - `ERR_COMMIT_UNKNOWN`: the transaction took place or not; the store went away before it could tell. The next call
 *   on the database finds out and goes on from there, so a read shows which it was.
 * - `SQLITE_READONLY`, `SQLITE_BUSY`: of a database that was opened to read only, see
 *   {@link DatabaseOptions.readOnly}. It is never fenced.
 * - `ERR_DEADLOCK`: the call was made in the function of a transaction, on what is around that transaction, and would wait
 *   for its end. Nothing was done.
 * - `ERR_ABORTED`, `ERR_OVERLOADED`, `ERR_CLOSED`, `ERR_TOO_LARGE`, `ERR_QUOTA_EXCEEDED`, `ERR_UNAVAILABLE`,
 *   `ERR_CORRUPT`.
 */
export interface Queries {
  /** Runs any number of statements, without parameters and without rows. It stops at the first that fails. */
  exec(sql: string, options?: CallOptions): Promise<void>;

  /**
   * Runs a statement for what it changes. Rows that it answers are dropped.
   *
   * @example
   * ```ts
   * const { changes } = await db.run('UPDATE users SET name = $name WHERE id = $id', { id: 7, name: 'Ada' });
   * ```
   */
  run(sql: string, params?: SqlParams, options?: QueryOptions): Promise<RunResult>;
  run<P extends NamedParams<P>>(sql: string, params: P, options?: QueryOptions): Promise<RunResult>;

  /**
   * The first row, or `undefined` if there is none. A statement that writes, such as one with `RETURNING`, is
   * run to its end all the same.
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

  /** All rows. For more than fit in memory see {@link Queries.iterate}. */
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
   * The rows one after the other, some hundred to a fetch. The query begins at the first step, and errors in
   * its arguments are told then. Other calls may run between its fetches; whether the iteration sees what
   * they write is not defined. Leaving the loop ends the query, and so does `iterator.return()`. One that is stepped by
   * hand and dropped keeps it open until it is collected as garbage: `DROP TABLE` on what it reads fails with
   * `SQLITE_LOCKED` until then.
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

  /** Checks a statement, and tells its columns and parameters. It belongs to what prepared it. */
  prepare(sql: string, options?: CallOptions): Promise<Statement>;

  /**
   * Runs statements in one trip and one transaction: all take place, or none and the error names the
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
   * Runs `fn` inside a transaction: committed when it returns, rolled back when it throws, with its error
   * passed on. It is first come, first served: calls that are made on the database meanwhile wait for the end,
   * so inside use `tx` alone. A call of the database that is made inside its own transaction rejects at once with
   * `ERR_DEADLOCK`, since it would wait for itself. (It is known by its asynchronous context. Where that is another one, as
   * in the callback of an event that somebody else emits, the deadline ends it, and names the call.) `tx.transaction`
   * nests, as a savepoint. After the end, and after the deadline, `tx` rejects with `ERR_CLOSED`.
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

/** {@link QueryOptions} that ask for rows as objects, or say nothing of it. */
export interface ObjectQueryOptions extends QueryOptions {
  rowMode?: 'object';
}

/**
 * The SQLite database of one actor. Every transaction is one commit of the store, as durable as the store:
 * what was acknowledged is there, and nothing of an earlier owner comes after it.
 *
 * Foreign keys are enforced. `journal_mode`, `locking_mode`, `synchronous` and `mmap_size` are given: setting them
 * changes nothing.
 */
export declare class Database implements AsyncDisposable {
  private constructor();
  readonly actorId: string;
  /** How opening it went. */
  readonly startup: DatabaseStartup;
  /** Whether {@link Database.close} was called. */
  readonly closed: boolean;
  /** The contrary of {@link Database.closed}, by the name that it has in `better-sqlite3`. */
  readonly open: boolean;
  /** The same by the name that it has in `node:sqlite`. */
  readonly isOpen: boolean;
  /**
   * Whether a transaction is open now: one of {@link Queries.transaction}, whoever has begun it, or one that `BEGIN` or
   * `SAVEPOINT` has opened as a statement. As `sqlite3_get_autocommit` has it, and `node:sqlite` by this name. A call that
   * is made in the same moment may wait behind others, and so find another answer.
   */
  readonly isTransaction: boolean;
  /** The same by the name that it has in `better-sqlite3`. */
  readonly inTransaction: boolean;
  /**
   * How this database lost its actor, or `undefined` while it does not know of a later owner or a deletion, and
   * always for a read-only one, which has none to lose.
   */
  readonly fencedBy: FenceError | undefined;

  /**
   * What this database has done since it was opened.
   *
   * @throws {BatonError} `ERR_CLOSED`.
   */
  stats(): DatabaseStats;

  /**
   * The database as the bytes of a SQLite file, as `serialize()` of better-sqlite3: after the calls that were made before,
   * with what an open transaction of `BEGIN` has changed so far. An empty database is no bytes. It waits for its turn
   * like every call, and transactions of `transaction(fn)` come first.
   *
   * @throws {BatonError} `ERR_TOO_LARGE`: it has more than 2 GiB; `store.exportTo` takes a file or a stream. `ERR_ABORTED`,
   * `ERR_FENCE_MISMATCH`, `ERR_UNAVAILABLE`, `ERR_CORRUPT`, `ERR_OVERLOADED`, `ERR_CLOSED`.
   */
  serialize(options?: CallOptions): Promise<Uint8Array>;

  /**
   * Waits for the calls and transactions under way, then closes the database; for a transaction no longer than
   * to its deadline. Calls made later reject with `ERR_CLOSED`, those of open transactions apart. Closing
   * again is the same closing.
   *
   * @throws {BatonError} `ERR_CLOSED`: a transaction that `BEGIN` or `SAVEPOINT` had opened as a statement was not ended,
   * and is rolled back with what was written in it. The database is closed all the same.
   */
  close(): Promise<void>;

  /** {@link Database.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}
export interface Database extends Queries {}

/** An open transaction. Its methods are those of a {@link Database}; see {@link Queries.transaction}. */
export declare class Transaction {
  private constructor();
}
export interface Transaction extends Queries {}

/**
 * SQL that was checked once; its methods are those of {@link Queries} without the SQL. It needs no closing.
 *
 * It runs where it was prepared: a statement of the database waits for a transaction to end as any other call
 * of the database, so inside one use `tx.prepare`.
 */
export declare class Statement {
  private constructor();
  readonly sql: string;
  /** One entry a parameter, in order: its name with the prefix, or `null` for `?`. */
  readonly parameters: readonly (string | null)[];
  /** Whether it changes nothing. */
  readonly readonly: boolean;
  /**
   * Its columns, as of the last time that it was prepared or run; none for a statement without rows. A change of the schema
   * is seen by the next run, and by a statement that is prepared anew.
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

/** Counts of one database since it was opened, and two sizes of now. */
export interface DatabaseStats {
  /** Reads that went to the store. */
  roundTrips: number;
  /** Pages that these reads brought. */
  pagesFetched: number;
  /** Those of them that nobody had asked for yet. */
  pagesReadAhead: number;
  /** Pages that the start brought along. */
  pagesPreloaded: number;
  /** Reads that a preloaded page answered. */
  preloadHits: number;
  /** Reads that the cache answered. */
  cacheHits: number;
  /** Commits to the store. */
  commits: number;
  /** Pages that these commits wrote. */
  pagesCommitted: number;
  /** Calls that wait for their turn now. */
  queued: number;
  /** Memory that the database holds now, in bytes. */
  memoryBytes: number;
}

/**
 * The stable name of what went wrong.
 *
 * | code | meaning | retryable |
 * |---|---|---|
 * | `ERR_FENCE_MISMATCH` | the generation or head held is not the current one | no |
 * | `ERR_CONCURRENT_TAKEOVER` | another takeover came between (retryable), or v1 data met an actor that has its own (not) | see `retryable` |
 * | `ERR_MIGRATION_INCOMPLETE` | an import of v1 data is not finished | yes |
 * | `ERR_NOT_FOUND` | the actor does not exist | no |
 * | `ERR_INVALID_ARG` | a value of the wrong kind or shape | no |
 * | `ERR_OUT_OF_RANGE` | a number outside its range | no |
 * | `ERR_TOO_LARGE` | more than the store takes | no |
 * | `ERR_QUOTA_EXCEEDED` | no room left | no |
 * | `ERR_COMMIT_UNKNOWN` | a commit took place or not, and nobody can tell | no |
 * | `ERR_UNAVAILABLE` | the store cannot be reached now (retryable), or not used until somebody changes something (not) | see `retryable` |
 * | `ERR_READ_ONLY` | the store was opened with `readOnly`, and the call would write | no |
 * | `ERR_CORRUPT` | stored bytes are damaged | no |
 * | `ERR_CLOSED` | the store or database was closed, or the transaction is over | no |
 * | `ERR_ABORTED` | the caller's signal was aborted, or its time was up | no |
 * | `ERR_DEADLOCK` | a call in the function of a transaction would wait for that transaction to end | no |
 * | `ERR_OVERLOADED` | too many calls of a database wait already | yes |
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

/** What an error knows besides its code and message. */
export interface BatonErrorFields {
  /** The actor concerned. */
  readonly actor?: string;
  /** `ERR_CORRUPT`: the damaged page. */
  readonly page?: number;
  /** `ERR_CORRUPT`: the commit that wrote the damaged page. */
  readonly txid?: bigint;
  /** `ERR_FENCE_MISMATCH`: the generation that the caller named. */
  readonly held?: bigint;
  /** `ERR_FENCE_MISMATCH`: the generation of the store. */
  readonly current?: bigint;
  /** `ERR_FENCE_MISMATCH`: the head that the caller named; the store's where the caller named none. */
  readonly heldHeadTxid?: bigint;
  /** `ERR_FENCE_MISMATCH`: the head of the store. */
  readonly currentHeadTxid?: bigint;
  /** `SQLITE_...`: the extended result code, such as `SQLITE_CONSTRAINT_UNIQUE`. */
  readonly extendedCode?: string;
  /** `SQLITE_...`: the extended result code as a number, such as 2067. */
  readonly rawCode?: number;
  /** `SQLITE_ERROR`: where in the SQL the error is, in UTF-16 units as `sql.slice(offset)` counts. */
  readonly offset?: number;
  /** Which statement of a batch failed, from 0. */
  readonly statement?: number;
}

/** What a {@link BatonError} is made from, besides its code and message. */
export interface BatonErrorDetails extends BatonErrorFields {
  /** @default false */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/** What every operation fails with. Ask {@link isBatonError} rather than `instanceof`. */
export declare class BatonError extends Error implements BatonErrorFields {
  /** Makes one, for tests of code that handles them. */
  constructor(code: ErrorCode, message: string, details?: BatonErrorDetails);
  /** `'BatonError'`; `'AbortError'` where the code is `ERR_ABORTED`, as Node and the web call it. */
  name: 'BatonError' | 'AbortError';
  /** What went wrong; stable, unlike `message`. */
  readonly code: ErrorCode;
  /** Whether the same call may succeed later without anybody changing anything. */
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

/** The fields that errors of one code always have. */
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

/** A {@link BatonError} of one code, with the fields that this code always has. */
export type BatonErrorOf<Code extends ErrorCode> = BatonError & {
  readonly code: Code;
} & (Code extends keyof FieldsOfCode ? FieldsOfCode[Code] : unknown);

/** How a database lost its actor: to another owner, or because it was deleted. */
export type FenceError = BatonErrorOf<'ERR_FENCE_MISMATCH'> | BatonErrorOf<'ERR_NOT_FOUND'>;

/**
 * Whether a value is a {@link BatonError}, of the given code if there is one. Unlike `instanceof` it knows
 * errors of other realms (Jest, `node:vm`) and of other copies of this package.
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

/** How much a {@link LogRecord} matters: `'error'` asks for somebody to act, `'trace'` tells of every read. */
export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'trace';

/** What {@link setLogger} hands over. */
export interface LoggerOptions {
  /**
   * Records of this level and of graver ones.
   *
   * @default 'info'
   */
  level?: LogLevel;
  /**
   * Directives between commas, instead of `level`: `level` for everything, `target=level` for a target and those
   * below it, `target` for all of it, with `off` as a further level. The longest target that fits counts, and of
   * equal ones the last; what none fits is off. `'warn,baton::commit=debug'` is an example. No variable of the
   * environment is read.
   */
  filter?: string;
  /**
   * How many records wait at most, 1 to 1048576. Further ones are dropped and counted.
   *
   * @default 1024
   */
  capacity?: number;
}

/** What happened in the addon. `docs/observability.md` lists all of them. */
export interface LogRecord {
  time: Date;
  level: LogLevel;
  /** The part of the addon it comes from, such as `'baton::startup'`. */
  target: string;
  /** What happened; stable, unlike `message`: such as `'startup.lost'`. */
  name: string;
  /** The same for people. */
  message: string;
  /** `generation`, `previous`, `current`, `held` and every txid are bigint. */
  fields: Record<string, string | number | bigint | boolean>;
  /** The operations it happened in, the outermost first, as far as the filter shows them. */
  spans: { name: string; fields: Record<string, string | number | bigint | boolean> }[];
  /** The trace of the call, if it was given a `traceparent`: 32 hexadecimal digits. */
  traceId?: string;
  /** The span of the caller in that trace: 16 hexadecimal digits. */
  spanId?: string;
}

/** A logger that {@link setLogger} has set. */
export interface Logger extends Disposable {
  /** How many records were dropped because too many waited. */
  readonly dropped: number;
  /** Resolves when the records that wait now were handed over. It keeps the process alive meanwhile. */
  flush(): Promise<void>;
  /** Ends it. Records that wait are dropped; `flush` before keeps them. Closing again does nothing. */
  close(): void;
}

/**
 * Has what the addon logs handed to a function, for all stores of the process. Each thread of Node may have one
 * logger, with a queue of its own; another call replaces it, and `null` removes it.
 *
 * Logging never waits for the function: what does not fit into the queue is dropped, and a record
 * `logger.dropped` at its place says how many were. A logger does not keep the process alive. What the function
 * throws is reported once, with `process.emitWarning`, and nothing else comes of it.
 *
 * @example
 * ```ts
 * const logger = setLogger({ level: 'warn' }, ({ level, name, message, fields }) => {
 *   console.error(level, name, message, fields);
 * });
 * ```
 * @throws {BatonError} `ERR_INVALID_ARG`, `ERR_OUT_OF_RANGE`: an option is wrong; a directive of the filter that is
 * none is named.
 */
export declare function setLogger(options: LoggerOptions, callback: (record: LogRecord) => void): Logger;
export declare function setLogger(options: null): undefined;

/**
 * The message of the channels `tracing:batondb:sql:start`, `end`, `asyncStart`, `asyncEnd` and `error` of
 * `node:diagnostics_channel`: one object for all events of a call. It has neither parameters nor rows.
 */
export interface SqlEvent {
  readonly actorId: string;
  readonly generation: bigint;
  readonly operation:
    'exec' | 'run' | 'get' | 'all' | 'iterate' | 'batch' | 'prepare' | 'begin' | 'commit' | 'rollback';
  /** The SQL as it was given; statements of a batch with `;` and a line end between. */
  readonly sql: string;
  /** `asyncEnd`: the rows that came, of calls that answer with rows. */
  readonly rowCount?: number;
  /** `asyncEnd`: the rows changed, of `run` and `batch`. */
  readonly changes?: number;
  /** What the call failed with. */
  readonly error?: unknown;
  /** `asyncEnd`, `error`: from the call to its answer, waiting for its turn included, in milliseconds. */
  readonly durationMs?: number;
  /** The same under the names of OpenTelemetry's conventions for databases. */
  readonly attributes: Record<string, string | number>;
}

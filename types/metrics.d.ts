// What a store has done, as numbers.

import type { History } from './history.js';
import type { Store } from './store.js';

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
  /** What was done with the past of actors, see {@link History}. */
  history: {
    /** Calls of `restore`. */
    restores: { completed: number; failed: number };
    /** Calls of `fork`. */
    forks: { completed: number; failed: number };
    /** Actors that had shared pages and stand by themselves since. */
    flattenings: {
      /** By `flatten`, or by a `restore` or `fork` that had to copy first. */
      call: number;
      /** In the background. */
      background: number;
      /** Ended with an error. */
      failed: number;
      /** Pages copied. */
      pages: number;
      /** The bytes of their rows, keys included. */
      bytes: number;
    };
    /** What the policies did not keep any more, dropped in the background. */
    thinnings: {
      /** How long each thinning of one actor took. */
      seconds: Histogram;
      /** Transactions that dropped points, or parts of a large one. */
      steps: number;
      pointsDropped: number;
    };
    pins: {
      /** By `pin`, by restores, and for readers of the past, exports and copies. The pins of forks are not counted. */
      made: { user: number; undo: number; reader: number };
      /** Removed because their time was over. Of readers: their process ended without closing them. */
      expired: { user: number; undo: number; reader: number };
    };
  };
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
    /** Commits through the journal since the store was opened; one may carry many transactions. */
    journalRecords: number;
    /** Bytes written to the journal. */
    journalBytes: number;
    /** Flushes of the journal, of the data and of checkpoints. */
    journalFlushes: number;
    /** Checkpoints. */
    checkpoints: number;
    /** How long checkpoints took, in milliseconds, most of it in the background. */
    checkpointMs: number;
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

// What a store holds and how it is: checks, inspections, health.

import type { History } from './history.js';
import type { GetPagesRequest, Meta } from './pages.js';
import type { Store } from './store.js';

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
  /**
   * What the past of the checked actors holds, those that were busy excepted: actors with history, states, pins, and
   * the rows and bytes beyond the current states.
   */
  history: { actors: number; points: number; pins: number; rows: number; bytes: number };
}

/** A problem that verification found. */

export interface Problem {
  /** The actor concerned. Absent if the row belongs to no actor. */
  actorId?: string;
  /**
   * The kind of row, or `'integrity'` for a problem that SQLite found. `'checkpoint'` and `'journal'` are the files
   * beside the rows of a store in a directory.
   */
  kind:
    | 'store'
    | 'fence'
    | 'head'
    | 'page'
    | 'stage'
    | 'hints'
    | 'history'
    | 'point'
    | 'pin'
    | 'line'
    | 'unknown'
    | 'integrity'
    | 'checkpoint'
    | 'journal';
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
    /** The rows of its history: policy, points, pins, lines. */
    history: RowCount;
    /** Rows that belong to nothing. */
    stray: RowCount;
  };
  /** What the actor keeps of its past, see {@link History}. */
  history: {
    /** How many states are kept, the current one included; 0 for an actor without history. */
    points: number;
    /** The oldest point. */
    oldest?: string;
    /** How many pins there are, those of forks and readers included. */
    pins: number;
    /** The actors whose pages it still shares, nearest first: those it was forked from. */
    ancestors: string[];
    /** Rows that are there for the past alone: replaced versions of pages, points, pins, lines. */
    rows: number;
    /** The bytes of their keys and values. */
    bytes: number;
  };
  /** Pages inside the size that have no row. They read as zeros. */
  pagesNeverWritten: number;
  problems: Problem[];
  /** The number of problems left out. */
  problemsOmitted: number;
}

/** Options of {@link Store.stat}. */
export interface StatOptions {
  /**
   * Also says what the actor's past holds. That reads every row of the actor, and the pages that it shares with others,
   * in reads of at most 64 MiB; on FoundationDB, of at most 8 MB each.
   *
   * @default false
   */
  history?: boolean;
  /** See {@link GetPagesRequest.signal}. */
  signal?: AbortSignal;
}

/**
 * What the past of an actor holds. An owner may commit meanwhile; then the numbers are as before or after these commits,
 * or between.
 */
export interface ActorHistory {
  /** How many states are kept, the current one included; 0 for an actor without history. */
  points: number;
  /** The oldest point. */
  oldest?: string;
  /** When it was committed. */
  oldestTime?: Date;
  /** How many pins there are, those of forks and readers included. */
  pins: number;
  /** The actors whose pages it still shares, nearest first: those it was forked from. */
  ancestors: string[];
  /** Rows that are there for the past alone: replaced versions of pages, points, pins, lines. */
  rows: number;
  /** The bytes of their keys and values: what the history costs beyond the current state. */
  bytes: number;
  /** The bytes of the rows of the current state that are the actor's own. */
  ownBytes: number;
  /** The bytes of those that it shares: what {@link History.flatten} would copy. */
  sharedBytes: number;
}

/** Options of {@link Store.historyUsage}. */
export interface HistoryUsageOptions {
  /** Counts only actors whose ids begin with this. */
  prefix?: string;
  /** See {@link GetPagesRequest.signal}. */
  signal?: AbortSignal;
  /** Called after each step. An error that it throws ends the call. */
  onProgress?: (progress: {
    /** Actors looked at so far. */
    actors: number;
    /** Of these, actors with history that were counted. */
    withHistory: number;
    /** Rows read of actors with history. */
    rowsRead: number;
    /** Their bytes. */
    bytesRead: number;
  }) => void;
}

/** The result of {@link Store.historyUsage}. */
export interface HistoryUsage {
  /** Actors looked at. Deleted ones count: pins and forks may keep their states. */
  actors: number;
  /** Actors with history among them. */
  withHistory: number;
  /** The states that are kept, the current ones included. */
  points: number;
  /** The pins, those of forks and readers included. */
  pins: number;
  /** Rows that are there for the past alone. */
  rows: number;
  /** The bytes of their keys and values. */
  bytes: number;
  /** The bytes of the rows of the current states of the actors with history, as far as they are their own. */
  ownBytes: number;
  /**
   * The bytes of the rows of other actors that their current states show: what flattening all of them would copy. What
   * several forks share counts for each of them.
   */
  sharedBytes: number;
  /** When the oldest state was committed. */
  oldestTime?: Date;
  /** The actors whose past holds most: at most 10, the largest first. */
  largest: { actorId: string; points: number; bytes: number; sharedBytes: number }[];
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
  /** With the backend `'embedded'`: what its journal holds. Absent if the store is of the format without one. */
  journal?: JournalStatus;
}

/**
 * What the journal of a store in a directory holds, whichever process has written it. After a loss of power the store
 * goes back to the checkpoint, and the records since then are applied again.
 */
export interface JournalStatus {
  /** The segments, by their numbers, and the bytes of their files. */
  segments: { number: number; fileBytes: number }[];
  /** The number of the commit whose state is whole on the disk. Absent before the first commit. */
  checkpoint?: number;
  /** How long ago that was written down, in milliseconds, by the time of the file. */
  checkpointAgeMs?: number;
  /** The number of the newest commit. Commits of the embedded engine carry transactions of many actors. */
  newest: number;
  /** Commits since the checkpoint that the journal holds. */
  records: number;
  /** Bytes of these. */
  bytes: number;
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

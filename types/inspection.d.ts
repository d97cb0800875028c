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

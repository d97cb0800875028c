/// <reference lib="esnext.disposable" />

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
   * together, or the path is a file or a directory of something else. `ERR_UNAVAILABLE`: the directory cannot
   * be made or opened, or this build lacks the backend. `ERR_CORRUPT`: the store is damaged.
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
   * @returns Whether there was anything to delete.
   * @throws {BatonError} `ERR_INVALID_ARG`, `ERR_UNAVAILABLE`, `ERR_CLOSED`.
   */
  delete(actorId: string): Promise<boolean>;

  /**
   * Makes an actor from a SQLite database file, of any legal page size. It takes the actor over while it
   * reads; an owner that held the actor is fenced.
   *
   * @param file Path of the file. It must be at rest: a hot journal or a WAL beside it is refused.
   * @throws {BatonError} `ERR_INVALID_ARG`: the file is not a SQLite database or not at rest, or the actor
   * has pages already and `replace` is not set. `ERR_CONCURRENT_TAKEOVER`, `ERR_FENCE_MISMATCH`: the actor
   * was taken over meanwhile. `ERR_TOO_LARGE`, `ERR_QUOTA_EXCEEDED`, `ERR_UNAVAILABLE`,
   * `ERR_COMMIT_UNKNOWN`, `ERR_CORRUPT`, `ERR_CLOSED`.
   */
  importFrom(actorId: string, file: string, options?: ImportOptions): Promise<Meta>;

  /**
   * Writes an actor's database as a SQLite file, from one committed head, without taking the actor over.
   * What {@link Store.importFrom} read and nobody changed comes out byte for byte.
   *
   * @param file Path of the file to write.
   * @returns The state of the actor that the file holds.
   * @throws {BatonError} `ERR_NOT_FOUND`, `ERR_INVALID_ARG`, `ERR_UNAVAILABLE`, `ERR_CORRUPT`, `ERR_CLOSED`.
   */
  exportTo(actorId: string, file: string): Promise<Meta>;

  /**
   * Waits for the calls under way, then closes the store. Calls made later reject with `ERR_CLOSED`. Closing
   * again is the same closing.
   */
  close(): Promise<void>;

  /** {@link Store.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Which store to open. */
export type StoreOptions = EmbeddedStoreOptions | MemoryStoreOptions | FoundationDbStoreOptions;

/** A store in a directory of this machine. */
export interface EmbeddedStoreOptions {
  /** The directory. It is made if it is not there. Relative paths start at the working directory. */
  path: string;
  /**
   * What an answered commit survives. `'strict'`: `kill -9` and a power loss. `'relaxed'`: `kill -9` only; a
   * power loss can cost the whole store, so it is for tests and scratch data.
   *
   * @default 'strict'
   */
  durability?: 'strict' | 'relaxed';
  /**
   * The largest size of the store's file, in bytes: at least 1048576. A commit that would pass it fails with
   * `ERR_QUOTA_EXCEEDED`. As much address space is reserved (not memory, and not disk).
   *
   * @default 1 TiB
   */
  maxSizeBytes?: number;
  memory?: undefined;
  foundationdb?: undefined;
}

/** A store in memory, gone when it is closed. Each one opened is a store of its own. */
export interface MemoryStoreOptions {
  memory: true;
  path?: undefined;
  foundationdb?: undefined;
}

/** A store on a FoundationDB cluster. This build has no such backend: opening answers `ERR_UNAVAILABLE`. */
export interface FoundationDbStoreOptions {
  foundationdb: {
    /** Path of the cluster file. */
    clusterFile?: string;
    /** What every key of the store begins with. */
    prefix: string;
    /** Path of the FoundationDB client library. */
    clientLibrary?: string;
  };
  path?: undefined;
  memory?: undefined;
}

/** How to take an actor over. */
export interface LoadStartupOptions {
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
   * Whether the pages come too that the last owner's database needed soon after its start, as far as
   * `maxBytes` has room for them. Databases note them; an actor that was only ever used page by page has none.
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

/** How to import. */
export interface ImportOptions {
  /**
   * Whether the pages of an actor that has some are replaced. Without it such an actor is refused.
   *
   * @default false
   */
  replace?: boolean;
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

/**
 * The stable name of what went wrong.
 *
 * | code | meaning | retryable |
 * |---|---|---|
 * | `ERR_FENCE_MISMATCH` | the generation or head held is not the current one | no |
 * | `ERR_CONCURRENT_TAKEOVER` | another takeover came between | yes |
 * | `ERR_MIGRATION_INCOMPLETE` | an import of v1 data is not finished | yes |
 * | `ERR_NOT_FOUND` | the actor does not exist | no |
 * | `ERR_INVALID_ARG` | a value of the wrong kind or shape | no |
 * | `ERR_OUT_OF_RANGE` | a number outside its range | no |
 * | `ERR_TOO_LARGE` | more than the store takes | no |
 * | `ERR_QUOTA_EXCEEDED` | no room left | no |
 * | `ERR_COMMIT_UNKNOWN` | a commit took place or not, and nobody can tell | no |
 * | `ERR_UNAVAILABLE` | the store cannot be reached or used now | see `retryable` |
 * | `ERR_CORRUPT` | stored bytes are damaged | no |
 * | `ERR_CLOSED` | the store was closed | no |
 * | `ERR_ABORTED` | the caller's signal was aborted | no |
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
  | 'ERR_CORRUPT'
  | 'ERR_CLOSED'
  | 'ERR_ABORTED';

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
  /** What went wrong; stable, unlike `message`. */
  readonly code: ErrorCode;
  /** Whether the same call may succeed later without anybody changing it. */
  readonly retryable: boolean;
  readonly actor?: string;
  readonly page?: number;
  readonly txid?: bigint;
  readonly held?: bigint;
  readonly current?: bigint;
  readonly heldHeadTxid?: bigint;
  readonly currentHeadTxid?: bigint;
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
}

/** A {@link BatonError} of one code, with the fields that this code always has. */
export type BatonErrorOf<Code extends ErrorCode> = BatonError & {
  readonly code: Code;
} & (Code extends keyof FieldsOfCode ? FieldsOfCode[Code] : unknown);

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

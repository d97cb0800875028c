// An actor page by page: starts, reads and commits.

import type { Store } from './store.js';

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

// Whole databases in and out: files, streams, copies, imports of v1 data.

import type { Meta } from './pages.js';
import type { Store } from './store.js';

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
   * The state of the past to write, to a file: a point, a time, or the name of a pin. The owner can commit meanwhile, on
   * every backend. Not for streams. By default the current state.
   */
  at?: string | Date;
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

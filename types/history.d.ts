// History: points, pins, restores, forks, reads of the past.

import type { LoadStartupOptions } from './pages.js';

/** A length of time: a number of milliseconds, or a text such as `'500ms'`, `'30s'`, `'10m'`, `'6h'`, `'7d'`, `'4w'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd' | 'w'}`;

/**
 * Which states of the past an actor keeps. The example keeps every commit of the last 10 minutes, then the last one of
 * every 5 minutes for 7 days.
 *
 * @example
 * ```ts
 * await store.setHistory('agent-7', { keepAll: '10m', then: [{ every: '5m', for: '7d' }] });
 * ```
 */
export interface HistoryPolicy {
  /** Every commit is kept until it is this old. `Infinity` keeps all of them for ever. */
  keepAll: Duration;
  /**
   * What is kept of older commits: at most 16 tiers with ascending ages. Of each stretch of `every`, counted from
   * 1970-01-01 UTC, the last commit is kept until it is as old as `for`.
   */
  then?: { every: Duration; for: Duration }[];
}

/** A state of the past that is kept. */
export interface Point {
  /** What it is called: an opaque text. Of two points of an actor, the later one is the greater text. */
  point: string;
  /** When it was committed. Times of an actor's points never fall, even if the clock goes back. */
  time: Date;
  /** How it came about: by a commit, a restore, an import or copy of a whole database, or as a fork of another actor. */
  kind: 'commit' | 'restore' | 'import' | 'fork';
  /** How many pages may have changed since the point before; `undefined` after a large commit. */
  pages: number | undefined;
  /** The size of the database in pages. */
  sizePages: number;
  /** The names of its pins. */
  names: string[];
}

/** Options of {@link History.points}. */
export interface PointsOptions {
  /** Only this point and later ones, or those committed at this time or later. */
  from?: string | Date;
  /** Only this point and earlier ones, or those committed at this time or earlier. */
  to?: string | Date;
  /** The maximum number of points, the newest ones, 1 to 4294967295. By default all. */
  limit?: number;
}

/** Options of {@link History.pin}. */
export interface PinOptions {
  /** The name of the pin, 1 to 256 bytes of UTF-8. It must not look like a point. */
  name?: string;
  /** The state to keep: a point, a time, or the name of another pin. By default the current one. */
  at?: string | Date;
  /** When the pin ends by itself: a time, or how long from now. By default never. */
  expires?: Date | Duration;
  /** See {@link LoadStartupOptions.traceparent}. */
  traceparent?: string;
}

/** Options of {@link History.unpin}. */
export interface UnpinOptions {
  /** See {@link LoadStartupOptions.traceparent}. */
  traceparent?: string;
}

/** Options of {@link History.restore}. */
export interface RestoreOptions {
  /** The state to go back to: a point, a time, or the name of a pin. */
  to: string | Date;
  /** See {@link LoadStartupOptions.traceparent}. */
  traceparent?: string;
}

/** Options of {@link History.fork}. */
export interface ForkOptions {
  /** The state to fork: a point, a time, or the name of a pin. By default the current one. */
  at?: string | Date;
  /** See {@link LoadStartupOptions.traceparent}. */
  traceparent?: string;
}

/** Options of {@link History.flatten}. */
export interface FlattenOptions {
  /** See {@link LoadStartupOptions.traceparent}. */
  traceparent?: string;
}

/** The result of {@link History.restore}. */
export interface Restored {
  /** The new generation. Nobody owns it: the next start takes the actor over. */
  generation: bigint;
  /** The point whose state the actor has now. */
  point: string;
  /** When that point was committed. */
  time: Date;
  /** The state before. Restoring it undoes the restore; it is kept for 7 days. */
  undo: string;
}

/** The past of a store's actors. `docs/history.md` explains it with examples. */
export interface History {
  /**
   * Sets which states of one actor are kept, whatever the store says: a policy, `false` for none, or `undefined` for
   * what the store says. The state at this moment is the first one that is kept. States that the new policy does not
   * keep are dropped in the background, except pinned ones.
   *
   * @throws {BatonError} `ERR_NOT_FOUND`, `ERR_INVALID_ARG`, `ERR_OUT_OF_RANGE`: not a policy. `ERR_UNAVAILABLE`,
   * `ERR_QUOTA_EXCEEDED`, `ERR_CORRUPT`, `ERR_READ_ONLY`, `ERR_CLOSED`.
   */
  setHistory(actorId: string, policy?: HistoryPolicy | false): Promise<void>;

  /**
   * Iterates over the states that are kept, newest first. Of an actor that was deleted these are the ones that a user
   * has pinned, also once there is a new actor of that id; what only its forks show is not among them.
   *
   * @throws {BatonError} `ERR_NOT_FOUND`, `ERR_INVALID_ARG`, `ERR_UNAVAILABLE`, `ERR_CORRUPT`, `ERR_CLOSED`.
   */
  points(actorId: string, options?: PointsOptions): AsyncGenerator<Point, void, void>;

  /**
   * Returns the last point at or before a time, and its own time. Of points with the same time, it is the last one.
   *
   * @param when A `Date`, a text that `Date` parses, or how long ago it was, such as `{ ago: '10m' }`.
   * @throws {BatonError} `ERR_NOT_RETAINED`: nothing is kept that is as old; `oldest` is the oldest point.
   * `ERR_NOT_FOUND`, `ERR_INVALID_ARG`, `ERR_UNAVAILABLE`, `ERR_CORRUPT`, `ERR_CLOSED`.
   */
  pointAt(actorId: string, when: Date | string | { ago: Duration }): Promise<{ point: string; time: Date }>;

  /**
   * Keeps a state whatever the policy says, until {@link History.unpin} or until it expires. It works without a policy,
   * too: then the current state is kept, and commits keep what they replace as long as the pin exists. Pins survive the
   * deletion of their actor.
   *
   * @returns The point that is kept.
   * @throws {BatonError} `ERR_NOT_RETAINED`, `ERR_NOT_FOUND`, `ERR_INVALID_ARG`: also if there is a pin of that name,
   * or if the actor has no pages. `ERR_UNAVAILABLE`, `ERR_QUOTA_EXCEEDED`, `ERR_CORRUPT`, `ERR_READ_ONLY`, `ERR_CLOSED`.
   */
  pin(actorId: string, options?: PinOptions): Promise<{ point: string }>;

  /**
   * Removes the pin of a name, or all pins of a point that were set by users or by restores.
   *
   * @returns Whether there was one.
   * @throws {BatonError} `ERR_INVALID_ARG`, `ERR_UNAVAILABLE`, `ERR_CORRUPT`, `ERR_READ_ONLY`, `ERR_CLOSED`.
   */
  unpin(actorId: string, nameOrPoint: string, options?: UnpinOptions): Promise<boolean>;

  /**
   * Sets an actor back to a state that is kept, in one small transaction, whatever its size. Whoever owns the actor is
   * fenced, wherever it runs; start it again afterwards. The restore is a commit of its own, and the state before it is
   * pinned for 7 days.
   *
   * @example
   * ```ts
   * const { undo } = await store.restore('agent-7', { to: new Date(Date.now() - 10 * 60_000) });
   * ```
   * @throws {BatonError} `ERR_NOT_RETAINED`: the state is not kept; nothing has changed. `ERR_NOT_FOUND`,
   * `ERR_INVALID_ARG`, `ERR_MIGRATION_INCOMPLETE`, `ERR_UNAVAILABLE`, `ERR_QUOTA_EXCEEDED`, `ERR_CORRUPT`,
   * `ERR_READ_ONLY`, `ERR_CLOSED`.
   */
  restore(actorId: string, options: RestoreOptions): Promise<Restored>;

  /**
   * Makes an actor that has a state of another one, in one small transaction, whatever its size. Both go their own ways
   * from there; pages are shared until they are rewritten. The owner of the source goes on and does not notice.
   *
   * @returns The fork's generation, which nobody owns, and the point of the source that it shows.
   * @throws {BatonError} `ERR_EXISTS`: there is an actor `to`. `ERR_NOT_RETAINED`, `ERR_NOT_FOUND`, `ERR_INVALID_ARG`:
   * also if the source has no pages. `ERR_UNAVAILABLE`, `ERR_QUOTA_EXCEEDED`, `ERR_CORRUPT`, `ERR_READ_ONLY`,
   * `ERR_CLOSED`.
   */
  fork(from: string, to: string, options?: ForkOptions): Promise<{ generation: bigint; point: string }>;

  /**
   * Copies the pages that an actor still shares with the actors it was forked from, so that these can let go of them.
   * Its owner goes on meanwhile.
   *
   * @throws {BatonError} `ERR_INVALID_ARG`, `ERR_UNAVAILABLE`, `ERR_QUOTA_EXCEEDED`, `ERR_CORRUPT`, `ERR_READ_ONLY`,
   * `ERR_CLOSED`.
   */
  flatten(actorId: string, options?: FlattenOptions): Promise<void>;
}

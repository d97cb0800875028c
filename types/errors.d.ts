// Errors: one class, stable codes.

/**
 * The stable code of an error.
 *
 * | code | meaning | retryable |
 * |---|---|---|
 * | `ERR_FENCE_MISMATCH` | the generation or head held is not the current one | no |
 * | `ERR_CONCURRENT_TAKEOVER` | another takeover intervened (retryable), or v1 data met an actor that has its own data (not) | see `retryable` |
 * | `ERR_MIGRATION_INCOMPLETE` | an import of v1 data is not finished | yes |
 * | `ERR_NOT_FOUND` | the actor does not exist | no |
 * | `ERR_EXISTS` | a fork was to be made, and there is an actor of that name | no |
 * | `ERR_NOT_RETAINED` | a state of the past that is not kept, or never was | no |
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
 * | `ERR_BUSY` | a synchronous call cannot run now: another call of the database waits or runs | yes |
 * | `ERR_WOULD_BLOCK` | a synchronous call would wait for the network (not retryable), or for another process (retryable) | see `retryable` |
 * | `ERR_OVERLOADED` | too many calls of a database are already waiting | yes |
 * | `SQLITE_...` | SQLite's own: `SQLITE_ERROR`, `SQLITE_CONSTRAINT` and the other primary result codes | no |
 */
export type ErrorCode =
  | 'ERR_FENCE_MISMATCH'
  | 'ERR_CONCURRENT_TAKEOVER'
  | 'ERR_MIGRATION_INCOMPLETE'
  | 'ERR_NOT_FOUND'
  | 'ERR_EXISTS'
  | 'ERR_NOT_RETAINED'
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
  | 'ERR_BUSY'
  | 'ERR_WOULD_BLOCK'
  | 'ERR_OVERLOADED'
  | `SQLITE_${string}`;

/** The fields of an error besides its code and message. */

export interface BatonErrorFields {
  /** The actor concerned. */
  readonly actor?: string;
  /** `ERR_NOT_RETAINED`: the oldest point that is kept, if there is one. */
  readonly oldest?: string;
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
  readonly oldest?: string;
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
  ERR_EXISTS: Required<Pick<BatonErrorFields, 'actor'>>;
  ERR_NOT_RETAINED: Required<Pick<BatonErrorFields, 'actor'>>;
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

/// <reference lib="esnext.disposable" />

// Logs and diagnostics channels.

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
    | 'exec'
    | 'run'
    | 'get'
    | 'all'
    | 'iterate'
    | 'batch'
    | 'prepare'
    | 'begin'
    | 'commit'
    | 'rollback'
    | 'applyChangeset';
  /** The SQL as it was passed; of a changeset nothing. The statements of a batch are joined by `;` and a line break. */
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

/// <reference lib="esnext.disposable" />

/**
 * The store, which holds actors, and the SQLite database of each actor.
 *
 * @module batondb
 */

// The store and its actors.
export { type ActorEntry, type DeleteOptions, type ListOptions, Store } from './types/store.js';

// An actor page by page: starts, reads and commits.
export {
  type CommitRequest,
  type GetPagesRequest,
  type LoadStartupOptions,
  type Meta,
  PageSet,
  type PageWrite,
  type Preload,
  type Startup,
} from './types/pages.js';

// History: points, pins, restores, forks, reads of the past.
export {
  type Duration,
  type FlattenOptions,
  type ForkOptions,
  type History,
  type HistoryPolicy,
  type PinOptions,
  type Point,
  type PointsOptions,
  type Restored,
  type RestoreOptions,
  type UnpinOptions,
} from './types/history.js';

// How a store is opened: in a directory, in memory, on FoundationDB.
export {
  type EmbeddedStoreOptions,
  type FoundationDbStoreOptions,
  type MemoryStoreOptions,
  type StoreOptions,
} from './types/store-options.js';

// Whole databases in and out: files, streams, copies, imports of v1 data.
export {
  type BytesLike,
  type CopyOptions,
  type CopyProgress,
  type CopyResult,
  type ExportOptions,
  type ExportTarget,
  type ImportOptions,
  type ImportSource,
  type MigrateOptions,
  type RenameOptions,
  type SerializeOptions,
  type V1Entry,
} from './types/transfer.js';

// What a store holds and how it is: checks, inspections, health.
export {
  type ActorHistory,
  type FoundationDbStatus,
  type HistoryUsage,
  type HistoryUsageOptions,
  type JournalStatus,
  type Inspection,
  type PingOptions,
  type PingResult,
  type Problem,
  type RowCount,
  type StatOptions,
  type StoreStatus,
  type VerifyOptions,
  type VerifyProgress,
  type VerifyReport,
} from './types/inspection.js';

// What a store has done, as numbers.
export { type Histogram, type PrometheusOptions, type StoreMetrics } from './types/metrics.js';

// A SQLite database for each actor: opening, transactions, prepared statements.
export {
  type ColumnInfo,
  Database,
  type DatabaseOptions,
  type DatabaseStartup,
  type AggregateOptions,
  type DatabaseStats,
  type FunctionOptions,
  Statement,
  Transaction,
  type TransactionOptions,
} from './types/database.js';

// Calls of SQL: parameters, rows, options and results.
export {
  type ArrayQueryOptions,
  type BatchResult,
  type BatchStatement,
  type BatchStatementOf,
  type CallOptions,
  type NamedParams,
  type ObjectQueryOptions,
  type Queries,
  type QueryOptions,
  type RowFor,
  type RunResult,
  type SqlParam,
  type SqlParams,
  type SqlRow,
  type SqlValue,
  type UncheckedParams,
  type UncheckedParamsFor,
} from './types/queries.js';

// The same on the calling thread.
export {
  type SyncArrayOptions,
  type SyncObjectOptions,
  type SyncQueries,
  type SyncQueryOptions,
  type SyncTransactionOptions,
} from './types/sync.js';

// Sessions and changesets.
export { type ApplyChangesetOptions, Session, type SessionOptions, constants } from './types/sessions.js';

// Errors: one class, stable codes.
export {
  BatonError,
  type BatonErrorDetails,
  type BatonErrorFields,
  type BatonErrorOf,
  type ErrorCode,
  type FenceError,
  type FieldsOfCode,
  isBatonError,
} from './types/errors.js';

// Logs and diagnostics channels.
export {
  type LogLevel,
  type LogRecord,
  type Logger,
  type LoggerOptions,
  type SqlEvent,
  setLogger,
} from './types/observe.js';

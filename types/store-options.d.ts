// How a store is opened: in a directory, in memory, on FoundationDB.

import type { DatabaseOptions } from './database.js';
import type { History, HistoryPolicy } from './history.js';
import type { Store } from './store.js';

export type StoreOptions = EmbeddedStoreOptions | MemoryStoreOptions | FoundationDbStoreOptions;

/** A store in a directory on this machine. */

export interface EmbeddedStoreOptions {
  /**
   * The directory, as a path or a `file:` URL. It is created if it does not exist. Relative paths start at the working
   * directory.
   */
  path: string | URL;
  /**
   * Whether to create the store if it does not exist. With `false`, opening a missing store fails with
   * `ERR_INVALID_ARG`.
   *
   * @default true
   */
  create?: boolean;
  /**
   * What a resolved commit survives. `'strict'`: `kill -9` and a power loss. `'relaxed'`: only `kill -9`. A power loss
   * then costs the commits of the last second or so, but not the store.
   *
   * @default 'strict'
   */
  durability?: 'strict' | 'relaxed';
  /**
   * The maximum size of the store's file in bytes, 1048576 to 2^46. A commit that would exceed it fails with
   * `ERR_QUOTA_EXCEEDED`. The next write records the limit in the store; processes that do not set one then use it.
   *
   * @default the limit recorded in the store, or else 1 TiB
   */
  maxSizeBytes?: number;
  /**
   * Whether the store is read-only: every call that writes fails with `ERR_READ_ONLY`. The store must already exist.
   * Only lock files are created, and only if the directory is writable. A directory on a read-only mount, a snapshot, a
   * backup or another user's directory will do. Open databases with {@link DatabaseOptions.readOnly}.
   *
   * @default false
   */
  readOnly?: boolean;
  /**
   * The permissions of new files, as `chmod` takes them, such as `0o660`; at least `0o600`. A new directory gets them
   * too, plus the permission to enter it. Not on Windows.
   *
   * @default those of the directory, without the execute bits
   */
  mode?: number;
  /**
   * The memory for pages of SQL databases in bytes, shared by all databases of the store.
   *
   * @default 67108864
   */
  cacheBytes?: number;
  /**
   * Which states of the past the store's actors keep. Without it, actors stay as they are, and new ones keep nothing;
   * `false` ends what the store has kept so far, except for pinned states. {@link History.setHistory} sets it for one
   * actor.
   */
  history?: HistoryPolicy | false;
  memory?: undefined;
  foundationdb?: undefined;
}

/** A store in memory, which is gone when it is closed. Each open call creates a separate store. */

export interface MemoryStoreOptions {
  memory: true;
  /**
   * The memory for pages of SQL databases in bytes, shared by all databases of the store.
   *
   * @default 67108864
   */
  cacheBytes?: number;
  /**
   * Which states of the past the store's actors keep. Without it, actors stay as they are, and new ones keep nothing;
   * `false` ends what the store has kept so far, except for pinned states. {@link History.setHistory} sets it for one
   * actor.
   */
  history?: HistoryPolicy | false;
  create?: undefined;
  path?: undefined;
  foundationdb?: undefined;
}

/**
 * A store on a FoundationDB cluster (7.3 or later), shared by many machines. It needs FoundationDB's client library on
 * this machine. The library is loaded when the first such store is opened. `docs/foundationdb.md` says how to install
 * and run it.
 */
export interface FoundationDbStoreOptions {
  foundationdb: {
    /**
     * The prefix of the store's keys: 1 to 256 bytes of UTF-8. Stores with different prefixes are separate, even in the
     * same cluster and even if one prefix is the beginning of the other.
     */
    prefix: string;
    /**
     * The path of the cluster file. Relative paths start at the working directory. The client rewrites this file when
     * the coordinators change, so the file and its directory should be writable.
     *
     * @default where the client looks: `FDB_CLUSTER_FILE`, `./fdb.cluster`, the system's
     */
    clusterFile?: string | URL;
    /**
     * The path of the client library, `libfdb_c`. A process can load only one, so all its stores share it.
     *
     * @default `FDB_CLIENT_LIBRARY`, then the paths of the system's loader and of FoundationDB's packages
     */
    clientLibrary?: string | URL;
    /**
     * How long a call that needs one transaction may take, in milliseconds, 100 to 600000. It includes waiting for the
     * cluster, retries after conflicts, and finding out what became of a commit whose answer was lost. Each transaction
     * gets a third of it, so if the cluster is away, the call fails with `ERR_UNAVAILABLE` after that time. Calls that
     * need many transactions (large commits, imports, long reads) may go on for as long as each transaction makes
     * progress.
     *
     * @default 30000
     */
    timeoutMs?: number;
    /**
     * The maximum number of retries per call, 0 to 1000.
     *
     * @default 63
     */
    retryLimit?: number;
    /**
     * The maximum number of bytes that one transaction writes, 100000 to 5000000. Larger commits take several
     * transactions and become visible as one.
     *
     * @default 1000000
     */
    transactionBytes?: number;
  };
  /**
   * The memory for pages of SQL databases in bytes, shared by all databases of the store.
   *
   * @default 67108864
   */
  cacheBytes?: number;
  /**
   * Whether to create the store if it does not exist. With `false`, opening a missing store fails with
   * `ERR_INVALID_ARG`.
   *
   * @default true
   */
  create?: boolean;
  /**
   * Which states of the past the store's actors keep. Without it, actors stay as they are, and new ones keep nothing;
   * `false` ends what the store has kept so far, except for pinned states. {@link History.setHistory} sets it for one
   * actor.
   */
  history?: HistoryPolicy | false;
  path?: undefined;
  memory?: undefined;
}

/** Options of {@link Store.loadStartup}. */

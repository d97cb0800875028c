import type { Result } from '../report/types.js';

/** What a section of the bench is given. It answers what it measured. */
export interface Context {
  /** A scratch directory. */
  directory: string;
  rounds: number;
  seconds: number;
  actors: number[];
  scanMib: number;
  databases: number;
  /** Those that work on this machine; each with the interface of better-sqlite3. */
  peers: { name: string; open: (path: string) => any }[];
}

export type Bench = (context: Context) => Promise<Result[]>;

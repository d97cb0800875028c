import type { Result } from '../report/types.js';

/** SQLite in the process, with the interface of better-sqlite3. */
export interface Peer {
  name: string;
  open: (path: string) => any;
}

/** What a section of the bench is given. It answers what it measured. */
export interface Context {
  /** A scratch directory. */
  directory: string;
  rounds: number;
  seconds: number;
  scanMib: number;
  databases: number;
  /** Those that work on this machine. */
  peers: Peer[];
  /** Says something that the reader of the figures has to know. */
  note: (text: string) => void;
}

export type Bench = (context: Context) => Promise<Result[]>;

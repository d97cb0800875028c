import type { Result } from '../report/types.js';

/** What a section of the bench is given. It answers what it measured. */
export interface Context {
  /** A scratch directory. */
  directory: string;
  rounds: number;
  seconds: number;
  /** The sizes of the small and of the large database. */
  mib: number[];
  /** How many actors the fork of forks shows. */
  segments: number;
}

export type Bench = (context: Context) => Promise<Result[]>;

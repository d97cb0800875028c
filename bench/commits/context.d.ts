import type { Result } from '../report/types.js';
import type { Peer } from '../sql/context.js';

/** What a section of the bench is given. It answers what it measured. */
export interface Context {
  /** A scratch directory. */
  directory: string;
  rounds: number;
  seconds: number;
  /** How many actors commit side by side. */
  actors: number[];
  /** How many calls of one actor are on their way at once. */
  inFlight: number[];
  /** Writes a second that arrive whether or not the earlier ones were answered. */
  rate: number;
  /** One-row commits that a figure of written bytes is of. */
  commits: number;
  /** Size of the actor that is written, rewritten and deleted. */
  mib: number;
  /** What other actors write in a turn. */
  stallMib: number;
  /** Those that work on this machine. */
  peers: Peer[];
  /** Says something that the reader of the figures has to know. */
  note: (text: string) => void;
}

export type Bench = (context: Context) => Promise<Result[]>;

/** What can be measured for some seconds; it answers a figure. */
export interface Side<Figure = number> {
  name: string;
  run: (seconds: number) => Promise<Figure>;
}

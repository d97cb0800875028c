/** A bound that something measured should keep. */
export interface Goal {
  /** Of the ratio to this peer; of Baton's own figure without one. */
  peer?: string;
  atLeast?: number;
  atMost?: number;
}

/** What one case of a bench gave. Figures are medians of the samples, each in `unit`. */
export interface Result {
  bench: string;
  case: string;
  /** `'/s'`, `'ms'`, `'us'`, `'KiB'`, or `''` for a figure without one. */
  unit: string;
  better: 'higher' | 'lower';
  baton: number;
  /** By the peer's name. A peer that is not there was not measured. */
  peers: Record<string, number>;
  /** Baton's figure by the peer's: the median of the ratios inside the turns, not the ratio of the medians. */
  ratio: Record<string, number>;
  /** How many turns, or single calls, the medians are of. */
  samples: number;
  /** The first and third quartile of each side's figures, by its name or `baton`. */
  spread: Record<string, [number, number]>;
  /** The first and third quartile of the ratios. */
  ratioSpread: Record<string, [number, number]>;
  goal: Goal | null;
  /** Only in the file of results, not in the page's table. */
  detail?: boolean;
  /** What a plot needs to know about the case: `{ actors: 16 }`. */
  params?: Record<string, number>;
}

/** What a bench writes with `--json FILE`. */
export interface Report {
  bench: string;
  versions: Record<string, string>;
  /** What the reader has to know: a peer that is missing, and why. */
  notes: string[];
  results: Result[];
}

/** Where a run took place. */
export interface Machine {
  cpu: string;
  cores: number;
  memoryBytes: number;
  kernel: string;
  /** Of the directory in which stores and files were made. */
  filesystem: string;
}

/** A whole run of `npm run bench`: results.json. */
export interface Run {
  date: string;
  command: string;
  seconds: number;
  machine: Machine;
  versions: Record<string, string>;
  notes: string[];
  results: Result[];
}

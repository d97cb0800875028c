/** What a section of the bench is given. */
export interface Context {
  /** A scratch directory. */
  directory: string;
  rounds: number;
  seconds: number;
  actors: number[];
  scanMib: number;
  databases: number;
}

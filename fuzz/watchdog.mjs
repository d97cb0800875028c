// Kills a process that does not go on. A synchronous call that hangs stops its thread, so another one watches.

import { writeSync } from 'node:fs';
import { Worker, isMainThread, workerData } from 'node:worker_threads';

export class Watchdog {
  #beats = new Int32Array(new SharedArrayBuffer(4));

  /**
   * @param {number} ms How long a call may take.
   * @param {string} what Names the run.
   */
  constructor(ms, what) {
    new Worker(new URL(import.meta.url), { workerData: { beats: this.#beats, ms, what } }).unref();
  }

  /** Another call begins. */
  beat() {
    Atomics.add(this.#beats, 0, 1);
    Atomics.notify(this.#beats, 0);
  }
}

if (!isMainThread && workerData?.beats) {
  const { beats, ms, what } = workerData;
  for (;;) {
    const seen = Atomics.load(beats, 0);
    if (Atomics.wait(beats, 0, seen, ms) === 'timed-out') {
      writeSync(2, `${what}: call ${seen} has not ended within ${ms} ms\n`);
      process.kill(process.pid, 'SIGKILL');
    }
  }
}

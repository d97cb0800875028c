// What a flush alone costs on this disk: the bound of whoever commits one thing at a time, and what the ratios of such
// commits depend on.

import { closeSync, fdatasyncSync, fsyncSync, openSync, writeSync } from 'node:fs';

const FILE_BYTES = 1 << 20;
const WRITE_BYTES = 8 << 10;

/**
 * A file that never grows, so that a flush is of its data alone.
 *
 * @param {string} path
 */
export function flushedFile(path) {
  const file = openSync(path, 'w');
  writeSync(file, Buffer.alloc(FILE_BYTES));
  fsyncSync(file);
  const bytes = Buffer.alloc(WRITE_BYTES, 1);
  return {
    /** Flushes a second. @param {number} seconds */
    async run(seconds) {
      let done = 0;
      const began = performance.now();
      const end = began + seconds * 1_000;
      while (performance.now() < end) {
        writeSync(file, bytes, 0, WRITE_BYTES, (done * WRITE_BYTES) % FILE_BYTES);
        fdatasyncSync(file);
        done += 1;
      }
      return done / ((performance.now() - began) / 1_000);
    },
    close: () => closeSync(file),
  };
}

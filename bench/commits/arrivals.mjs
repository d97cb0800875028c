// Writes that arrive at a fixed rate. When each one arrives is set before the first: a side that falls behind does not slow
// the arrivals down, and an answer's time counts from when its write should have arrived, however late it was begun.

import { parentPort } from 'node:worker_threads';

/** Milliseconds on a clock that all threads of the process share. */
export function now() {
  return Number(process.hrtime.bigint()) / 1e6;
}

/**
 * @typedef {object} Plan
 * @property {number} begin When the first write arrives, on the clock of `now`.
 * @property {number} periodMs Between one arrival and the next.
 * @property {number} count
 */

/**
 * @param {number} rate Writes a second.
 * @param {number} seconds
 * @param {number} begin
 * @returns {Plan}
 */
export function plan(rate, seconds, begin) {
  return { begin, periodMs: 1_000 / rate, count: Math.max(1, Math.round(rate * seconds)) };
}

/** @param {Plan} plan @param {number} index */
export function arrivalOf({ begin, periodMs }, index) {
  return begin + index * periodMs;
}

/**
 * The actor of an arrival: neighbours in time are not neighbours in number, and all get the same share.
 *
 * @param {number} index
 * @param {number} actors
 */
export function actorOf(index, actors) {
  const round = Math.floor(index / actors);
  return (index * 29 + round * 7) % actors;
}

/**
 * How long each write took from its intended arrival to its answer, in milliseconds.
 *
 * @param {Plan} plan
 * @param {(take: (index: number) => void) => void} arrivals Calls `take` for each write that has arrived.
 * @param {(index: number) => Promise<unknown> | unknown} write
 * @returns {Promise<number[]>}
 */
export function answered(plan, arrivals, write) {
  return new Promise((resolve, reject) => {
    /** @type {number[]} */
    const times = [];
    arrivals(async (index) => {
      try {
        await write(index);
      } catch (error) {
        reject(error);
      }
      times.push(now() - arrivalOf(plan, index));
      if (times.length === plan.count) {
        resolve(times);
      }
    });
  });
}

// As a worker thread: the network, so to speak. It knows nothing of how far the other side has come.
parentPort?.on('message', (/** @type {Plan} */ given) => {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  for (let index = 0; index < given.count; index += 1) {
    const wait = arrivalOf(given, index) - now();
    if (wait > 0) {
      Atomics.wait(cell, 0, 0, wait);
    }
    parentPort?.postMessage(index);
  }
});

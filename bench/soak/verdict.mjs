// Whether what a process held over time is a leak, and whether its event loop stood still. Pure, so that it
// can be tested.

import { median } from '../report/results.js';

/** @typedef {import('./gauges.mjs').Sample} Sample */

/**
 * Memory may grow by this part and this much between the medians of the second and the last quarter. Allocators
 * keep what fragments, and caches fill. What JavaScript holds is known exactly after a collection. A leak of 100
 * bytes an operation at 1,000 operations a second is 43 MiB between the two quarters of 15 minutes.
 */
const GROWTH_PART = 0.1;
const GROWTH_MIB = { anonymous: 16, heap: 2, external: 2 };
/** Handles and threads come and go with what is open; these many more are no trend. */
const HANDLES_MORE = 8;
const THREADS_MORE = 4;
/** Longer than that no turn of the event loop may take: ten times what a full collection of such a heap takes. */
export const STALL_MS = 250;
/** A stall is the machine's if an idle process beside it stood still for that part of it at the same time. */
const WITNESS_PART = 0.25;

/**
 * @param {Sample[]} samples Of one process, in order.
 * @param {(sample: Sample) => number} of
 */
function quarters(samples, of) {
  const quarter = samples.length / 4;
  const values = samples.map(of);
  return {
    second: median(values.slice(Math.floor(quarter), Math.floor(2 * quarter))),
    last: median(values.slice(Math.floor(3 * quarter))),
  };
}

/**
 * The stalls of a process that are its own.
 *
 * @param {Sample[]} samples
 * @param {Sample[]} witness Of an idle process at the same time.
 */
export function stalls(samples, witness) {
  return samples.filter(({ delay, waited, at }, index) => {
    // The time without a CPU is not the program's, either.
    if (delay.max - waited < STALL_MS) {
      return false;
    }
    // The stall lies between this sample and the one before, or a little earlier.
    const begin = (samples[index - 1]?.at ?? at - delay.max) - delay.max;
    const beside = witness.filter((other, next) => other.at > begin && (witness[next - 1]?.at ?? 0) < at);
    return !beside.some((other) => other.delay.max >= WITNESS_PART * delay.max);
  });
}

/**
 * @param {Sample[]} samples Of the process that ran from the beginning to the end.
 * @param {Sample[]} witness
 * @returns {{ what: string, second: number, last: number, most: number, passed: boolean }[]}
 */
export function verdict(samples, witness) {
  const grown = [
    { what: 'anonymous memory, MiB', field: /** @type {const} */ ('anonymous') },
    { what: 'JavaScript heap, MiB', field: /** @type {const} */ ('heap') },
    { what: 'external memory, MiB', field: /** @type {const} */ ('external') },
  ].map(({ what, field }) => {
    const { second, last } = quarters(samples, (sample) => sample[field] / 2 ** 20);
    const most = second * (1 + GROWTH_PART) + GROWTH_MIB[field];
    return { what, second, last, most, passed: last <= most };
  });
  const counted = [
    { what: 'open handles', of: (/** @type {Sample} */ sample) => sample.handles, more: HANDLES_MORE },
    { what: 'threads', of: (/** @type {Sample} */ sample) => sample.threads, more: THREADS_MORE },
  ].map(({ what, of, more }) => {
    const { second, last } = quarters(samples, of);
    return { what, second, last, most: second + more, passed: last <= second + more };
  });
  const own = stalls(samples, witness).length;
  const stood = { what: `stalls over ${STALL_MS} ms`, second: own, last: own, most: 0, passed: own === 0 };
  return [...grown, ...counted, stood];
}

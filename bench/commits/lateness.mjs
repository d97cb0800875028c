// How late the event loop is while something else goes on.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

const PERIOD_MS = 1;

/** @typedef {{ p50: number, p99: number, p999: number }} Lateness In milliseconds. */

/**
 * @template Answer
 * @param {() => Promise<Answer>} work
 * @returns {Promise<Lateness & { answer: Answer }>}
 */
export async function withLateness(work) {
  const delay = monitorEventLoopDelay({ resolution: PERIOD_MS });
  delay.enable();
  // What happened before is not to count.
  await sleep(20);
  delay.reset();
  const answer = await work();
  delay.disable();
  // The monitor counts from one tick of its timer to the next, so its period is part of each value.
  const late = (/** @type {number} */ percent) => Math.max(0, delay.percentile(percent) / 1e6 - PERIOD_MS);
  return { answer, p50: late(50), p99: late(99), p999: late(99.9) };
}

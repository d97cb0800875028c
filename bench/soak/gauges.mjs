// What a process holds: memory, handles, threads, and how late its event loop is.

import { readFileSync, readdirSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/**
 * @typedef {object} Sample
 * @property {number} at Milliseconds of the machine's steady clock, the same for all processes.
 * @property {number} anonymous Bytes of memory that are the process's own; where the system does not tell, all.
 * @property {number} heap
 * @property {number} external
 * @property {number} handles 0 where the system does not tell.
 * @property {number} threads 0 where the system does not tell.
 * @property {number} waited Milliseconds in which the thread of the event loop had something to do and got no CPU,
 *   since the last sample; 0 where the system does not tell.
 * @property {{ p50: number, p99: number, p999: number, max: number }} delay Of the event loop since the last
 *   sample, in milliseconds.
 */

/** How often the loop is looked at, which is part of every delay that is measured. */
const RESOLUTION_MS = 10;

/** Milliseconds of the steady clock. */
export function now() {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

/** @param {string} name */
function ofStatus(name) {
  try {
    const line = readFileSync('/proc/self/status', 'utf8').match(new RegExp(`^${name}:\\s+(\\d+)`, 'm'));
    return line ? Number(line[1]) : 0;
  } catch {
    return 0;
  }
}

/** Milliseconds that the first thread has waited for a CPU so far. */
function waitedForCpu() {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}

function handles() {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}

/** @returns {() => Sample} Takes a sample, after a collection of garbage if node was started so. */
export function gauges() {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  let waitedBefore = waitedForCpu();
  return () => {
    const late = (/** @type {number} */ ns) => Math.max(0, ns / 1e6 - RESOLUTION_MS);
    const delays = {
      p50: late(delay.percentile(50)),
      p99: late(delay.percentile(99)),
      p999: late(delay.percentile(99.9)),
      max: late(delay.max),
    };
    const waitedNow = waitedForCpu();
    const waited = waitedNow - waitedBefore;
    globalThis.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    const sample = {
      at: now(),
      anonymous: ofStatus('RssAnon') * 1024 || rss,
      heap: heapUsed,
      external,
      handles: handles(),
      threads: ofStatus('Threads'),
      waited,
      delay: delays,
    };
    // The collection that we asked for is not the program's doing.
    delay.reset();
    waitedBefore = waitedForCpu();
    return sample;
  };
}

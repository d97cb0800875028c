// The longest that a commit takes while other actors write much, so that the store moves what they wrote to where it
// stays. One actor inserts in a loop, first alone, then beside the others, in turns.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Store } from '../../index.mjs';
import { quantile, resultOf } from '../report/results.js';
import { print, section } from '../sql/report.mjs';
import { BODY, INSERT, inTurns, openOurs } from './sides.mjs';

const WRITERS = 4;
const CHUNK_BYTES = 64 << 10;
const CHUNK = 'INSERT INTO chunk(bytes) VALUES (randomblob(?))';
const STALL_MS_MAX = 50;

/** @type {import('./context.js').Bench} */
export async function bench({ directory, rounds, seconds, stallMib: mib }) {
  section('stall', `commits of one actor while others write ${mib} MiB`);
  const store = await Store.open({ path: join(directory, 'store') });
  const [actor] = await openOurs(store, 'one', 1);
  const writers = await openOurs(store, 'writer', WRITERS);
  for (const writer of writers) {
    await writer.exec('CREATE TABLE chunk(id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)');
  }
  const sides = [
    { name: 'alone', run: (/** @type {number} */ duration) => beside(actor, () => sleep(duration * 1_000)) },
    {
      name: 'beside',
      run: (/** @type {number} */ duration) =>
        beside(actor, () => writeMuch(writers, (mib * duration) / seconds, duration)),
    },
  ];
  const turns = await inTurns(sides, rounds, seconds);
  await store.close();
  const results = [
    ...resultsOf(
      turns.flatMap(({ alone }) => alone),
      'alone',
      false,
    ),
    ...resultsOf(
      turns.flatMap(({ beside: times }) => times),
      `while others write ${mib} MiB`,
      true,
    ),
  ];
  print(results);
  return results;
}

/**
 * How long each commit of an actor took until something else was done.
 *
 * @param {import('../../index.js').Database} actor
 * @param {() => Promise<unknown>} other
 */
async function beside(actor, other) {
  let over = false;
  const ended = other().finally(() => {
    over = true;
  });
  /** @type {number[]} */
  const times = [];
  while (!over) {
    const began = performance.now();
    await actor.run(INSERT, [BODY, times.length]);
    times.push(performance.now() - began);
  }
  await ended;
  return times;
}

/**
 * Writes so much in that time, or as soon as the store can.
 *
 * @param {import('../../index.js').Database[]} writers
 * @param {number} mib
 * @param {number} seconds
 */
async function writeMuch(writers, mib, seconds) {
  const chunks = Math.max(1, Math.round((mib * 2 ** 20) / CHUNK_BYTES / writers.length));
  const began = performance.now();
  await Promise.all(
    writers.map(async (writer) => {
      for (let chunk = 0; chunk < chunks; chunk += 1) {
        await sleep(Math.max(0, began + (chunk * seconds * 1_000) / chunks - performance.now()));
        await writer.run(CHUNK, [CHUNK_BYTES]);
      }
    }),
  );
}

/**
 * @param {number[]} times
 * @param {string} when
 * @param {boolean} judged
 */
function resultsOf(times, when, judged) {
  const about = /** @type {const} */ ({ bench: 'commits', unit: 'ms', better: 'lower', detail: !judged });
  // Of all commits together: the worst of them is what is asked for, not the usual worst.
  const of = (/** @type {number} */ share) => [{ baton: quantile(times, share) }];
  return [
    resultOf({ ...about, case: `a commit, p99.9, ${when}` }, of(0.999)),
    resultOf(
      { ...about, case: `the slowest commit, ${when}`, goal: judged ? { atMost: STALL_MS_MAX } : undefined },
      of(1),
    ),
  ].map((result) => ({ ...result, samples: times.length }));
}

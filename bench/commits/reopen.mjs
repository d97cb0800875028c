// Opening a store whose process was killed in the middle of commits, and the first start of an actor in it. The directory
// is opened twice: as it was left, which is what a restart of the process finds; and a copy of it, which is not the
// directory that was written to, so that nothing that the system still held in memory may be relied on.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { Store } from '../../index.mjs';
import { resultOf } from '../report/results.js';
import { rotated } from '../sql/peers.mjs';
import { print, section } from '../sql/report.mjs';

const KINDS = /** @type {const} */ (['left', 'copied']);
const OPEN_MS_MAX = 1_000;
const WORKER = fileURLToPath(new URL('./reopen-worker.mjs', import.meta.url));

/** @type {import('./context.js').Bench} */
export async function bench({ directory, rounds, seconds, actors }) {
  section('reopen', 'open a store after kill -9 in the middle of commits, and start an actor');
  const count = Math.max(...actors);
  /** @type {Record<typeof KINDS[number], number>[]} */
  const turns = [];
  for (let round = 0; round < rounds * 2; round += 1) {
    const path = (/** @type {string} */ kind) => join(directory, `${kind}-${round}`);
    await writeAndKill(path('left'), count, seconds);
    cpSync(path('left'), path('copied'), { recursive: true });
    const times = { left: 0, copied: 0 };
    for (const kind of rotated([...KINDS], round)) {
      times[kind] = await open(path(kind));
      rmSync(path(kind), { recursive: true });
    }
    turns.push(times);
  }
  const results = resultsOf(turns);
  print(results);
  return results;
}

/**
 * @param {string} path
 * @param {number} actors
 * @param {number} seconds
 */
async function writeAndKill(path, actors, seconds) {
  const child = fork(WORKER, [path, String(actors)]);
  const [ready] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
  if (ready !== 'ready') {
    throw new Error(`the process that was to be killed ended by itself: ${ready}`);
  }
  await sleep(seconds * 1_000);
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/**
 * Milliseconds from nothing to an actor that was started.
 *
 * @param {string} path
 */
async function open(path) {
  const began = performance.now();
  const store = await Store.open({ path });
  const startup = await store.loadStartup('actor 0');
  const ms = performance.now() - began;
  await store.close();
  if (startup.outcome !== 'won' || startup.meta.sizePages === 0) {
    throw new Error(`a start after the kill ${startup.outcome} with ${startup.meta.sizePages} pages`);
  }
  return ms;
}

/** @param {Record<typeof KINDS[number], number>[]} turns */
function resultsOf(turns) {
  const about = /** @type {const} */ ({ bench: 'commits', unit: 'ms', better: 'lower' });
  const figures = (/** @type {typeof KINDS[number]} */ kind) => turns.map((turn) => ({ baton: turn[kind] }));
  const slowest = Math.max(...turns.map(({ copied }) => copied));
  const worst = resultOf(
    {
      ...about,
      case: 'the same of a copy of the directory, slowest',
      goal: { atMost: OPEN_MS_MAX },
    },
    [{ baton: slowest }],
  );
  return [
    resultOf({ ...about, case: 'open after kill -9, and first start' }, figures('left')),
    resultOf({ ...about, case: 'the same of a copy of the directory' }, figures('copied')),
    { ...worst, samples: turns.length },
  ];
}

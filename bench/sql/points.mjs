// Warm point queries a second. First against peers in a worker thread, which is how one keeps SQLite off the
// event loop without this package: one query in flight at a time, then sixteen. Then against peers on the
// thread that asks, which answer soonest and hold up everything else meanwhile.

import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import { Store } from '../../index.mjs';
import { inTurns } from '../commits/sides.mjs';
import { resultOf } from '../report/results.js';
import { print, section, whole } from './report.mjs';

const ROWS = 10_000;
export const QUERY = 'SELECT id, name, score FROM player WHERE id = ?';
const GOAL = { peer: 'libsql', atLeast: 0.8 };

/** @type {import('./context.js').Bench} */
export async function bench({ directory, rounds, seconds, peers }) {
  section('points', `warm point queries a second among ${whole(ROWS)} rows`);
  const store = await Store.open({ path: join(directory, 'store') });
  const database = await store.openDatabase('players');
  await database.exec(fill());
  const ours = { name: 'baton', get: (/** @type {number} */ id) => database.get(QUERY, [id]) };
  const workers = await Promise.all(
    peers.map(({ name }) => startWorker(name, join(directory, `${name}-worker.sqlite`))),
  );
  const results = [];
  for (const inFlight of [1, 16]) {
    const sides = [ours, ...workers].map(({ name, get }) => ({
      name,
      run: (/** @type {number} */ duration) => run(get, inFlight, duration),
    }));
    const what = inFlight === 1 ? 'one at a time' : `${inFlight} in flight`;
    results.push(
      resultOf(
        {
          bench: 'sql',
          case: `warm point queries, ${what}; peers in a worker thread`,
          unit: '/s',
          better: 'higher',
          goal: GOAL,
        },
        await inTurns(sides, rounds, seconds),
      ),
    );
  }
  await Promise.all(workers.map((worker) => worker.stop()));
  results.push(await sameThread(ours, { directory, rounds, seconds, peers }));
  await database.close();
  await store.close();
  print(results);
  return results;
}

/**
 * Nobody promised to be as fast as a call that returns its answer, so this has no goal.
 *
 * @param {{ name: string, get: (id: number) => Promise<any> }} ours
 * @param {Pick<import('./context.js').Context, 'directory' | 'rounds' | 'seconds' | 'peers'>} context
 */
async function sameThread(ours, { directory, rounds, seconds, peers }) {
  const files = peers.map(({ name, open }) => {
    const file = open(join(directory, `${name}-here.sqlite`));
    file.exec(fill());
    return { name, file, statement: file.prepare(QUERY) };
  });
  const sides = [
    { name: ours.name, run: (/** @type {number} */ duration) => run(ours.get, 1, duration) },
    ...files.map(({ name, statement }) => ({
      name,
      run: async (/** @type {number} */ duration) => runHere(statement, duration),
    })),
  ];
  const turns = await inTurns(sides, rounds, seconds);
  files.forEach(({ file }) => file.close());
  const about = /** @type {const} */ ({ bench: 'sql', unit: '/s', better: 'higher' });
  return resultOf({ ...about, case: 'warm point queries, one at a time; peers block the event loop' }, turns);
}

export function fill() {
  return `
    CREATE TABLE player(id INTEGER PRIMARY KEY, name TEXT NOT NULL, score INTEGER NOT NULL);
    WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < ${ROWS})
      INSERT INTO player SELECT id, 'player number ' || id, id * 7919 % 1000 FROM n;`;
}

/**
 * @param {(id: number) => Promise<any>} get
 * @param {number} inFlight
 * @param {number} seconds
 */
async function run(get, inFlight, seconds) {
  let done = 0;
  const began = performance.now();
  const end = began + seconds * 1_000;
  const lane = async () => {
    while (performance.now() < end) {
      const id = ((done * 7919) % ROWS) + 1;
      done += 1;
      check(await get(id), id);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return done / ((performance.now() - began) / 1_000);
}

/**
 * @param {any} statement
 * @param {number} seconds
 */
export function runHere(statement, seconds) {
  let done = 0;
  const began = performance.now();
  const end = began + seconds * 1_000;
  while (performance.now() < end) {
    const id = ((done * 7919) % ROWS) + 1;
    done += 1;
    check(statement.get(id), id);
  }
  return done / ((performance.now() - began) / 1_000);
}

/**
 * @param {any} row
 * @param {number} id
 */
function check(row, id) {
  if (row.id !== id) {
    throw new Error(`asked for ${id}, got ${JSON.stringify(row)}`);
  }
}

/**
 * @param {string} peer
 * @param {string} path
 */
async function startWorker(peer, path) {
  const worker = new Worker(new URL('./points-worker.mjs', import.meta.url), {
    workerData: { peer, path, fill: fill(), query: QUERY },
  });
  /** @type {((row: any) => void)[]} */
  const waiting = [];
  await new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  // Answers come in the order of the questions.
  worker.on('message', (row) => waiting.shift()?.(row));
  return {
    name: peer,
    get: (/** @type {number} */ id) =>
      new Promise((resolve) => {
        waiting.push(resolve);
        worker.postMessage(id);
      }),
    stop: () => worker.terminate(),
  };
}

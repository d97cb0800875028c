// Warm point queries a second, against libsql in a worker thread, which is how one keeps SQLite off the event
// loop without this package. One query in flight at a time, then sixteen.

import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import { Store } from '../../index.mjs';
import { median, section, table, times, whole } from './report.mjs';

const ROWS = 10_000;
const QUERY = 'SELECT id, name, score FROM player WHERE id = ?';
const GOAL = 0.8;

/** @param {import('./context.js').Context} context */
export async function bench({ directory, rounds, seconds }) {
  section('points', `warm point queries a second among ${whole(ROWS)} rows; libsql in a worker thread`);
  const store = await Store.open({ path: join(directory, 'store') });
  const database = await store.openDatabase('players');
  await database.exec(fill());
  const worker = await startWorker(join(directory, 'plain.sqlite'));
  const rows = [['in flight', 'baton', 'libsql', 'ratio', 'goal']];
  const ours = (/** @type {number} */ id) => database.get(QUERY, [id]);
  for (const inFlight of [1, 16]) {
    /** @type {[number, number][]} */
    const turns = [];
    await run(ours, inFlight, 0.2);
    await run(worker.get, inFlight, 0.2);
    for (let round = 0; round < rounds; round += 1) {
      turns.push([await run(ours, inFlight, seconds), await run(worker.get, inFlight, seconds)]);
    }
    rows.push([
      String(inFlight),
      whole(median(turns.map(([our]) => our))),
      whole(median(turns.map(([, their]) => their))),
      times(median(turns.map(([our, their]) => our / their))),
      times(GOAL),
    ]);
  }
  await worker.stop();
  await database.close();
  await store.close();
  table(rows);
}

function fill() {
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
      const row = await get(id);
      if (row.id !== id) {
        throw new Error(`asked for ${id}, got ${JSON.stringify(row)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return done / ((performance.now() - began) / 1_000);
}

/** @param {string} path */
async function startWorker(path) {
  const worker = new Worker(new URL('./points-worker.mjs', import.meta.url), {
    workerData: { path, fill: fill(), query: QUERY },
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
    get: (/** @type {number} */ id) =>
      new Promise((resolve) => {
        waiting.push(resolve);
        worker.postMessage(id);
      }),
    stop: () => worker.terminate(),
  };
}

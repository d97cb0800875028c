// A restore and a fork of a large database, against those of a small one: both are one small transaction.

import { join } from 'node:path';

import { Store } from '../../index.mjs';
import { resultOf } from '../report/results.js';
import { print, section } from '../sql/report.mjs';

const ROW_BYTES = 1 << 20;
const GOAL = { peer: 'small', atMost: 1.2 };
/** Calls that a figure is the average of. */
const CALLS = 20;

/** @type {import('./context.js').Bench} */
export async function bench({ directory, rounds, mib: [small, large] }) {
  section('size', `a restore and a fork of ${large} MiB, against ${small} MiB`);
  const store = await Store.open({ path: join(directory, 'store') });
  const points = new Map();
  for (const [name, size] of /** @type {const} */ ([
    ['small', small],
    ['baton', large],
  ])) {
    const database = await store.openDatabase(name);
    await database.exec('CREATE TABLE blobs(id INTEGER PRIMARY KEY, bytes BLOB)');
    for (let row = 0; row < size; row += 1) {
      await database.run('INSERT INTO blobs(bytes) VALUES (randomblob(?))', [ROW_BYTES]);
    }
    points.set(name, (await store.pin(name, { name: 'whole' })).point);
    await database.run('INSERT INTO blobs(bytes) VALUES (randomblob(100))');
    await database.close();
  }
  /** @type {[string, (name: string, call: string) => Promise<unknown>][]} */
  const operations = [
    ['restore', (name) => store.restore(name, { to: points.get(name) })],
    ['fork', (name, call) => store.fork(name, `${name} ${call}`, { at: points.get(name) })],
  ];
  const results = [];
  for (const [operation, run] of operations) {
    const turns = [];
    for (let round = 0; round < rounds; round += 1) {
      /** @type {Record<string, number>} */
      const turn = {};
      for (const name of round % 2 === 0 ? ['baton', 'small'] : ['small', 'baton']) {
        const began = performance.now();
        for (let call = 0; call < CALLS; call += 1) {
          await run(name, `${operation} ${round} ${call}`);
        }
        turn[name] = (performance.now() - began) / CALLS;
      }
      turns.push(turn);
    }
    const about = {
      bench: 'history',
      case: `${operation} of ${large} MiB`,
      unit: 'ms',
      better: /** @type {const} */ ('lower'),
      params: { mib: large },
      goal: GOAL,
    };
    results.push(resultOf(about, turns));
  }
  await store.close();
  print(results);
  return results;
}

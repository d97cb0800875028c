// The start of a fork of forks, each of which has rewritten a part, with all of its pages, against the start of a plain
// actor of the same size.

import { join } from 'node:path';

import { Store } from '../../index.mjs';
import { resultOf } from '../report/results.js';
import { print, section } from '../sql/report.mjs';

const ROWS = 2_000;
const GOAL = { peer: 'plain', atMost: 1.5 };
/** Calls that a figure is the average of. */
const CALLS = 20;
const ALL = { ranges: [{ start: 1, end: 2 ** 20 }], maxBytes: 2 ** 30 };

/** @type {import('./context.js').Bench} */
export async function bench({ directory, rounds, segments }) {
  section('depth', `a start with all pages of a fork that shows ${segments} actors`);
  const store = await Store.open({ path: join(directory, 'store') });
  for (const name of ['plain', 'fork 1']) {
    const database = await store.openDatabase(name);
    await database.exec('CREATE TABLE t(id INTEGER PRIMARY KEY, bytes BLOB)');
    await database.run(
      'INSERT INTO t(bytes) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT randomblob(500) FROM n',
      [ROWS],
    );
    await database.close();
  }
  let last = 'fork 1';
  for (let depth = 2; depth <= segments; depth += 1) {
    const next = `fork ${depth}`;
    await store.fork(last, next);
    const database = await store.openDatabase(next);
    await database.run('UPDATE t SET bytes = randomblob(500) WHERE id % ? = ?', [segments, depth]);
    await database.close();
    last = next;
  }
  const turns = [];
  for (let round = 0; round < rounds; round += 1) {
    /** @type {Record<string, number>} */
    const turn = {};
    for (const [name, id] of round % 2 === 0
      ? [
          ['baton', last],
          ['plain', 'plain'],
        ]
      : [
          ['plain', 'plain'],
          ['baton', last],
        ]) {
      const began = performance.now();
      for (let call = 0; call < CALLS; call += 1) {
        await store.loadStartup(id, { preload: ALL });
      }
      turn[name] = (performance.now() - began) / CALLS;
    }
    turns.push(turn);
  }
  await store.close();
  const about = {
    bench: 'history',
    case: `start of a fork that shows ${segments} actors, all pages`,
    unit: 'ms',
    better: /** @type {const} */ ('lower'),
    params: { segments },
    goal: GOAL,
  };
  const results = [resultOf(about, turns)];
  print(results);
  return results;
}

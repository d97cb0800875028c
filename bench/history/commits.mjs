// One-row commits, one call at a time and 16 in flight, of an actor that keeps every commit, against one that keeps none.

import { join } from 'node:path';

import { Store } from '../../index.mjs';
import { BODY, INSERT, SCHEMA, inTurns, repeated } from '../commits/sides.mjs';
import { resultOf } from '../report/results.js';
import { print, section } from '../sql/report.mjs';

const GOAL = { peer: 'without history', atLeast: 0.85 };

/** @type {import('./context.js').Bench} */
export async function bench({ directory, rounds, seconds }) {
  section('commits', 'durable one-row commits a second, with history against without');
  const store = await Store.open({ path: join(directory, 'store') });
  const results = [];
  for (const calls of [1, 16]) {
    const sides = [];
    for (const name of ['baton', 'without history']) {
      const id = `${name} ${calls}`;
      const database = await store.openDatabase(id);
      await database.exec(SCHEMA);
      if (name === 'baton') await store.setHistory(id, { keepAll: '1h' });
      const lane = (/** @type {number} */ done) => database.run(INSERT, [BODY, done]);
      const lanes = Array.from({ length: calls }, () => lane);
      sides.push({ name, run: (/** @type {number} */ duration) => repeated(lanes, duration) });
    }
    const about = {
      bench: 'history',
      case: `commits of an actor that keeps them, ${calls} in flight`,
      unit: 'a second',
      better: /** @type {const} */ ('higher'),
      params: { calls },
      goal: GOAL,
    };
    results.push(resultOf(about, await inTurns(sides, rounds, seconds)));
  }
  await store.close();
  print(results);
  return results;
}

// How late the event loop is while actors commit as fast as they can. A peer blocks it for each of its inserts; at its best
// it lets the event loop go on after every single one, which is what it does here.

import { join } from 'node:path';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';

import { Store } from '../../index.mjs';
import { resultOf, withoutRatios } from '../report/results.js';
import { print, section } from '../sql/report.mjs';
import { withLateness } from './lateness.mjs';
import { BODY, INSERT, inTurns, openOurs, openTheirs, repeated } from './sides.mjs';

const LATE_MS_MAX = 2;
/** The load that the goal is about. */
const GOAL_ACTORS = 64;

/** @type {import('./context.js').Bench} */
export async function bench(context) {
  section('late', 'how late the event loop is meanwhile; peers let it go on after each insert');
  const store = await Store.open({ path: join(context.directory, 'store') });
  const results = [];
  for (const count of context.actors) {
    results.push(...(await compare(context, store, count)));
  }
  await store.close();
  print(results);
  return results;
}

/**
 * @param {import('./context.js').Context} context
 * @param {Store} store
 * @param {number} count
 */
async function compare({ directory, rounds, seconds, peers }, store, count) {
  const ours = await openOurs(store, `of ${count}`, count);
  const theirs = peers.map((peer) => ({
    name: peer.name,
    files: openTheirs(peer, join(directory, `${peer.name}-${count}`), count),
  }));
  const lanes = ours.map((database) => (/** @type {number} */ done) => database.run(INSERT, [BODY, done]));
  const sides = [
    {
      name: 'baton',
      run: (/** @type {number} */ duration) => withLateness(() => repeated(lanes, duration)),
    },
    ...theirs.map(({ name, files }) => ({
      name,
      run: (/** @type {number} */ duration) =>
        withLateness(() =>
          repeated(
            [
              async (done) => {
                files[done % files.length].insert.run(BODY, done);
                await turnOfTheLoop();
              },
            ],
            duration,
          ),
        ),
    })),
  ];
  const turns = await inTurns(sides, rounds, seconds);
  await Promise.all(ours.map((database) => database.close()));
  theirs.forEach(({ files }) => files.forEach(({ file }) => file.close()));
  return resultsOf(turns, count);
}

/**
 * @param {Record<string, import('./lateness.mjs').Lateness>[]} turns
 * @param {number} count
 */
function resultsOf(turns, count) {
  return /** @type {const} */ (['p50', 'p99', 'p999']).map((share) =>
    // A side may be not late at all.
    withoutRatios(
      resultOf(
        {
          bench: 'commits',
          case: `the event loop is late, ${share === 'p999' ? 'p99.9' : share}, while ${count} actors commit`,
          unit: 'ms',
          better: 'lower',
          goal: share === 'p999' && count === GOAL_ACTORS ? { atMost: LATE_MS_MAX } : undefined,
          detail: share === 'p50',
        },
        turns.map((turn) =>
          Object.fromEntries(Object.entries(turn).map(([side, late]) => [side, late[share]])),
        ),
      ),
    ),
  );
}

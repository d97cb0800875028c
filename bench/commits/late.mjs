// How late the event loop is while actors commit as fast as they can. A peer blocks it for each of its inserts; at its best
// it lets the event loop go on after every single one, which is what it does here.

import { setImmediate as turnOfTheLoop } from 'node:timers/promises';

import { resultOf, withoutRatios } from '../report/results.js';
import { print, section } from '../sql/report.mjs';
import { withLateness } from './lateness.mjs';
import { BODY, byActors, inTurns, openSides, repeated } from './sides.mjs';

const LATE_MS_MAX = 2;
/** The load that the goal is about. */
const GOAL_ACTORS = 64;

/** @type {import('./context.js').Bench} */
export async function bench(context) {
  section('late', 'how late the event loop is meanwhile; peers let it go on after each insert');
  const results = (await byActors(context, compare)).flat();
  print(results);
  return results;
}

/**
 * @param {import('./context.js').Context} context
 * @param {import('../../index.js').Store} store
 * @param {number} count
 */
async function compare(context, store, count) {
  const { theirs, lanes, close } = await openSides(context, store, count);
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
  const turns = await inTurns(sides, context.rounds, context.seconds);
  await close();
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

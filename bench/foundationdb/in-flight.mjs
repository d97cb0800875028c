// One actor on a cluster, by how many of its calls are on their way at once. A commit costs a round trip to the cluster,
// which calls that wait for each other pay one by one.

import { resultOf } from '../report/results.js';
import { BODY, chosen, INSERT, inTurns, openOurs, repeated } from '../commits/sides.mjs';

const CALLS = [1, 16, 64];
/** At least so many times the rate of one call at a time. */
const GOALS = new Map([[16, 8]]);

/**
 * @param {import('../../index.js').Store} store
 * @param {number} rounds
 * @param {number} seconds
 */
export async function inFlight(store, rounds, seconds) {
  const databases = await openOurs(store, 'in flight', CALLS.length);
  const sides = CALLS.map((calls, index) => ({
    name: String(calls),
    run: (/** @type {number} */ duration) =>
      repeated(
        Array.from({ length: calls }, () => (done) => databases[index].run(INSERT, [BODY, done])),
        duration,
      ),
  }));
  const turns = await inTurns(sides, rounds, seconds);
  await Promise.all(databases.map((database) => database.close()));
  return CALLS.flatMap((calls) => resultsOf(turns, calls));
}

/**
 * @param {Record<string, number>[]} turns
 * @param {number} calls
 */
function resultsOf(turns, calls) {
  const about = /** @type {const} */ ({ bench: 'foundationdb', better: 'higher' });
  const what = `FoundationDB: 1 actor through SQL, ${calls === 1 ? 'one call at a time' : `${calls} calls in flight`}`;
  const rate = resultOf({ ...about, case: what, unit: '/s' }, chosen(turns, { baton: String(calls) }));
  const atLeast = GOALS.get(calls);
  const gain = resultOf(
    {
      ...about,
      case: `the same / one call at a time`,
      unit: '',
      goal: atLeast === undefined ? undefined : { atLeast },
    },
    turns.map((turn) => ({ baton: turn[calls] / turn[1] })),
  );
  return calls === 1 ? [rate] : [rate, gain];
}

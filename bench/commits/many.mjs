// Actors that commit side by side, each of which waits for its own commit: durable one-row transactions a second, against
// peers with as many files.

import { resultOf } from '../report/results.js';
import { print, section } from '../sql/report.mjs';
import { blocking, byActors, inTurns, openSides, repeated } from './sides.mjs';

const PEER = 'better-sqlite3';
/** At least so many times the rate of the peer, by the actors. */
const GOALS = new Map([
  [16, 6],
  [64, 8],
]);

/** @type {import('./context.js').Bench} */
export async function bench(context) {
  section('many', 'durable one-row transactions a second of actors side by side; peers with a file each');
  const results = await byActors(context, compare);
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
    { name: 'baton', run: (/** @type {number} */ duration) => repeated(lanes, duration) },
    ...theirs.map(({ name, files }) => ({
      name,
      run: (/** @type {number} */ duration) => blocking(files, duration),
    })),
  ];
  const turns = await inTurns(sides, context.rounds, context.seconds);
  await close();
  const atLeast = GOALS.get(count);
  return resultOf(
    {
      bench: 'commits',
      case: `${count} actors, one call of each at a time`,
      unit: '/s',
      better: 'higher',
      goal: atLeast === undefined ? undefined : { peer: PEER, atLeast },
      params: { actors: count },
    },
    turns,
  );
}

// Actors that commit side by side, each of which waits for its own commit: durable one-row transactions a second, against
// peers with as many files.

import { join } from 'node:path';

import { Store } from '../../index.mjs';
import { resultOf } from '../report/results.js';
import { print, section } from '../sql/report.mjs';
import { blocking, BODY, INSERT, inTurns, openOurs, openTheirs, repeated } from './sides.mjs';

const PEER = 'better-sqlite3';
/** At least so many times the rate of the peer, by the actors. */
const GOALS = new Map([
  [16, 6],
  [64, 8],
]);

/** @type {import('./context.js').Bench} */
export async function bench(context) {
  section('many', 'durable one-row transactions a second of actors side by side; peers with a file each');
  const store = await Store.open({ path: join(context.directory, 'store') });
  const results = [];
  for (const count of context.actors) {
    results.push(await compare(context, store, count));
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
    { name: 'baton', run: (/** @type {number} */ duration) => repeated(lanes, duration) },
    ...theirs.map(({ name, files }) => ({
      name,
      run: (/** @type {number} */ duration) => blocking(files, duration),
    })),
  ];
  const turns = await inTurns(sides, rounds, seconds);
  await Promise.all(ours.map((database) => database.close()));
  theirs.forEach(({ files }) => files.forEach(({ file }) => file.close()));
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

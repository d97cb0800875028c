// One actor: durable one-row transactions a second, by how many calls are on their way at once. Peers insert one row after
// the other on the thread that asks, which they block, and in a worker thread, which answers each message. All sides are
// measured in the same turns.

import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import { Store } from '../../index.mjs';
import { median, resultOf } from '../report/results.js';
import { print, section } from '../sql/report.mjs';
import { flushedFile } from './flush.mjs';
import { blocking, BODY, chosen, INSERT, inTurns, openOurs, openTheirs, repeated, SCHEMA } from './sides.mjs';

const PEER = 'better-sqlite3';
/** At least so many times the rate of the peer that blocks the event loop, by the calls in flight. */
const GOALS = new Map([
  [1, 0.6],
  [16, 4],
  [64, 6],
]);
const FLUSH = 'flush';
const WORKER_GOAL = { peer: PEER, atLeast: 1 };

/** @type {import('./context.js').Bench} */
export async function bench({ directory, rounds, seconds, inFlight, peers, note }) {
  section('one', 'durable one-row transactions a second of one actor, by calls in flight');
  const store = await Store.open({ path: join(directory, 'store') });
  const ours = await openOurs(store, 'one', inFlight.length);
  const files = peers.map((peer) => ({
    name: peer.name,
    files: openTheirs(peer, join(directory, peer.name), 1),
  }));
  const workers = await Promise.all(
    peers.map(({ name }) => startWorker(name, join(directory, `${name}-worker.sqlite`))),
  );
  const bare = flushedFile(join(directory, 'flushed'));
  const sides = [
    { name: FLUSH, run: bare.run },
    ...inFlight.map((calls, index) => ({
      name: `baton ${calls}`,
      run: (/** @type {number} */ duration) =>
        repeated(
          Array.from({ length: calls }, () => (done) => ours[index].run(INSERT, [BODY, done])),
          duration,
        ),
    })),
    ...files.map(({ name, files: own }) => ({
      name,
      run: (/** @type {number} */ duration) => blocking(own, duration),
    })),
    ...workers.map(({ name, insert }) => ({
      name: `${name} worker`,
      run: (/** @type {number} */ duration) => repeated([insert], duration),
    })),
  ];
  const turns = await inTurns(sides, rounds, seconds);
  await Promise.all(workers.map(({ stop }) => stop()));
  files.forEach(({ files: own }) => own.forEach(({ file }) => file.close()));
  bare.close();
  await store.close();
  const flushMs = 1_000 / median(turns.map((turn) => turn[FLUSH]));
  note(
    `A flush alone (8 KiB into a file that does not grow, fdatasync) took ${flushMs.toFixed(2)} ms while one actor was ` +
      'measured: the cheaper it is, the more of a commit is everything else.',
  );
  const results = resultsOf(
    turns,
    inFlight,
    peers.map(({ name }) => name),
  );
  print(results);
  return results;
}

/**
 * @param {Record<string, number>[]} turns
 * @param {number[]} inFlight
 * @param {string[]} peers
 */
function resultsOf(turns, inFlight, peers) {
  const about = /** @type {const} */ ({ bench: 'commits', unit: '/s', better: 'higher' });
  const here = Object.fromEntries(peers.map((name) => [name, name]));
  const apart = Object.fromEntries(peers.map((name) => [name, `${name} worker`]));
  return inFlight.flatMap((calls) => {
    const what = calls === 1 ? '1 actor, one call at a time' : `1 actor, ${calls} calls in flight`;
    const atLeast = GOALS.get(calls);
    const blocked = resultOf(
      {
        ...about,
        case: what,
        goal: atLeast === undefined ? undefined : { peer: PEER, atLeast },
        // The plot has the actors that commit side by side, each with one call.
        params: calls === 1 ? { actors: 1 } : { inFlight: calls },
      },
      chosen(turns, { baton: `baton ${calls}`, ...here }),
    );
    const worker = resultOf(
      { ...about, case: `${what}; peers in a worker thread`, goal: WORKER_GOAL },
      chosen(turns, { baton: `baton ${calls}`, ...apart }),
    );
    return calls === 1 && peers.length > 0 ? [blocked, worker] : [blocked];
  });
}

/**
 * @param {string} peer
 * @param {string} path
 */
async function startWorker(peer, path) {
  const worker = new Worker(new URL('./insert-worker.mjs', import.meta.url), {
    workerData: { peer, path, schema: SCHEMA, insert: INSERT },
  });
  await new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  return {
    name: peer,
    insert: (/** @type {number} */ done) =>
      new Promise((resolve) => {
        worker.once('message', resolve);
        worker.postMessage([BODY, done]);
      }),
    stop: () => worker.terminate(),
  };
}

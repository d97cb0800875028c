// How soon writes are answered that arrive at a fixed rate, over many actors. A worker thread sends them, as a network
// would, whatever became of the earlier ones; a peer inserts each as it arrives, on the event loop.

import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import { Store } from '../../index.mjs';
import { quantile, resultOf, withoutRatios } from '../report/results.js';
import { print, section } from '../sql/report.mjs';
import { actorOf, answered, now, plan } from './arrivals.mjs';
import { withLateness } from './lateness.mjs';
import { BODY, INSERT, inTurns, openOurs, openTheirs } from './sides.mjs';

/** Until the first arrival, so that whoever sends it is ready. */
const LEAD_MS = 20;
const SHARES = /** @type {const} */ ([
  ['p50', 0.5],
  ['p99', 0.99],
  ['p99.9', 0.999],
]);

/** @type {import('./context.js').Bench} */
export async function bench({ directory, rounds, seconds, rate, actors, peers }) {
  const count = Math.max(...actors);
  section('rate', `answers to ${rate} writes a second over ${count} actors, from the intended arrival on`);
  const store = await Store.open({ path: join(directory, 'store') });
  const ours = await openOurs(store, 'rate', count);
  const theirs = peers.map((peer) => ({
    name: peer.name,
    files: openTheirs(peer, join(directory, peer.name), count),
  }));
  const network = new Worker(new URL('./arrivals.mjs', import.meta.url));
  /** @param {(index: number) => Promise<unknown> | unknown} write */
  const answers = (write) => (/** @type {number} */ duration) =>
    withLateness(() => arrive(network, plan(rate, duration, now() + LEAD_MS), write));
  const sides = [
    { name: 'baton', run: answers((index) => ours[actorOf(index, count)].run(INSERT, [BODY, index])) },
    ...theirs.map(({ name, files }) => ({
      name,
      run: answers((index) => files[actorOf(index, count)].insert.run(BODY, index)),
    })),
  ];
  const turns = await inTurns(sides, rounds, seconds * 2);
  await network.terminate();
  theirs.forEach(({ files }) => files.forEach(({ file }) => file.close()));
  await store.close();
  const results = resultsOf(turns, `${rate.toLocaleString('en-US')} writes a second over ${count} actors`);
  print(results);
  return results;
}

/**
 * @param {Worker} network
 * @param {import('./arrivals.mjs').Plan} given
 * @param {(index: number) => Promise<unknown> | unknown} write
 */
async function arrive(network, given, write) {
  const times = await answered(
    given,
    (take) => {
      network.on('message', take);
      network.postMessage(given);
    },
    write,
  );
  network.removeAllListeners('message');
  return times;
}

/**
 * @param {Record<string, import('./lateness.mjs').Lateness & { answer: number[] }>[]} turns
 * @param {string} load
 */
function resultsOf(turns, load) {
  const about = /** @type {const} */ ({ bench: 'commits', unit: 'ms', better: 'lower' });
  /** @param {(turn: typeof turns[number][string]) => number} figure */
  const figures = (figure) =>
    turns.map((turn) => Object.fromEntries(Object.entries(turn).map(([side, of]) => [side, figure(of)])));
  return [
    ...SHARES.map(([name, share]) =>
      resultOf(
        { ...about, case: `answer, ${name}, to ${load}` },
        figures(({ answer }) => quantile(answer, share)),
      ),
    ),
    withoutRatios(
      resultOf(
        { ...about, case: `the event loop is late, p99.9, at ${load}` },
        figures(({ p999 }) => p999),
      ),
    ),
  ];
}

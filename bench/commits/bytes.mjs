// What a commit of one row writes to the disk, and whether it stays so: a store that once held a large actor, which was
// rewritten and deleted, against a fresh one. Bytes are those of the kernel (`write_bytes` in /proc/self/io), so this
// needs Linux and a directory on a disk. A peer has a file for each actor, so its large one is deleted with its file.

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Store } from '../../index.mjs';
import { resultOf, withoutRatios } from '../report/results.js';
import { durable } from '../sql/peers.mjs';
import { print, section, title } from '../sql/report.mjs';
import { BODY, INSERT, openOurs, openTheirs } from './sides.mjs';

const ROW_BYTES = 1 << 20;
const BLOBS = 'CREATE TABLE blobs(id INTEGER PRIMARY KEY, bytes BLOB)';
const ADD = 'INSERT INTO blobs(bytes) VALUES (randomblob(?))';
const REWRITE = 'UPDATE blobs SET bytes = randomblob(?)';
const GOAL = { atMost: 2 };
/** In which what is written behind the commits reaches the disk, so that it does not count as another side's. */
const SETTLE_MS = 300;

/** @typedef {{ name: string, commit: (row: number) => unknown, churn: (mib: number) => Promise<void> }} Side */

/** @type {import('./context.js').Bench} */
export async function bench({ directory, rounds, commits, mib, peers }) {
  section('bytes', `written to the disk for a one-row commit, averages of ${commits}`);
  if (written() === undefined) {
    title('skipped: only Linux counts the bytes that a process has written');
    return [];
  }
  const store = await Store.open({ path: join(directory, 'store') });
  const files = peers.map((peer) => ({ peer, ...openTheirs(peer, join(directory, peer.name), 1)[0] }));
  const [database] = await openOurs(store, 'small', 1);
  /** @type {Side[]} */
  const sides = [
    {
      name: 'baton',
      commit: (row) => database.run(INSERT, [BODY, row]),
      churn: (size) => churn(store, size),
    },
    ...files.map(({ peer, insert }) => ({
      name: peer.name,
      commit: (/** @type {number} */ row) => insert.run(BODY, row),
      churn: async (/** @type {number} */ size) => churnFile(peer, join(directory, 'large.sqlite'), size),
    })),
  ];
  // What a store writes while it is being made is not what it writes later.
  await measure(sides, commits, 1);
  const fresh = await measure(sides, commits, rounds);
  for (const side of sides) {
    await side.churn(mib);
  }
  const after = await measure(sides, commits, rounds);
  files.forEach(({ file }) => file.close());
  await store.close();
  const results = resultsOf(fresh, after, mib);
  print(results);
  return results;
}

/** The bytes that this process has sent to the disk so far, where the system counts them. */
function written() {
  try {
    const line = readFileSync('/proc/self/io', 'utf8').match(/^write_bytes: (\d+)$/m);
    return line === null ? undefined : Number(line[1]);
  } catch {
    return undefined;
  }
}

/**
 * Bytes of a one-row commit, on average, in each turn.
 *
 * @param {Side[]} sides
 * @param {number} commits
 * @param {number} rounds
 */
async function measure(sides, commits, rounds) {
  const turns = [];
  for (let round = 0; round < rounds; round += 1) {
    /** @type {Record<string, number>} */
    const turn = {};
    for (const { name, commit } of sides) {
      const before = written() ?? 0;
      for (let row = 0; row < commits; row += 1) {
        await commit(row);
      }
      await sleep(SETTLE_MS);
      turn[name] = ((written() ?? 0) - before) / commits;
    }
    turns.push(turn);
  }
  return turns;
}

/**
 * Writes a large actor, rewrites all of it, and deletes it.
 *
 * @param {Store} store
 * @param {number} mib
 */
async function churn(store, mib) {
  const database = await store.openDatabase('large');
  await database.exec(BLOBS);
  for (let row = 0; row < mib; row += 1) {
    await database.run(ADD, [ROW_BYTES]);
  }
  await database.run(REWRITE, [ROW_BYTES]);
  await database.close();
  await store.delete('large');
}

/**
 * The same, where an actor is a file.
 *
 * @param {import('../sql/context.js').Peer} peer
 * @param {string} path
 * @param {number} mib
 */
function churnFile({ open }, path, mib) {
  const file = durable(open(path));
  file.exec(BLOBS);
  const add = file.prepare(ADD);
  for (let row = 0; row < mib; row += 1) {
    add.run(ROW_BYTES);
  }
  file.prepare(REWRITE).run(ROW_BYTES);
  file.close();
  rmSync(path);
}

/**
 * @param {Record<string, number>[]} fresh
 * @param {Record<string, number>[]} after
 * @param {number} mib
 */
function resultsOf(fresh, after, mib) {
  const about = /** @type {const} */ ({ bench: 'commits', better: 'lower' });
  const sides = Object.keys(fresh[0]);
  /** @param {Record<string, number>[]} turns */
  const kib = (turns) =>
    turns.map((turn) => Object.fromEntries(sides.map((side) => [side, turn[side] / 1024])));
  const then = `after ${mib} MiB were written, rewritten and deleted`;
  const first = resultOf({ ...about, case: 'written for a one-row commit, fresh', unit: 'KiB' }, kib(fresh));
  const grown = after.map((turn) =>
    Object.fromEntries(
      sides.map((side) => [side, turn[side] / 1024 / (side === 'baton' ? first.baton : first.peers[side])]),
    ),
  );
  const ratio = resultOf({ ...about, case: `the same, ${then} / fresh`, unit: '', goal: GOAL }, grown);
  return [
    first,
    resultOf({ ...about, case: `the same, ${then}`, unit: 'KiB' }, kib(after)),
    // A ratio of ratios says nothing.
    withoutRatios(ratio),
  ];
}

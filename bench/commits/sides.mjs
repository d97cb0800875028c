// The two sides of each comparison: actors of one store, and as many plain files of SQLite. Both insert the same row, one
// durable transaction each.

import { join } from 'node:path';

import { Store } from '../../index.mjs';
import { durable, rotated } from '../sql/peers.mjs';

export const SCHEMA = 'CREATE TABLE event(id INTEGER PRIMARY KEY, body TEXT NOT NULL, at INTEGER NOT NULL)';
export const INSERT = 'INSERT INTO event(body, at) VALUES (?, ?)';
export const BODY = 'somebody said something of about fifty characters';
const WARMUP_SECONDS = 0.2;

/**
 * @param {import('../../index.js').Store} store
 * @param {string} label
 * @param {number} count
 */
export async function openOurs(store, label, count) {
  const databases = [];
  for (let index = 0; index < count; index += 1) {
    const database = await store.openDatabase(`${label} ${index}`);
    await database.exec(SCHEMA);
    databases.push(database);
  }
  return databases;
}

/**
 * @param {import('../sql/context.js').Peer} peer
 * @param {string} prefix
 * @param {number} count
 */
export function openTheirs({ open }, prefix, count) {
  return Array.from({ length: count }, (_, index) => {
    const file = durable(open(`${prefix}-${index}.sqlite`));
    file.exec(SCHEMA);
    return { file, insert: file.prepare(INSERT) };
  });
}

/**
 * Does one thing after another in each lane until the time is over: as an actor that acknowledges what it has stored
 * does. Answers how many were done a second.
 *
 * @param {((done: number) => Promise<unknown>)[]} lanes
 * @param {number} seconds
 */
export async function repeated(lanes, seconds) {
  let done = 0;
  const began = performance.now();
  const end = began + seconds * 1_000;
  await Promise.all(
    lanes.map(async (step) => {
      while (performance.now() < end) {
        await step(done);
        done += 1;
      }
    }),
  );
  return done / ((performance.now() - began) / 1_000);
}

/**
 * Actors of a store with an insert of each, and as many files of each peer, for a comparison side by side.
 *
 * @param {import('./context.js').Context} context
 * @param {import('../../index.js').Store} store
 * @param {number} count
 */
export async function openSides({ directory, peers }, store, count) {
  const ours = await openOurs(store, `of ${count}`, count);
  const theirs = peers.map((peer) => ({
    name: peer.name,
    files: openTheirs(peer, join(directory, `${peer.name}-${count}`), count),
  }));
  const lanes = ours.map((database) => (/** @type {number} */ done) => database.run(INSERT, [BODY, done]));
  const close = async () => {
    await Promise.all(ours.map((database) => database.close()));
    theirs.forEach(({ files }) => files.forEach(({ file }) => file.close()));
  };
  return { theirs, lanes, close };
}

/**
 * A comparison for each number of actors, on one store.
 *
 * @template Result
 * @param {import('./context.js').Context} context
 * @param {(context: import('./context.js').Context, store: import('../../index.js').Store, count: number) =>
 *   Promise<Result>} compare
 */
export async function byActors(context, compare) {
  const store = await Store.open({ path: join(context.directory, 'store') });
  const results = [];
  for (const count of context.actors) {
    results.push(await compare(context, store, count));
  }
  await store.close();
  return results;
}

/**
 * One insert after the other, each of which waits for the disk and blocks the event loop: that is what a synchronous
 * interface can do.
 *
 * @param {ReturnType<typeof openTheirs>} files
 * @param {number} seconds
 */
export async function blocking(files, seconds) {
  let done = 0;
  const began = performance.now();
  const end = began + seconds * 1_000;
  while (performance.now() < end) {
    files[done % files.length].insert.run(BODY, done);
    done += 1;
  }
  return done / ((performance.now() - began) / 1_000);
}

/**
 * Measures all sides in turn, another one first each time. Answers each turn's figures by the names of the sides.
 *
 * @template Figure
 * @param {import('./context.js').Side<Figure>[]} sides
 * @param {number} rounds
 * @param {number} seconds
 */
export async function inTurns(sides, rounds, seconds) {
  for (const { run } of sides) {
    await run(Math.min(WARMUP_SECONDS, seconds));
  }
  /** @type {Record<string, Figure>[]} */
  const turns = [];
  for (let round = 0; round < rounds; round += 1) {
    /** @type {Record<string, Figure>} */
    const turn = {};
    for (const { name, run } of rotated(sides, round)) {
      turn[name] = await run(seconds);
    }
    turns.push(turn);
  }
  return turns;
}

/**
 * The turns with some of their figures alone, under other names: a peer that was measured in two ways is one column.
 *
 * @param {Record<string, number>[]} turns
 * @param {Record<string, string>} sides The names of the sides by what they are to be called.
 */
export function chosen(turns, sides) {
  return turns.map((turn) =>
    Object.fromEntries(Object.entries(sides).map(([called, side]) => [called, turn[side]])),
  );
}

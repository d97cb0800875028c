// Calls on the thread that asks: warm point queries, writes whose durability is deferred and awaited at the end, and
// writes that are durable when they return. The peers are on the same thread.

import { join } from 'node:path';

import { Store } from '../../index.mjs';
import { inTurns } from '../commits/sides.mjs';
import { resultOf } from '../report/results.js';
import { durable } from './peers.mjs';
import { fill, QUERY, runHere } from './points.mjs';
import { print, section } from './report.mjs';

const PEER = 'better-sqlite3';
const TABLE = 'CREATE TABLE event(id INTEGER PRIMARY KEY, name TEXT NOT NULL, n INTEGER NOT NULL)';
const INSERT = 'INSERT INTO event(name, n) VALUES (?, ?)';
/** How many writes there are between two looks at the clock; a turn ends with what they are worth. */
const WRITES = 500;

const ABOUT = /** @type {const} */ ({ bench: 'sql', unit: '/s', better: 'higher' });

/** @type {import('./context.js').Bench} */
export async function bench(context) {
  section('sync', 'synchronous calls a second, on the thread that asks');
  const store = await Store.open({ path: join(context.directory, 'store') });
  const results = [await points(store, context), await deferred(store, context), await full(store, context)];
  await store.close();
  print(results);
  return results;
}

/**
 * @param {Store} store
 * @param {import('./context.js').Context} context
 */
async function points(store, { directory, rounds, seconds, peers }) {
  const database = await store.openDatabase('players');
  database.execSync(fill());
  const statement = database.prepareSync(QUERY);
  const ours = { get: (/** @type {number} */ id) => statement.getSync([id]) };
  const files = peers.map(({ name, open }) => {
    const file = open(join(directory, `${name}-points.sqlite`));
    file.exec(fill());
    return { name, file, statement: file.prepare(QUERY) };
  });
  const sides = [{ name: 'baton', statement: ours }, ...files].map(({ name, statement: asked }) => ({
    name,
    run: async (/** @type {number} */ duration) => runHere(asked, duration),
  }));
  const turns = await inTurns(sides, rounds, seconds);
  files.forEach(({ file }) => file.close());
  await database.close();
  const goal = { peer: PEER, atLeast: 0.9 };
  return resultOf({ ...ABOUT, case: 'warm point queries, getSync', goal }, turns);
}

/**
 * @param {Store} store
 * @param {import('./context.js').Context} context
 */
async function deferred(store, context) {
  const database = await store.openDatabase('deferred', { durability: 'deferred' });
  const turns = await writes(database, () => database.flushed(), 'deferred', context);
  await database.close();
  const goal = { peer: PEER, atLeast: 10 };
  return resultOf({ ...ABOUT, case: 'one-row writes, deferred, flushed() at the end', goal }, turns);
}

/**
 * @param {Store} store
 * @param {import('./context.js').Context} context
 */
async function full(store, context) {
  const database = await store.openDatabase('full');
  const turns = await writes(database, async () => {}, 'full', context);
  await database.close();
  return resultOf({ ...ABOUT, case: 'one-row writes, durable when runSync returns' }, turns);
}

/**
 * @param {import('../../index.js').Database} database
 * @param {() => Promise<void>} flush
 * @param {string} kind
 * @param {import('./context.js').Context} context
 */
async function writes(database, flush, kind, { directory, rounds, seconds, peers }) {
  database.execSync(TABLE);
  const insert = database.prepareSync(INSERT);
  const files = peers.map(({ name, open }) => {
    const file = durable(open(join(directory, `${name}-${kind}.sqlite`)));
    file.exec(TABLE);
    const statement = file.prepare(INSERT);
    return {
      name,
      file,
      write: (/** @type {number} */ n) => statement.run('event', n),
      flush: async () => {},
    };
  });
  const ours = { name: 'baton', write: (/** @type {number} */ n) => insert.runSync(['event', n]), flush };
  const sides = [ours, ...files].map(({ name, write, flush: end }) => ({
    name,
    run: (/** @type {number} */ duration) => runWrites(write, end, duration),
  }));
  const turns = await inTurns(sides, rounds, seconds);
  files.forEach(({ file }) => file.close());
  return turns;
}

/**
 * @param {(n: number) => unknown} write
 * @param {() => Promise<void>} flush
 * @param {number} seconds
 */
async function runWrites(write, flush, seconds) {
  let done = 0;
  const began = performance.now();
  while (performance.now() - began < seconds * 1_000) {
    for (let left = WRITES; left > 0; left -= 1) {
      done += 1;
      write(done);
    }
  }
  await flush();
  return done / ((performance.now() - began) / 1_000);
}

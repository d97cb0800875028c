// Durable one-row transactions a second, by 1, 16 and 64 actors of one process, and how long the event loop
// is held up meanwhile.

import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import { Store } from '../../index.mjs';
import { resultOf } from '../report/results.js';
import { durable, rotated } from './peers.mjs';
import { print, section } from './report.mjs';

const SCHEMA = 'CREATE TABLE event(id INTEGER PRIMARY KEY, body TEXT NOT NULL, at INTEGER NOT NULL)';
const INSERT = 'INSERT INTO event(body, at) VALUES (?, ?)';
const BODY = 'somebody said something of about fifty characters';
const PERIOD_MS = 1;
const WARMUP_SECONDS = 0.2;
const GOALS = new Map([
  [1, { peer: 'libsql', atLeast: 0.6 }],
  [64, { peer: 'libsql', atLeast: 5 }],
]);
const LATE_MS_MAX = 1;

/** @type {import('./context.js').Bench} */
export async function bench(context) {
  section(
    'commits',
    'durable one-row transactions a second; peers with WAL and synchronous FULL, a file each',
  );
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
  const ours = await openOurs(store, count);
  const theirs = peers.map(({ name, open }) => ({
    name,
    files: openTheirs(open, join(directory, `${name}-${count}`), count),
  }));
  /** @type {Record<string, number>[]} */
  const turns = [];
  /** @type {{ p99: number, p999: number }[]} */
  const delays = [];
  const sides = [
    {
      name: 'baton',
      run: async () => {
        const { result, ...delay } = await withDelays(() => runOurs(ours, seconds));
        delays.push(delay);
        return result;
      },
    },
    ...theirs.map(({ name, files }) => ({ name, run: async () => runTheirs(files, seconds) })),
  ];
  await runOurs(ours, WARMUP_SECONDS);
  theirs.forEach(({ files }) => runTheirs(files, WARMUP_SECONDS));
  for (let round = 0; round < rounds; round += 1) {
    /** @type {Record<string, number>} */
    const turn = {};
    for (const side of rotated(sides, round)) {
      turn[side.name] = await side.run();
    }
    turns.push(turn);
  }
  await Promise.all(ours.map((database) => database.close()));
  theirs.forEach(({ files }) => files.forEach(({ file }) => file.close()));
  return [
    resultOf(
      {
        bench: 'sql',
        case: `durable one-row transactions, ${actors(count)}`,
        unit: '/s',
        better: 'higher',
        goal: GOALS.get(count),
        params: { actors: count },
      },
      turns,
    ),
    ...lateness(count, delays),
  ];
}

/** @param {number} count */
function actors(count) {
  return count === 1 ? '1 actor' : `${count} actors`;
}

/**
 * @param {number} count
 * @param {{ p99: number, p999: number }[]} delays
 */
function lateness(count, delays) {
  const about = /** @type {const} */ ({ bench: 'sql', unit: 'ms', better: 'lower' });
  return [
    resultOf(
      { ...about, case: `the event loop is late meanwhile, p99, ${actors(count)}`, detail: true },
      delays.map(({ p99 }) => ({ baton: p99 })),
    ),
    resultOf(
      {
        ...about,
        case: `the event loop is late meanwhile, p99.9, ${actors(count)}`,
        // One actor alone is no load.
        goal: count > 1 ? { atMost: LATE_MS_MAX } : undefined,
      },
      delays.map(({ p999 }) => ({ baton: p999 })),
    ),
  ];
}

/**
 * How late the event loop was while something ran. The peers block it by design and are not measured.
 *
 * @param {() => Promise<number>} work
 */
async function withDelays(work) {
  const delay = monitorEventLoopDelay({ resolution: PERIOD_MS });
  delay.enable();
  // What happened before is not to count.
  await sleep(20);
  delay.reset();
  const result = await work();
  delay.disable();
  // The monitor counts from one tick of its timer to the next, so its period is part of each value.
  const late = (/** @type {number} */ percent) => delay.percentile(percent) / 1e6 - PERIOD_MS;
  return { result, p99: late(99), p999: late(99.9) };
}

/**
 * @param {Store} store
 * @param {number} count
 */
async function openOurs(store, count) {
  const databases = [];
  for (let index = 0; index < count; index += 1) {
    const database = await store.openDatabase(`actor ${index} of ${count}`);
    await database.exec(SCHEMA);
    databases.push(database);
  }
  return databases;
}

/**
 * @param {Awaited<ReturnType<typeof openOurs>>} databases
 * @param {number} seconds
 */
async function runOurs(databases, seconds) {
  let done = 0;
  const began = performance.now();
  const end = began + seconds * 1_000;
  // Each actor waits for its own commit, as an actor that acknowledges what it has stored does.
  await Promise.all(
    databases.map(async (database) => {
      while (performance.now() < end) {
        await database.run(INSERT, [BODY, done]);
        done += 1;
      }
    }),
  );
  return done / ((performance.now() - began) / 1_000);
}

/**
 * @param {(path: string) => any} open
 * @param {string} prefix
 * @param {number} count
 */
function openTheirs(open, prefix, count) {
  return Array.from({ length: count }, (_, index) => {
    const file = durable(open(`${prefix}-${index}.sqlite`));
    file.exec(SCHEMA);
    return { file, insert: file.prepare(INSERT) };
  });
}

/**
 * One after the other, each of which waits for the disk: that is what a synchronous interface can do.
 *
 * @param {ReturnType<typeof openTheirs>} files
 * @param {number} seconds
 */
function runTheirs(files, seconds) {
  let done = 0;
  const began = performance.now();
  const end = began + seconds * 1_000;
  while (performance.now() < end) {
    files[done % files.length].insert.run(BODY, done);
    done += 1;
  }
  return done / ((performance.now() - began) / 1_000);
}

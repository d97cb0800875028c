// Durable one-row transactions a second, by 1, 16 and 64 actors of one process, and how long the event loop
// is held up meanwhile.

import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import Libsql from 'libsql';

import { Store } from '../../index.mjs';
import { median, millis, section, table, times, whole } from './report.mjs';

const SCHEMA = 'CREATE TABLE event(id INTEGER PRIMARY KEY, body TEXT NOT NULL, at INTEGER NOT NULL)';
const INSERT = 'INSERT INTO event(body, at) VALUES (?, ?)';
const BODY = 'somebody said something of about fifty characters';
const PERIOD_MS = 1;
const GOALS = new Map([
  [1, 0.6],
  [64, 5],
]);

/** @param {import('./context.js').Context} context */
export async function bench({ directory, rounds, seconds, actors }) {
  section(
    'commits',
    'durable one-row transactions a second; libsql with WAL and synchronous FULL, a file each',
  );
  const store = await Store.open({ path: join(directory, 'store') });
  const rows = [['actors', 'baton', 'libsql', 'ratio', 'goal', 'loop p99', 'loop p99.9']];
  for (const count of actors) {
    const ours = await openOurs(store, count);
    const theirs = openTheirs(join(directory, `${count}`), count);
    /** @type {[number, number][]} */
    const turns = [];
    /** @type {{ p99: number, p999: number }[]} */
    const delays = [];
    await runOurs(ours, 0.2);
    runTheirs(theirs, 0.2);
    for (let round = 0; round < rounds; round += 1) {
      const { result, ...delay } = await withDelays(() => runOurs(ours, seconds));
      delays.push(delay);
      turns.push([result, runTheirs(theirs, seconds)]);
    }
    const goal = GOALS.get(count);
    rows.push([
      String(count),
      whole(median(turns.map(([our]) => our))),
      whole(median(turns.map(([, their]) => their))),
      times(median(turns.map(([our, their]) => our / their))),
      goal === undefined ? '' : times(goal),
      millis(median(delays.map(({ p99 }) => p99))),
      millis(median(delays.map(({ p999 }) => p999))),
    ]);
    await Promise.all(ours.map((database) => database.close()));
    theirs.forEach(({ file }) => file.close());
  }
  await store.close();
  table(rows);
}

/**
 * How late the event loop was while something ran. The other side blocks it by design and is not measured.
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
 * @param {string} prefix
 * @param {number} count
 */
function openTheirs(prefix, count) {
  return Array.from({ length: count }, (_, index) => {
    const file = new Libsql(`${prefix}-${index}.sqlite`);
    file.pragma('journal_mode = WAL');
    file.pragma('synchronous = FULL');
    file.exec(SCHEMA);
    return { file, insert: file.prepare(INSERT) };
  });
}

/**
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

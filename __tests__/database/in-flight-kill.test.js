// A process that is killed while many calls of one database are in flight, which share commits: what it was answered
// is there, and nothing that an answered read has seen is gone.

'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { join } = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

const { Store } = require('../..');
const { temporaryDirectory } = require('../helpers.js');

const ROUNDS = 5;
const TIMEOUT_MS = 120_000;

const directory = temporaryDirectory();
const children = [];
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

/** Runs the child until some time after its first answer. Returns what it was answered, line by line. */
async function killedAfter(name, path, ms) {
  const fixture = join(__dirname, '..', 'fixtures', name);
  const child = spawn(process.execPath, [fixture, JSON.stringify({ path })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let told = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    told += text;
  });
  const closed = once(child, 'close');
  await once(child.stdout, 'data');
  await sleep(ms);
  child.kill('SIGKILL');
  expect(await closed).toEqual([null, 'SIGKILL']);
  // The last line may be a part of one.
  return told.split('\n').slice(0, -1);
}

async function rowsAfterwards(path, id = 'a') {
  const store = await Store.open({ path });
  const db = await store.openDatabase(id);
  const rows = await db.all('SELECT n FROM t ORDER BY n');
  expect(await db.get('PRAGMA integrity_check')).toEqual({ integrity_check: 'ok' });
  await store.close();
  return rows.map(({ n }) => n);
}

test(
  'what was answered survives, and reads have seen nothing that does not',
  async () => {
    const path = join(directory, 'in-flight');
    for (let round = 0; round < ROUNDS; round += 1) {
      const lines = (await killedAfter('inserts-in-flight.js', path, Math.random() * 400)).map((line) =>
        line.split(' '),
      );
      const rows = await rowsAfterwards(path);
      // The inserts were called in the order of their numbers, so those that took place have no gap.
      expect(rows).toEqual(Array.from(rows, (_, index) => index + 1));
      const wrote = lines.filter(([what]) => what === 'wrote').map(([, n]) => Number(n));
      const reads = lines.filter(([what]) => what === 'read').map(([, ...seen]) => seen.map(Number));
      expect(wrote.length).toBeGreaterThan(0);
      expect(wrote.filter((n) => n > rows.length)).toEqual([]);
      expect(reads.filter(([count, last]) => count !== last || last > rows.length)).toEqual([]);
    }
  },
  TIMEOUT_MS,
);

test(
  'what flushed() has covered survives in each database, and the rest is lost only from the end',
  async () => {
    const path = join(directory, 'deferred');
    const said = {};
    for (let round = 0; round < ROUNDS; round += 1) {
      const lines = await killedAfter('deferred-writes.js', path, 100 + Math.random() * 400);
      // Each has a last line, but for those that had none yet.
      const flushed = Object.fromEntries(lines.map((line) => line.split(' ')));
      for (const id of ['a', 'b', 'c', 'full']) {
        const rows = await rowsAfterwards(path, id);
        expect([id, rows]).toEqual([id, Array.from(rows, (_, index) => index + 1)]);
        expect(rows.length).toBeGreaterThanOrEqual(Number(flushed[id] ?? 0));
        said[id] = (said[id] ?? 0) + (flushed[id] === undefined ? 0 : 1);
      }
    }
    // All of them were in the middle of something.
    expect(Math.min(...Object.values(said))).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

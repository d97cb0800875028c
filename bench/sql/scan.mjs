// A cold scan: open the database and read every row of a table that fills it. The files are in the system's
// page cache on both sides; SQLite's own cache is empty.

import { join } from 'node:path';

import Libsql from 'libsql';

import { Store } from '../../index.mjs';
import { median, millis, section, table, times } from './report.mjs';

const ROW_BYTES = 400;
const SCAN = 'SELECT count(*) AS rows, sum(length(body)) AS bytes, sum(id) AS ids FROM note';
const GOAL = 1.5;

/** @param {import('./context.js').Context} context */
export async function bench({ directory, rounds, scanMib }) {
  section('scan', `cold scan of ${scanMib} MiB: open, read every row, close`);
  const path = join(directory, 'plain.sqlite');
  const expected = writeFile(path, scanMib);
  const store = await Store.open({ path: join(directory, 'store') });
  await store.importFrom('scanned', path);
  /** @type {[number, number][]} */
  const turns = [];
  for (let round = 0; round < rounds + 1; round += 1) {
    const our = await time(async () => {
      const database = await store.openDatabase('scanned', { preload: { hints: false } });
      check(await database.get(SCAN), expected);
      await database.close();
    });
    const their = await time(async () => {
      const file = new Libsql(path);
      check(file.prepare(SCAN).get(), expected);
      file.close();
    });
    // The first turn warms the system's cache.
    if (round > 0) {
      turns.push([our, their]);
    }
  }
  await store.close();
  table([
    ['', 'baton', 'libsql', 'ratio', 'goal (at most)'],
    [
      `${scanMib} MiB`,
      millis(median(turns.map(([our]) => our))),
      millis(median(turns.map(([, their]) => their))),
      times(median(turns.map(([our, their]) => our / their))),
      times(GOAL),
    ],
  ]);
}

/** @param {() => Promise<void>} work */
async function time(work) {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/**
 * @param {string} path
 * @param {number} mib
 */
function writeFile(path, mib) {
  const file = new Libsql(path);
  file.exec('CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT NOT NULL)');
  const rows = Math.floor((mib * 1024 * 1024) / (ROW_BYTES + 20));
  // Words rather than noise, as notes have them.
  const words = 'of the people by the people for the people shall not perish from the earth '.repeat(8);
  file.exec('BEGIN');
  const insert = file.prepare('INSERT INTO note(body) VALUES (?)');
  for (let row = 0; row < rows; row += 1) {
    insert.run(`${row} ${words.slice(row % 70)}`.slice(0, ROW_BYTES));
  }
  file.exec('COMMIT');
  const expected = file.prepare(SCAN).get();
  file.close();
  return expected;
}

/**
 * @param {any} found
 * @param {any} expected
 */
function check(found, expected) {
  if (found.rows !== expected.rows || found.bytes !== expected.bytes || found.ids !== expected.ids) {
    throw new Error(`the scan found ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`);
  }
}

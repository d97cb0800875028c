// A cold scan: open the database and read every row of a table that fills it. The files are in the system's
// page cache on both sides; SQLite's own cache is empty.

import { join } from 'node:path';

import { Store } from '../../index.mjs';
import { resultOf } from '../report/results.js';
import { rotated } from './peers.mjs';
import { Complaint, print, section } from './report.mjs';

const ROW_BYTES = 400;
const SCAN = 'SELECT count(*) AS rows, sum(length(body)) AS bytes, sum(id) AS ids FROM note';
const GOAL = { peer: 'libsql', atMost: 1.5 };

/** @type {import('./context.js').Bench} */
export async function bench({ directory, rounds, scanMib, peers }) {
  section('scan', `cold scan of ${scanMib} MiB: open, read every row, close`);
  if (peers.length === 0) {
    throw new Complaint('a scan needs a peer, which writes the file that is imported');
  }
  const path = join(directory, 'plain.sqlite');
  const expected = writeFile(peers[0].open(path), scanMib);
  const store = await Store.open({ path: join(directory, 'store') });
  await store.importFrom('scanned', path);
  const sides = [
    {
      name: 'baton',
      run: async () => {
        const database = await store.openDatabase('scanned', { preload: { hints: false } });
        check(await database.get(SCAN), expected);
        await database.close();
      },
    },
    ...peers.map(({ name, open }) => ({
      name,
      run: async () => {
        const file = open(path);
        check(file.prepare(SCAN).get(), expected);
        file.close();
      },
    })),
  ];
  /** @type {Record<string, number>[]} */
  const turns = [];
  for (let round = 0; round < rounds + 1; round += 1) {
    /** @type {Record<string, number>} */
    const turn = {};
    for (const { name, run } of rotated(sides, round)) {
      turn[name] = await time(run);
    }
    // The first turn warms the system's cache.
    if (round > 0) {
      turns.push(turn);
    }
  }
  await store.close();
  const about = /** @type {const} */ ({ bench: 'sql', unit: 'ms', better: 'lower', goal: GOAL });
  const result = resultOf({ ...about, case: `cold scan of ${scanMib} MiB`, params: { scanMib } }, turns);
  print([result]);
  return [result];
}

/** @param {() => Promise<void>} work */
async function time(work) {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/**
 * @param {any} file
 * @param {number} mib
 */
function writeFile(file, mib) {
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

// The memory of an idle open database: many are opened, each answers a query and commits a row, and what the
// process has grown by is divided by their number.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Store } from '../../index.mjs';
import { resultOf } from '../report/results.js';
import { print, section, whole } from './report.mjs';

const GOAL_KIB = 150;

/** @type {import('./context.js').Bench} */
export async function bench({ directory, databases: count }) {
  section('memory', `${whole(count)} databases open in one process, each used once`);
  // The log of the store is not what is measured, so it need not wait for the disk.
  const store = await Store.open({ path: join(directory, 'store'), durability: 'relaxed' });
  const open = async (/** @type {number} */ index) => {
    const database = await store.openDatabase(`actor ${index}`);
    await database.exec('CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT)');
    await database.run('INSERT INTO t(name) VALUES (?)', ['somebody']);
    await database.get('SELECT * FROM t WHERE id = ?', [1]);
    return database;
  };
  // What the first ones need once is not the others' cost.
  const warm = await open(-1);
  const before = footprint();
  const databases = [];
  for (let index = 0; index < count; index += 1) {
    databases.push(await open(index));
  }
  const grown = footprint() - before;
  await warm.get('SELECT 1');
  await store.close();
  const result = resultOf(
    {
      bench: 'sql',
      case: `memory of an idle open database, of ${whole(count)}`,
      unit: 'KiB',
      better: 'lower',
      goal: { atMost: GOAL_KIB },
    },
    [{ baton: grown / count / 1024 }],
  );
  print([result]);
  return [result];
}

/** Memory of the process itself: the mapped file of the store is the system's page cache. */
function footprint() {
  globalThis.gc?.();
  const { anonymous, resident } = smaps();
  return anonymous ?? resident;
}

function smaps() {
  const resident = process.memoryUsage.rss();
  try {
    const text = readFileSync('/proc/self/status', 'utf8');
    const kib = /^RssAnon:\s+(\d+) kB/m.exec(text)?.[1];
    return { resident, anonymous: kib === undefined ? undefined : Number(kib) * 1024 };
  } catch {
    return { resident, anonymous: undefined };
  }
}

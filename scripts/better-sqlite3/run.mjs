// Runs one of the programs of this folder on a database of Baton, and checks what it returns.
//
//   node run.mjs <program> memory|<directory> full|deferred

import { deepStrictEqual } from 'node:assert';

import { Store } from 'batondb';
import Database from 'batondb/better-sqlite3';

const [program, place, durability] = process.argv.slice(2);
const { default: run, expected } = await import(`./${program}.mjs`);
const store = await Store.open(place === 'memory' ? { memory: true } : { path: place });
const database = await store.openDatabase(program, {
  durability: /** @type {'full' | 'deferred'} */ (durability),
});
// Without the classes, which belong to the package.
deepStrictEqual(
  JSON.parse(JSON.stringify(await run(new Database(database)))),
  JSON.parse(JSON.stringify(expected)),
);
await database.close();
await store.close();
// Some of them leave a timer behind.
process.exit(0);

// Start plus first query, with and without what earlier starts have learned and with and without reading
// ahead, counting the round trips to the store. On the embedded engine a round trip is a function call; on a
// cluster each one is a message and its answer, so their number is what counts there.

import { join } from 'node:path';

import { Store } from '../../index.mjs';
import { resultOf } from '../report/results.js';
import { millis, section, table, whole } from './report.mjs';

const ROWS = 100_000;
const QUERIES = /** @type {const} */ ([
  ['point query', 'SELECT * FROM item WHERE sku = ?', [`sku-${ROWS / 2}`]],
  ['1,000-row range', 'SELECT * FROM item WHERE id BETWEEN ? AND ?', [40_001, 41_000]],
  ['full scan', 'SELECT sum(length(name)) AS bytes FROM item', []],
]);

/** @type {import('./context.js').Bench} */
export async function bench({ directory, rounds }) {
  section('starts', `open and first query of a database of ${whole(ROWS)} rows; round trips after the start`);
  const store = await Store.open({ path: join(directory, 'store') });
  const heading = ['', 'hints', 'read-ahead', 'time', 'round trips', 'preloaded', 'of use', 'fetched'];
  const rows = [heading];
  const results = [];
  for (const [name, sql, params] of QUERIES) {
    await fill(store, name);
    for (const [hints, readAhead] of [
      [false, false],
      [false, true],
      [true, false],
      [true, true],
    ]) {
      const options = { preload: { hints }, readAhead };
      const turns = [];
      // The first start learns what the next ones preload.
      for (let round = 0; round < rounds + 1; round += 1) {
        turns.push(await start(store, name, sql, params, options));
      }
      const { stats } = turns[turns.length - 1];
      const [hintsText, readAheadText] = [hints, readAhead].map((on) => (on ? 'on' : 'off'));
      const result = resultOf(
        {
          bench: 'sql',
          case: `open and first query: ${name}, hints ${hintsText}, read-ahead ${readAheadText}`,
          unit: 'ms',
          better: 'lower',
          params: { roundTrips: stats.roundTrips },
          detail: true,
        },
        turns.slice(1).map(({ ms }) => ({ baton: ms })),
      );
      results.push(result);
      rows.push([
        name,
        hintsText,
        readAheadText,
        millis(result.baton),
        whole(stats.roundTrips),
        whole(stats.pagesPreloaded),
        whole(stats.preloadHits),
        whole(stats.pagesFetched),
      ]);
    }
  }
  await store.close();
  table(rows);
  return results;
}

/**
 * @param {Store} store
 * @param {string} actorId
 */
async function fill(store, actorId) {
  const database = await store.openDatabase(actorId, { preload: { hints: false } });
  await database.exec(`
    CREATE TABLE item(id INTEGER PRIMARY KEY, sku TEXT NOT NULL UNIQUE, name TEXT NOT NULL);
    WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < ${ROWS})
      INSERT INTO item SELECT id, 'sku-' || id, 'the item with number ' || id FROM n;`);
  await database.close();
}

/**
 * @param {Store} store
 * @param {string} actorId
 * @param {string} sql
 * @param {readonly unknown[]} params
 * @param {import('../../index.js').DatabaseOptions} options
 */
async function start(store, actorId, sql, params, options) {
  const began = performance.now();
  const database = await store.openDatabase(actorId, options);
  await database.all(sql, /** @type {any[]} */ ([...params]));
  const ms = performance.now() - began;
  const stats = database.stats();
  await database.close();
  return { ms, stats };
}

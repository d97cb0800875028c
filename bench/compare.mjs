// Compares two checkouts of this repository, each with its release addon built: the same short workload in both,
// in alternating turns. Prints the median rates and the median of the ratios inside the turns.
//
//   npm run bench:compare -- ../before            # this checkout against another one
//   npm run bench:compare -- ../before --turns 9

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const own = fileURLToPath(new URL('..', import.meta.url));

/** @typedef {Record<string, number>} Rates */

/**
 * One turn in one checkout: operations, or rows, a second.
 *
 * @param {string} checkout
 * @returns {Promise<Rates>}
 */
async function turn(checkout) {
  /** @type {typeof import('../index.js')} */
  const { Store } = createRequire(join(checkout, 'package.json'))(checkout);
  const directory = mkdtempSync(join(tmpdir(), 'baton-compare-'));
  const store = await Store.open({ path: directory });
  /** @type {Rates} */
  const rates = {};
  /** @param {string} name @param {() => Promise<number>} step */
  async function measure(name, step) {
    for (let warm = 0; warm < 20; warm += 1) await step();
    const begun = performance.now();
    let done = 0;
    while (performance.now() - begun < 600) done += await step();
    rates[name] = (1_000 * done) / (performance.now() - begun);
  }
  const db = await store.openDatabase('a');
  await db.exec(`CREATE TABLE t(id INTEGER PRIMARY KEY, short TEXT, middle TEXT, n INT);
    WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 20000)
    INSERT INTO t SELECT i, printf('row %d', i), printf('%040d', i), i FROM s`);
  let next = 0;
  const point = () => db.get('SELECT * FROM t WHERE id = ?', [1 + ((next++ * 7919) % 20_000)]);
  await measure('point query', async () => (await point(), 1));
  await measure(
    'point query, 16 in flight',
    async () => (await Promise.all(Array.from({ length: 16 }, point))).length,
  );
  await measure('rows', async () => (await db.all('SELECT * FROM t LIMIT 5000')).length);
  await measure('commit', async () => (await db.run('UPDATE t SET n = n + 1 WHERE id = 5'), 1));
  await measure('transaction of two', async () => {
    await db.transaction(async (tx) => {
      await tx.run('UPDATE t SET n = n + 1 WHERE id = 6');
      await tx.get('SELECT n FROM t WHERE id = 6');
    });
    return 1;
  });
  await measure('start', async () => (await store.loadStartup(`s${next++ % 50}`), 1));
  await store.close();
  rmSync(directory, { recursive: true });
  return rates;
}

/** @param {number[]} values */
function median(values) {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)];
}

/** @param {string} other @param {number} turns */
function compare(other, turns) {
  /** @type {Map<string, { other: number[], own: number[] }>} */
  const all = new Map();
  /** @param {string} checkout @returns {Rates} */
  const run = (checkout) =>
    JSON.parse(
      execFileSync(process.execPath, [fileURLToPath(import.meta.url), '--turn', checkout], {
        encoding: 'utf8',
      }),
    );
  for (let count = 0; count < turns; count += 1) {
    const places = count % 2 === 0 ? [other, own] : [own, other];
    const found = new Map(places.map((place) => [place, run(place)]));
    for (const [name, rate] of Object.entries(found.get(own) ?? {})) {
      const kept = all.get(name) ?? { other: [], own: [] };
      kept.own.push(rate);
      kept.other.push(found.get(other)?.[name] ?? NaN);
      all.set(name, kept);
    }
  }
  console.log(`${'a second'.padEnd(28)}${'other'.padStart(12)}${'this'.padStart(12)}${'ratio'.padStart(8)}`);
  for (const [name, rates] of all) {
    const ratio = median(rates.own.map((rate, index) => rate / rates.other[index]));
    const figures = [rates.other, rates.own].map((list) => Math.round(median(list)).toString().padStart(12));
    console.log(`${name.padEnd(28)}${figures.join('')}${ratio.toFixed(2).padStart(8)}`);
  }
}

const { values, positionals } = parseArgs({
  options: { turn: { type: 'string' }, turns: { type: 'string', default: '5' } },
  allowPositionals: true,
});
if (values.turn !== undefined) {
  console.log(JSON.stringify(await turn(values.turn)));
} else if (positionals.length === 1 && Number(values.turns) >= 1) {
  compare(resolve(positionals[0]), Number(values.turns));
} else {
  console.error(
    'Usage: npm run bench:compare -- CHECKOUT [--turns N]; both checkouts have run `npm run build`',
  );
  process.exitCode = 1;
}

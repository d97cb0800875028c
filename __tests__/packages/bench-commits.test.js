'use strict';

// What the bench of commits rests on, and that each of its sections runs: in small, so its figures say nothing.

const { writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');

const { ROOT, runNode, temporaryDirectory } = require('../helpers.js');

const directory = temporaryDirectory();
const BENCH = pathToFileURL(join(ROOT, 'bench')).href;
let scripts = 0;

/** Runs a script that imports the bench's modules, which are not CommonJS. Answers what it says at last. */
async function evaluate(script) {
  scripts += 1;
  const file = join(directory, `script-${scripts}.mjs`);
  writeFileSync(file, script);
  const { stdout } = await runNode(file);
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

test('an answer is timed from the intended arrival, however late its write was begun', async () => {
  const times = await evaluate(`
    import { answered, now, plan } from '${BENCH}/commits/arrivals.mjs';
    // Ten writes in 100 ms, which an event loop that was blocked all the while takes at once.
    const given = plan(100, 0.1, now() - 100);
    const arrivals = (take) => Array.from({ length: given.count }, (_, index) => take(index));
    console.log(JSON.stringify(await answered(given, arrivals, () => undefined)));
  `);
  expect(times).toHaveLength(10);
  times.forEach((ms, index) => expect(ms).toBeGreaterThanOrEqual(100 - index * 10));
});

test('arrivals keep to their times and reach all actors alike', async () => {
  const { times, shares, neighbours } = await evaluate(`
    import { actorOf, arrivalOf, plan } from '${BENCH}/commits/arrivals.mjs';
    const given = plan(2_000, 3, 50);
    const actors = Array.from({ length: given.count }, (_, index) => actorOf(index, 60));
    const shares = new Map();
    actors.forEach((actor) => shares.set(actor, (shares.get(actor) ?? 0) + 1));
    console.log(JSON.stringify({
      times: [0, 1, given.count].map((index) => arrivalOf(given, index)),
      shares: [...new Set(shares.values())],
      neighbours: actors.filter((actor, index) => actor === actors[index + 1]).length,
    }));
  `);
  expect(times).toEqual([50, 50.5, 3_050]);
  expect(shares).toEqual([100]);
  expect(neighbours).toBe(0);
});

test('sides take turns, another one first each time, and go by the names they are asked for', async () => {
  const { order, turns } = await evaluate(`
    import { chosen, inTurns } from '${BENCH}/commits/sides.mjs';
    const order = [];
    const side = (name) => ({ name, run: async () => order.push(name) });
    const turns = await inTurns([side('baton 16'), side('libsql'), side('libsql worker')], 3, 1);
    console.log(JSON.stringify({ order, turns: chosen(turns, { baton: 'baton 16', libsql: 'libsql worker' }) }));
  `);
  const [a, b, c] = ['baton 16', 'libsql', 'libsql worker'];
  expect(order).toEqual([a, b, c, a, b, c, b, c, a, c, a, b]);
  expect(turns).toEqual([
    { baton: 4, libsql: 6 },
    { baton: 9, libsql: 8 },
    { baton: 11, libsql: 10 },
  ]);
});

test.each([
  ['one', ['/s', '/s', '/s']],
  ['many', ['/s']],
  ['late', ['ms', 'ms', 'ms']],
  ['rate', ['ms', 'ms', 'ms', 'ms']],
  ['stall', ['ms', 'ms', 'ms', 'ms']],
  // The last one is a ratio. Only Linux counts what a process has written.
  ...(process.platform === 'linux' ? [['bytes', ['KiB', 'KiB', '']]] : []),
  ['reopen', ['ms', 'ms', 'ms']],
])('the section %s measures something', async (name, units) => {
  const results = await evaluate(`
    import { mkdirSync } from 'node:fs';
    import { loadPeers } from '${BENCH}/sql/peers.mjs';
    const directory = ${JSON.stringify(`${directory}/${name}`)};
    mkdirSync(directory);
    const { bench } = await import('${BENCH}/commits/${name}.mjs');
    const small = { rounds: 1, seconds: 0.1, actors: [2], inFlight: [1, 2], rate: 200, commits: 5, mib: 1, stallMib: 1 };
    const { peers } = loadPeers(['libsql']);
    console.log(JSON.stringify(await bench({ ...small, directory, peers, note: () => {} })));
  `);
  expect(results.map(({ unit }) => unit)).toEqual(units);
  for (const { bench, baton } of results) {
    expect(bench).toBe('commits');
    expect(Number.isFinite(baton)).toBe(true);
  }
});

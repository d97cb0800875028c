'use strict';

// The soak itself in small, and what it judges by: a harness that finds nothing must be one that can find.

const { execFile } = require('node:child_process');
const { join } = require('node:path');
const { promisify } = require('node:util');

const ROOT = join(__dirname, '../..');

/** Runs a script that imports the soak's modules, which are not CommonJS. */
async function evaluate(script) {
  const args = ['--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
  return JSON.parse(stdout);
}

/** Reports to a model: `[method, actor, generation, life, link]`. What it says to the last of them. */
function answerOf(reports) {
  return evaluate(`
    import { Model } from './bench/soak/model.mjs';
    const model = new Model();
    const reports = ${JSON.stringify(reports)};
    const last = reports.pop();
    for (const [method, ...rest] of reports) model[method](...rest);
    let answer = 'fine';
    try { model[last[0]](...last.slice(1)); } catch (error) { answer = error.message; }
    console.log(JSON.stringify(answer));
  `);
}

describe('the model of the soak', () => {
  test.each([
    ['a takeover that finds less than was told', ['found', 'a', 2, 7, 4], /generation 1 was told that 5/],
    ['the same, reported late', ['told', 'a', 1, 7, 9], /generation 4 found 6/],
    [
      'an actor that is empty without having been deleted',
      ['found', 'a', 9, 8, 0],
      /0 deletions and 1 lives/,
    ],
  ])('finds %s', async (_, last, message) => {
    const before = [
      ['found', 'a', 1, 7, 0],
      ['told', 'a', 1, 7, 5],
      ['found', 'a', 4, 7, 6],
    ];
    expect(await answerOf([...before, last])).toMatch(message);
  });

  test('finds a life that comes back after a deletion', async () => {
    const before = [
      ['found', 'a', 1, 7, 0],
      ['deletes', 'a'],
      ['found', 'a', 3, 8, 0],
    ];
    expect(await answerOf([...before, ['found', 'a', 4, 7, 0]])).toMatch(/two lives at once/);
  });

  test('lets pass what may be', async () => {
    const reports = [
      ['found', 'a', 1, 7, 0],
      ['found', 'a', 3, 7, 2],
      // Late, and stored before the takeover; then by an owner after it.
      ['told', 'a', 1, 7, 2],
      ['told', 'a', 3, 7, 3],
      ['deletes', 'a'],
      ['told', 'a', 5, 8, 1],
      ['found', 'a', 6, 8, 1],
      // A link that was stored and not told, for its process was killed.
      ['found', 'a', 7, 8, 4],
    ];
    expect(await answerOf(reports)).toBe('fine');
  });
});

/** The verdict on ten minutes of samples that `change` makes from a flat one. */
function failuresOf(change, witness = '(sample) => sample') {
  return evaluate(`
    import { verdict } from './bench/soak/verdict.mjs';
    const MiB = 2 ** 20;
    const flat = { anonymous: 100 * MiB, heap: 8 * MiB, external: 2 * MiB, handles: 30, threads: 20, waited: 0 };
    const delay = { p50: 0, p99: 1, p999: 2, max: 5 };
    const samples = Array.from({ length: 600 }, (_, second) => ({ ...flat, delay, at: 1000 * second }));
    const found = verdict(samples.map(${change}), samples.map(${witness}));
    console.log(JSON.stringify(found.filter(({ passed }) => !passed).map(({ what }) => what)));
  `);
}

describe('the verdict of the soak', () => {
  const stall = '(sample, n) => n === 300 ? { ...sample, delay: { ...sample.delay, max: 400 } } : sample';

  test('is good where nothing grows, and after a burst that is over', async () => {
    const burst =
      '(sample, n) => n > 200 && n < 250 ? { ...sample, anonymous: 300 * MiB, threads: 90 } : sample';
    expect(await failuresOf(burst)).toEqual([]);
  });

  test.each([
    ['memory', '(sample, n) => ({ ...sample, anonymous: (100 + n / 5) * MiB })', 'anonymous memory, MiB'],
    ['the heap', '(sample, n) => ({ ...sample, heap: (8 + n / 10) * MiB })', 'JavaScript heap, MiB'],
    ['handles', '(sample, n) => ({ ...sample, handles: 30 + Math.floor(n / 20) })', 'open handles'],
    ['threads', '(sample, n) => ({ ...sample, threads: 20 + Math.floor(n / 40) })', 'threads'],
    ['a stall', stall, 'stalls over 250 ms'],
  ])('is bad where %s grows', async (_, change, what) => {
    expect(await failuresOf(change)).toEqual([what]);
  });

  test('does not blame the process for a machine that stood still', async () => {
    expect(await failuresOf(stall, stall)).toEqual([]);
    const starved =
      '(sample, n) => n === 300 ? { ...sample, waited: 200, delay: { ...sample.delay, max: 400 } } : sample';
    expect(await failuresOf(starved)).toEqual([]);
  });
});

test('ten seconds of it: takeovers, kills and deletions, and nothing is lost', async () => {
  const args = [
    '--expose-gc',
    'bench/soak.mjs',
    '--no-verdict',
    '--seed',
    '7',
    '--actors',
    '50',
    '--minutes',
    '0.17',
  ];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
  const counts = JSON.parse(stdout.split('\n').find((line) => line.startsWith('{')));
  for (const what of ['write', 'transact', 'takeover', 'raw', 'kill', 'delete', 'ERR_FENCE_MISMATCH']) {
    expect({ what, count: counts[what] }).toEqual({ what, count: expect.any(Number) });
  }
}, 120_000);

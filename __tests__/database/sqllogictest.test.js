'use strict';

const { execFile } = require('node:child_process');
const { createHash } = require('node:crypto');
const { mkdirSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const { ROOT, clusterPlace, describeOnCluster, temporaryDirectory } = require('../helpers.js');

const RUNNER = join(ROOT, 'tests', 'slt', 'runner.mjs');
const TIMEOUT_MS = 120_000;

const scratch = temporaryDirectory();

/** Runs the runner to its end, whatever that is. */
function run(...args) {
  return runWith({}, ...args);
}

function runWith(env, ...args) {
  return new Promise((resolve) => {
    const options = { cwd: ROOT, timeout: TIMEOUT_MS, env: { ...process.env, ...env } };
    execFile(process.execPath, [RUNNER, ...args], options, (error, stdout, stderr) =>
      resolve({ exitCode: error ? error.code : 0, stdout, stderr }),
    );
  });
}

/** Runs one file of these lines on the independent SQLite, where Baton cannot be what is wrong. */
function runLines(name, lines) {
  const file = join(scratch, name);
  writeFileSync(file, lines.join('\n'));
  return run('--engine', 'libsql', file);
}

const passed = (summary) => ({ exitCode: 0, stdout: expect.stringMatching(summary), stderr: '' });

const whole = passed(/^27 files: \d{3} passed, 0 failed, \d+ skipped\n$/);

describe('our corpus', () => {
  test.each([
    ['a store in memory', []],
    ['an embedded store', ['--path', join(scratch, 'store')]],
    ['the SQLite of another package', ['--engine', 'libsql']],
  ])(
    'holds on %s',
    async (_name, args) => {
      expect(await run(...args)).toEqual(whole);
    },
    TIMEOUT_MS,
  );

  describeOnCluster('on a cluster', () => {
    test(
      'holds',
      async () => {
        const { clusterFile, prefix } = clusterPlace().foundationdb;
        const answer = await runWith({ FDB_CLUSTER_FILE: clusterFile }, '--foundationdb', prefix);
        expect(answer).toEqual(whole);
      },
      TIMEOUT_MS,
    );
  });
});

describe('the runner tells', () => {
  test.each([
    [
      'a wrong value',
      ['query I', 'SELECT 1', '----', '2'],
      [/:1: expected\n {4}2\ngot\n {4}1\n/, 'SELECT 1'],
    ],
    [
      'a value too many',
      ['query I', 'VALUES (1), (2)', '----', '1'],
      ['expected\n    1\ngot\n    1\n    2\n'],
    ],
    ['a value too few', ['query I', 'SELECT 1', '----', '1', '2'], ['expected\n    1\n    2\n']],
    ['a row where there should be none', ['query I', 'SELECT 1'], ['got\n    1\n']],
    ['a wrong order', ['query I', 'VALUES (2), (1)', '----', '1', '2'], ['got\n    2\n    1\n']],
    [
      'a row with its columns in the wrong order',
      ['query II rowsort', 'VALUES (1, 2)', '----', '2', '1'],
      ['got\n    1\n    2\n'],
    ],
    ['a wrong type', ['query R', 'SELECT 1', '----', '1'], ['got\n    1.000\n']],
    [
      'a wrong number of columns',
      ['query I', 'SELECT 1, 2', '----', '1', '2'],
      ['expected 1 columns, got 2'],
    ],
    [
      'a wrong hash',
      ['query I', 'SELECT 1', '----', `1 values hashing to ${'0'.repeat(32)}`],
      ['1 values hashing to b026324c6904b2a9cb4b88d6d61c81d1'],
    ],
    ['an error', ['statement ok', 'SELEC 1'], ['expected no error, got', 'syntax error']],
    ['an error of a query', ['query I', 'SELECT x', '----', '1'], ['expected no error', 'no such column: x']],
    [
      'an error where no row is expected',
      ['query I', 'SELECT x', '----'],
      ['expected no error', 'no such column'],
    ],
    ['the lack of an error', ['statement error', 'SELECT 1'], ['expected an error, got none']],
    [
      'another error',
      ['statement error no such table', 'SELEC 1'],
      ['expected an error like /no such table/i, got'],
    ],
    [
      'another error in several lines',
      ['query error', 'SELEC 1', '----', 'no such (table)'],
      ['expected an error like /no such \\(table\\)/i, got'],
    ],
    [
      'a wrong number of changes',
      ['statement ok', 'CREATE TABLE t (x)', '', 'statement count 2', 'INSERT INTO t VALUES (1)'],
      [':4: expected 2 changed rows, got 1'],
    ],
    [
      'results that differ under one label',
      ['query I nosort same', 'SELECT 1', '----', '1', '', 'query I nosort same', 'SELECT 2', '----', '2'],
      [':6: the result differs from an earlier one with the label "same"'],
    ],
    [
      'a record that it does not know',
      ['statement ok', 'SELECT 1', '', 'retry 5'],
      ['"retry 5" is no record'],
    ],
    ['a wrong sort mode', ['query I sorted', 'SELECT 1'], ['"sorted" is no sort mode']],
    ['a wrong outcome', ['statement maybe', 'SELECT 1'], ['not "maybe"']],
    ['a condition without an engine', ['skipif', 'statement ok', 'SELECT 1'], [':1: a word is missing']],
  ])('%s', async (name, lines, fragments) => {
    const { exitCode, stdout } = await runLines(`${name}.test`, lines);
    for (const fragment of fragments) {
      expect(stdout).toEqual(
        typeof fragment === 'string' ? expect.stringContaining(fragment) : expect.stringMatching(fragment),
      );
    }
    expect(stdout).toMatch(/\n1 files: \d passed, 1 failed, 0 skipped\n$/);
    expect(exitCode).toBe(1);
  });

  test('every failure of a file in the number, and the first ten in words', async () => {
    const lines = Array.from({ length: 12 }, () => ['statement ok', 'SELEC 1', '']).flat();
    const { stdout } = await runLines('many.test', lines);
    expect(stdout.match(/expected no error/g)).toHaveLength(10);
    expect(stdout).toContain('12 failures in all');
    expect(stdout).toMatch(/1 files: 0 passed, 12 failed, 0 skipped\n$/);
  });
});

describe('the runner reads', () => {
  test('reals as SQLite prints them, and a sum that overflows as no row', async () => {
    const lines = [
      ['query RRR', 'SELECT -9223372036854775808.0, 123456789012345.678, 1e21', '----'],
      ['-9223372036854776000.000', '123456789012345.700', '1000000000000000000000.000', ''],
      ['query I', 'SELECT sum(x) FROM (SELECT 9223372036854775807 AS x UNION ALL SELECT 1)', '----', ''],
    ];
    expect(await runLines('reals.test', lines.flat())).toEqual(
      passed(/^1 files: 2 passed, 0 failed, 0 skipped\n$/),
    );
  });

  test('a hash, conditions, a halt and another file', async () => {
    mkdirSync(join(scratch, 'parts'), { recursive: true });
    writeFileSync(join(scratch, 'parts', 'one.inc'), 'statement ok\nCREATE TABLE t (x)\n');
    const lines = [
      'include parts/one.inc',
      '',
      'skipif libsql # for a reason',
      'statement ok',
      'NO SQL',
      '',
      'onlyif sqlite',
      'skipif libsql',
      'statement ok',
      'NO SQL EITHER',
      '',
      'query I',
      'SELECT count(*) FROM t UNION ALL SELECT 1',
      '----',
      `2 values hashing to ${createHash('md5').update('0\n1\n').digest('hex')}`,
      '',
      'onlyif mysql',
      'halt',
      '',
      'halt',
      '',
      'statement ok',
      'NOTHING MORE IS RUN',
    ];
    expect(await runLines('reads.test', lines)).toEqual(passed(/^1 files: 2 passed, 0 failed, 3 skipped\n$/));
  });

  test('all files below a directory, with lines that end as on Windows', async () => {
    mkdirSync(join(scratch, 'tree', 'deep'), { recursive: true });
    writeFileSync(join(scratch, 'tree', 'a.test'), 'query I\r\nSELECT 1\r\n----\r\n1\r\n');
    writeFileSync(join(scratch, 'tree', 'deep', 'b.slt'), 'statement ok\nSELECT 1\n');
    writeFileSync(join(scratch, 'tree', 'deep', 'c.txt'), 'nothing of ours');
    expect(await run('--engine', 'libsql', join(scratch, 'tree'))).toEqual(
      passed(/^2 files: 2 passed, 0 failed, 0 skipped\n$/),
    );
  });
});

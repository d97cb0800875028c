'use strict';

const { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } = require('node:fs');
const { basename, dirname, join, resolve } = require('node:path');
const { execFile } = require('node:child_process');

const { ROOT, temporaryDirectory } = require('../helpers.js');

const QUICKSTART = join(ROOT, 'examples', 'quickstart.mjs');
const CHINOOK = resolve(ROOT, '..', 'shared', 'data', 'chinook.sqlite');
// A race between processes may take a few rounds on a busy machine.
const TIMEOUT_MS = 60_000;

// It is not part of the repository. CI that is set up for this project has it, so that it cannot go missing
// there unnoticed; GitHub's runners do not.
const needsChinook = existsSync(CHINOOK) || (process.env.CI === 'true' && !process.env.GITHUB_ACTIONS);
const testWithChinook = needsChinook ? test : test.skip;

const scratch = temporaryDirectory();

/**
 * Runs the quickstart to its own end.
 *
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string> }} options
 */
function quickstart(args, { cwd = scratch, env = {} } = {}) {
  // Its temporary directory goes where the test can see whether it is gone.
  const TMPDIR = join(scratch, `tmp-${Math.random()}`);
  mkdirSync(TMPDIR);
  const inherited = { ...process.env, npm_lifecycle_event: 'test', TMPDIR, TEMP: TMPDIR, TMP: TMPDIR };
  const settings = { cwd, env: { ...inherited, ...env }, timeout: TIMEOUT_MS };
  return new Promise((settle) => {
    execFile(process.execPath, [QUICKSTART, ...args], settings, (error, stdout, stderr) => {
      settle({ code: error ? error.code : 0, stdout, stderr, left: readdirSync(TMPDIR) });
    });
  });
}

/** The cells of the table below a row of column names. */
function rowsBelow(stdout, firstName) {
  const lines = stdout.split('\n');
  const head = lines.findIndex((line) => line.trim().startsWith(`${firstName} `));
  const end = lines.findIndex((line, index) => index > head && line.trim() === '');
  return lines.slice(head + 1, end).map((line) => line.trim().split(/ {2,}/));
}

function expectGoodRun({ code, stdout, stderr, left }) {
  expect({ code, stderr, left }).toEqual({ code: 0, stderr: '', left: [] });
  const [hashIn, hashOut] = ['in', 'out'].map((way) => stdout.match(`sha256 ${way} +([0-9a-f]{64})`)[1]);
  expect(hashOut).toBe(hashIn);

  const starters = rowsBelow(stdout, 'process');
  expect(starters.map(([, starter]) => starter)).toEqual(['1', '2', '3', '4', '5', '6', '7', '8']);
  const won = starters.filter(([, , outcome]) => outcome === 'won');
  const lost = starters.filter(([, , outcome]) => outcome === 'lost');
  expect(won.length + lost.length).toBe(8);
  expect(new Set(won.map(([, , , generation]) => generation)).size).toBe(won.length);
  expect(won.every(([, , , , preloaded]) => /^\d+ pages?$/.test(preloaded))).toBe(true);
  expect(lost.every(([, , , , preloaded]) => preloaded === 'nothing')).toBe(true);

  expect(stdout).toMatch(
    /the former owner +ERR_FENCE_MISMATCH\n +held +generation \d+\n +current +generation/,
  );
  expect(stdout).toMatch(/^ +(second|third) .* committed /m);
  expect(stdout).toMatch(/^ +(second|third) .* ERR_FENCE_MISMATCH /m);
  expect(stdout).toMatch(/integrity_check +ok\n/);
  for (const [, rowsIn, rowsOut] of rowsBelow(stdout, 'table')) {
    expect(rowsOut).toBe(rowsIn);
  }
  expect(stdout).toContain('All of it held');
  // Not a terminal: no colours.
  expect(stdout).not.toContain('\x1b');
}

test(
  'the quickstart plays every scene on its own sample',
  async () => {
    const run = await quickstart([]);
    expectGoodRun(run);
    expect(run.stdout).toMatch(/pages +\d+ of 4,096 bytes\n +generation +1\n/);
    expect(rowsBelow(run.stdout, 'table')).toEqual([
      ['members', '40', '40'],
      ['messages', '4,000', '4,000'],
      ['reactions', '1,333', '1,333'],
    ]);
  },
  TIMEOUT_MS,
);

testWithChinook(
  'the quickstart takes a file, relative to where npm was called, and leaves it as it is',
  async () => {
    const before = readFileSync(CHINOOK);
    const beside = readdirSync(dirname(CHINOOK));
    // npm runs the script in the package's directory.
    const env = { npm_lifecycle_event: 'quickstart', INIT_CWD: dirname(CHINOOK) };
    const run = await quickstart([basename(CHINOOK)], { cwd: ROOT, env });
    expectGoodRun(run);
    expect(run.stdout).toMatch(/actor +chinook\.sqlite\n/);
    expect(rowsBelow(run.stdout, 'table')).toContainEqual(['Track', '3,503', '3,503']);
    expect(before.equals(readFileSync(CHINOOK))).toBe(true);
    expect(readdirSync(dirname(CHINOOK))).toEqual(beside);
  },
  TIMEOUT_MS,
);

test(
  'the quickstart says what is wrong with a file, without a stack',
  async () => {
    const database = Buffer.alloc(4096);
    database.write('SQLite format 3\0');
    database.writeUInt16BE(4096, 16);
    writeFileSync(join(scratch, 'text.sqlite'), 'no database '.repeat(100));
    writeFileSync(join(scratch, 'busy.sqlite'), database);
    writeFileSync(join(scratch, 'busy.sqlite-wal'), Buffer.alloc(4152));
    // A header that says nothing wrong, and no tree on page 1.
    writeFileSync(join(scratch, 'damaged.sqlite'), database);
    const refusals = {
      'missing.sqlite': /cannot read .*missing\.sqlite/,
      'text.sqlite': /text\.sqlite is not a SQLite database/,
      'damaged.sqlite': /damaged\.sqlite/,
      'busy.sqlite': /busy\.sqlite has a write-ahead log beside it/,
    };
    for (const [file, message] of Object.entries(refusals)) {
      const { code, stderr, left } = await quickstart([file]);
      expect(stderr).toMatch(message);
      expect(stderr).not.toMatch(/^ +at /m);
      expect({ code, left }).toEqual({ code: 1, left: [] });
    }
    const { code, stderr } = await quickstart(['one.sqlite', 'two.sqlite']);
    expect(stderr).toContain('one file at most');
    expect(code).toBe(1);
  },
  TIMEOUT_MS,
);

test(
  'the quickstart says what is missing for FoundationDB, without a stack',
  async () => {
    const env = { FDB_CLIENT_LIBRARY: join(scratch, 'nowhere', 'libfdb_c.so') };
    const refusals = [
      [['--foundationdb', 'tour'], /nowhere.libfdb_c\.so .*clients package/],
      [['--foundationdb'], /--foundationdb .*npm run quickstart/],
      [['--foundation', 'tour'], /--foundation.*npm run quickstart/],
      [['--foundationdb', ''], /options\.foundationdb\.prefix/],
    ];
    for (const [args, message] of refusals) {
      const { code, stderr, left } = await quickstart(args, { env });
      expect(stderr).toMatch(message);
      expect(stderr).not.toMatch(/^ +at /m);
      expect({ code, left }).toEqual({ code: 1, left: [] });
    }
  },
  TIMEOUT_MS,
);

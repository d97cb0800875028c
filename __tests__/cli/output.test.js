// What commands do where their output cannot be written, or their stores cannot be opened as usual.

'use strict';

const { execFile, spawn } = require('node:child_process');
const { existsSync, readFileSync, statSync } = require('node:fs');
const { join } = require('node:path');

const Sqlite = require('libsql');

const { Store } = require('../..');
const { batondb, succeed } = require('./helpers.js');
const { ROOT, page, startWith, temporaryDirectory } = require('../helpers.js');

const PROGRAM = join(ROOT, 'bin', 'batondb.js');
const directory = temporaryDirectory();
const path = join(directory, 'data');
const file = join(directory, 'one.sqlite');

/** Runs a line of shell in which "$@" is the program with these arguments. */
function shell(line, args) {
  return new Promise((resolve) => {
    const argv = ['-c', line, 'sh', process.execPath, PROGRAM, ...args];
    const env = { ...process.env, NO_COLOR: '1' };
    execFile('sh', argv, { cwd: directory, env }, (error, stdout, stderr) =>
      resolve({ code: error ? (error.code ?? error.signal) : 0, stdout, stderr }),
    );
  });
}

beforeAll(async () => {
  const database = new Sqlite(file);
  database.exec(`CREATE TABLE t (x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
    INSERT INTO t SELECT randomblob(5000) FROM n`);
  database.close();
  const store = await Store.open({ path, durability: 'relaxed' });
  await startWith(store, 'raw', [page(1)]);
  const sql = await store.openDatabase('sql');
  await sql.exec('CREATE TABLE t (x); INSERT INTO t VALUES (1), (2)');
  await sql.close();
  await store.close();
});

const SELECT = ['sql', path, 'sql', '-c', 'SELECT * FROM t'];
const READING = [
  ['list', path],
  ['list', path, '--json'],
  ['list', path, '--long'],
  ['stat', path],
  ['stat', path, 'raw'],
  ['inspect', path, 'raw'],
  ['doctor', path, '--shallow'],
  SELECT,
  [...SELECT, '--json'],
  [...SELECT, '--mode', 'csv'],
  ['--help'],
  ['--version'],
  ['copy', '--help'],
];

const onFull = existsSync('/dev/full') ? describe : describe.skip;

onFull('where the disk is full', () => {
  test.each(READING)('%s %s tells it in one line', async (...args) => {
    expect(await shell('exec "$@" > /dev/full', args)).toEqual({
      code: 1,
      stdout: '',
      stderr: 'batondb: cannot write to stdout: no space left on device (ENOSPC)\n',
    });
  });

  test('what changes a store is done all the same, and the exit code says that it was not told', async () => {
    const changing = [
      ['import', path, 'imported', file],
      ['export', path, 'imported', join(directory, 'exported.sqlite')],
      ['copy', path, join(directory, 'copied'), '--state', join(directory, 'state.jsonl')],
      ['sql', path, 'sql', '--write', '-c', 'INSERT INTO t VALUES (3); INSERT INTO t VALUES (4)'],
      ['delete', path, 'imported', '--yes'],
    ];
    for (const args of changing) {
      const { code, stderr } = await shell('exec "$@" > /dev/full', args);
      expect({ args, code, stderr }).toEqual({
        args,
        code: 1,
        stderr: expect.stringMatching(/^.*ENOSPC\)\n$/),
      });
    }
    expect(await succeed(['list', path])).toBe('raw\nsql\n');
    expect(await succeed(['list', join(directory, 'copied')])).toBe('imported\nraw\nsql\n');
    expect(statSync(join(directory, 'exported.sqlite')).size).toBe(statSync(file).size);
    expect(await succeed(['sql', path, 'sql', '--mode', 'csv', '-c', 'SELECT count(*) AS n FROM t'])).toBe(
      'n\n4\n',
    );
  });

  test('where errors cannot be told either, the exit code remains', async () => {
    for (const args of [
      ['list', join(directory, 'nowhere')],
      ['list', path, '--lmit'],
    ]) {
      const { code } = await batondb(args);
      expect(await shell('exec "$@" 2> /dev/full', args)).toEqual({ code, stdout: '', stderr: '' });
      expect(await shell('exec "$@" 2>&-', args)).toEqual({ code, stdout: '', stderr: '' });
    }
  });
});

const onLinux = process.platform === 'linux' ? describe : describe.skip;

onLinux('on Linux', () => {
  test.each([
    ['list', path],
    ['inspect', path, 'raw'],
    SELECT,
    ['stat', path],
    ['stat', path, 'raw'],
    ['stat', path, '--json'],
    ['doctor', path, '--shallow'],
    ['--help'],
  ])('%s %s fails where stdout is closed', async (...args) => {
    expect(await shell('exec "$@" >&-', args)).toEqual({
      code: 1,
      stdout: '',
      stderr: 'batondb: cannot write to stdout: it is closed; to print nothing, say > /dev/null (EBADF)\n',
    });
    expect(await shell('exec "$@" > /dev/null', args)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await shell('"$@" | true', args)).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('who throws output and errors away gets the exit code of what counts beside them', async () => {
    const nowhere = (args) =>
      new Promise((resolve) => {
        spawn(process.execPath, [PROGRAM, ...args], { cwd: directory, stdio: 'ignore' }).on('close', resolve);
      });
    expect(await nowhere(['doctor', path, '--shallow'])).toBe(0);
    expect(await nowhere(['doctor', path, 'nobody'])).toBe(1);
    expect(await nowhere(['stat', path])).toBe(0);
    expect(await nowhere(['stat', path, 'nobody'])).toBe(1);
    expect(await nowhere(['list', path])).toBe(1);
  });

  test('what is cut off in the middle of a write is not taken for printed', async () => {
    const out = join(directory, 'cut');
    const line = `trap '' XFSZ; ulimit -f 1; exec "$@" > ${out}`;
    expect(await shell(line, ['copy', '--help'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^batondb: cannot write to stdout: file too large \(EFBIG\)\n$/),
    });
    expect(await succeed(['copy', '--help'])).toContain(readFileSync(out, 'utf8'));
  });

  test('a store opens in little address space where its largest size is given', async () => {
    const line = 'ulimit -v 4194304; exec "$@"';
    const small = ['--max-size', '64MiB'];
    expect(await shell(line, ['list', path, ...small])).toEqual({
      code: 0,
      stdout: 'raw\nsql\n',
      stderr: '',
    });
    const copied = [
      'copy',
      path,
      join(directory, 'small'),
      '--state',
      join(directory, 'small.jsonl'),
      ...small,
    ];
    expect(await shell(line, copied)).toMatchObject({ code: 0, stderr: '' });
  });
});

test('the largest size of a store can be given in every unit', async () => {
  const full = ['import', join(directory, 'tiny'), 'a', file, '--max-size'];
  for (const text of ['2097152', '2M', '2m', '2MiB', '2048K']) {
    expect(await batondb([...full, text])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('ERR_QUOTA_EXCEEDED'),
    });
    expect(await succeed(['list', join(directory, 'tiny'), '--max-size', text])).toBe('');
  }
  await succeed(['import', join(directory, 'large'), 'a', file, '--max-size', '1G']);
});

test.each([
  ['1023K', 'at least 1048576'],
  ['5MB', 'got "5MB"'],
  ['-1', 'got "-1"'],
  ['1e9', 'got "1e9"'],
  ['99999T', 'got "99999T"'],
  ['large', 'got "large"'],
])('--max-size=%s is refused', async (text, message) => {
  const { code, stderr } = await batondb(['list', path, `--max-size=${text}`]);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
});

test('a cluster has no largest size', async () => {
  for (const args of [
    ['list', 'foundationdb:a'],
    ['copy', 'foundationdb:a', 'foundationdb:b'],
  ]) {
    expect(await batondb([...args, '--max-size', '1G'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--max-size is for stores in directories'),
    });
  }
});

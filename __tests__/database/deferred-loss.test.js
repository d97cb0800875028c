// Deferred databases whose commit fails after its writes were answered.

'use strict';

const { spawnSync } = require('node:child_process');
const { randomBytes } = require('node:crypto');
const { mkdirSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const { Store } = require('../..');
const { rejection, temporaryDirectory } = require('../helpers.js');

const directory = temporaryDirectory();
const MIB = 1024 * 1024;

/** What each kind of call on a database rejects with or throws, one after the other. */
async function everyCall(db) {
  const calls = [
    () => db.flushed(),
    () => db.point(),
    () => db.get('SELECT 1'),
    () => db.run('DELETE FROM t'),
    () => db.exec('DELETE FROM t'),
    () => db.batch(['DELETE FROM t']),
    () => db.transaction((tx) => tx.run('DELETE FROM t')),
    () => db.serialize(),
    () => db.getSync('SELECT 1'),
    () => db.runSync('DELETE FROM t'),
    () => db.transactionSync(() => db.runSync('DELETE FROM t')),
    () => db.serializeSync(),
  ];
  const errors = [];
  for (const call of calls) errors.push(await rejection((async () => call())()));
  return errors;
}

/** Writes blobs until a commit fails. Returns how many `flushed()` has covered, how many were written, and why. */
async function fill(db) {
  let written = 0;
  let covered = 0;
  for (; written < 10_000; covered = written) {
    try {
      for (let left = 7; left > 0; left -= 1) {
        const insert = ['INSERT INTO t (body) VALUES (?)', [randomBytes(50_000)]];
        if (left % 2 === 0) await db.run(...insert);
        else db.runSync(...insert);
        written += 1;
      }
      await db.flushed();
    } catch (error) {
      return { written, covered, error };
    }
  }
  throw new Error('the store was never full');
}

const count = async (db) => (await db.get('SELECT count(*) AS n FROM t')).n;

describe('a full store', () => {
  let stores = 0;
  let store;
  let db;
  beforeEach(async () => {
    stores += 1;
    store = await Store.open({ path: join(directory, `full ${stores}`), maxSizeBytes: 8 * MIB });
    db = await store.openDatabase('a', { durability: 'deferred' });
    await db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)');
    await db.flushed();
  });
  afterEach(() => store.close());

  test('ends the database, and every call says why', async () => {
    const { written, covered, error } = await fill(db);
    expect(error).toMatchObject({ code: 'ERR_QUOTA_EXCEEDED', retryable: false });
    expect(error.message).toContain('lost');
    expect(error.message).toContain('open the database again');
    for (const { code, message } of await everyCall(db)) {
      expect([code, message]).toEqual([error.code, error.message]);
    }
    await db.close();
    // It can be opened although the store is full, has what flushed() has covered, and makes room.
    const next = await store.openDatabase('a', { durability: 'deferred' });
    const rows = await count(next);
    expect(rows).toBeGreaterThanOrEqual(covered);
    expect(rows).toBeLessThanOrEqual(written);
    await next.run('DELETE FROM t WHERE id > 3');
    await next.flushed();
    next.runSync('INSERT INTO t (body) VALUES (?)', [randomBytes(50_000)]);
    await next.flushed();
    expect(await count(next)).toBe(4);
    await next.close();
  });

  test('does not bring it back once there is room', async () => {
    const other = await store.openDatabase('b');
    await other.exec('CREATE TABLE t (body BLOB)');
    await other.run('INSERT INTO t VALUES (?)', [randomBytes(MIB)]);
    await other.close();
    const { covered, written, error } = await fill(db);
    await store.delete('b');
    const inRoom = await store.openDatabase('c');
    await inRoom.exec('CREATE TABLE t (body BLOB)');
    await inRoom.close();
    for (const { code } of await everyCall(db)) expect(code).toBe(error.code);
    const next = await store.openDatabase('a', { durability: 'deferred' });
    const rows = await count(next);
    expect(rows >= covered && rows <= written).toBe(true);
    await next.run('INSERT INTO t (body) VALUES (?)', [randomBytes(50_000)]);
    await next.flushed();
  });

  test('is told at close if nobody has heard of it', async () => {
    const { covered } = await fill(db);
    const next = await store.openDatabase('a', { durability: 'deferred' });
    // Too much for what is left, and nobody asks.
    for (let left = 40; left > 0; left -= 1) {
      try {
        next.runSync('INSERT INTO t (body) VALUES (?)', [randomBytes(50_000)]);
      } catch {
        // The loss was there before the last write, and is told by it.
        await next.close();
        return;
      }
    }
    expect((await rejection(next.close())).code).toBe('ERR_QUOTA_EXCEEDED');
    const last = await store.openDatabase('a');
    expect(await count(last)).toBeGreaterThanOrEqual(covered);
  });
});

test('a store that is closed makes all durable before', async () => {
  const path = join(directory, 'closed');
  const store = await Store.open({ path });
  const db = await store.openDatabase('a', { durability: 'deferred' });
  db.execSync('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  for (let n = 0; n < 100; n += 1) db.runSync('INSERT INTO t VALUES (NULL)');
  await store.close();
  const again = await Store.open({ path });
  expect(await count(await again.openDatabase('a'))).toBe(100);
  await again.close();
});

test('a deletion of the actor ends its deferred database', async () => {
  const store = await Store.open({ memory: true });
  const db = await store.openDatabase('a', { durability: 'deferred' });
  db.execSync('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  await db.flushed();
  await store.delete('a');
  db.runSync('INSERT INTO t VALUES (1)');
  for (const { code } of [await rejection(db.flushed()), ...(await everyCall(db))]) {
    expect(code).toBe('ERR_NOT_FOUND');
  }
  await db.close();
  await store.close();
});

/** A disk that fails on demand, as a library for LD_PRELOAD; undefined where there is none. */
function failingDisk() {
  if (process.platform !== 'linux') return undefined;
  const library = join(directory, 'disk.so');
  const source = join(__dirname, '../../tests/it/survival/disk/shim.c');
  const options = ['-shared', '-fPIC', '-O1', '-w', '-o', library, source, '-ldl', '-pthread'];
  return spawnSync(process.env.CC ?? 'cc', options).status === 0 ? library : undefined;
}

const disk = failingDisk();
const name = 'a commit whose outcome is unknown ends the database, and every call says so';
(disk ? test : test.skip)(disk ? name : `${name} (Linux with a C compiler)`, () => {
  const [root, control] = [join(directory, 'disk'), join(directory, 'control')];
  mkdirSync(root);
  writeFileSync(control, Buffer.alloc(64));
  const { stdout, stderr } = spawnSync(process.execPath, [join(__dirname, '../fixtures/deferred-doubt.js')], {
    encoding: 'utf8',
    env: { ...process.env, LD_PRELOAD: disk, BATON_DISK_ROOT: root, BATON_DISK_CONTROL: control },
  });
  expect(stderr).toBe('');
  const { answers, rows } = JSON.parse(stdout);
  const { close, ...others } = answers;
  expect(close).toBe('nothing');
  for (const [call, told] of Object.entries(others)) {
    const expected = { code: 'ERR_COMMIT_UNKNOWN', retryable: false, message: answers.flushed.message };
    expect({ call, told }).toEqual({ call, told: expected });
  }
  expect(answers.flushed.message).toContain('open the database again');
  // Of what was in doubt, a beginning.
  expect(rows.length).toBeGreaterThanOrEqual(3);
  expect(rows).toEqual(Array.from(rows, (_, index) => index + 1));
});

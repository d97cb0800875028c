'use strict';

const { durableObjectStorage } = require('../../../adapters/durable-object.js');
const { onEachBackend, rejection } = require('../../helpers.js');
const { fill, open, thrown } = require('./support.js');

onEachBackend((openStore) => {
  test('keys and values', async () => {
    const { db, storage } = await open(await openStore());
    expect(await storage.get('a')).toBe(undefined);
    expect([await storage.list(), await storage.delete('a')]).toEqual([new Map(), false]);
    const value = { list: [1, 'x', null], when: new Date(5), big: 2n ** 70n };
    await storage.put('a', value, { allowUnconfirmed: true });
    expect(await storage.get('a', { noCache: true })).toEqual(value);
    await storage.sync();
    const commits = db.stats().commits;
    await storage.put({ 'b:1': 1, 'b:2': 2, 'b\uffff': 3, 'b\u{10ffff}x': 4, c: false, d: undefined });
    await storage.sync();
    expect(db.stats().commits).toBe(commits + 1);
    const keys = async (options) => [...(await storage.list(options)).keys()];
    expect(await keys()).toEqual(['a', 'b:1', 'b:2', 'b\uffff', 'b\u{10ffff}x', 'c']);
    expect(await keys({ prefix: 'b', allowConcurrency: true, noCache: true })).toEqual([
      'b:1',
      'b:2',
      'b\uffff',
      'b\u{10ffff}x',
    ]);
    expect(await keys({ start: 'b:1', end: 'b\uffff' })).toEqual(['b:1', 'b:2']);
    expect(await keys({ startAfter: 'b:1', limit: 1 })).toEqual(['b:2']);
    expect(await keys({ prefix: 'b:', reverse: true })).toEqual(['b:2', 'b:1']);
    expect([...(await storage.get(['c', 'b:2', 'none']))]).toEqual([
      ['b:2', 2],
      ['c', false],
    ]);
    expect([await storage.delete('a'), await storage.delete('a'), await storage.delete(['c', 'a'])]).toEqual([
      true,
      false,
      1,
    ]);
    await storage.transaction(async (txn) => {
      await txn.put('gone', 1);
      await storage.put('b:1', 9);
      expect(await txn.get('b:1')).toBe(9);
      expect((await txn.list({ prefix: 'g' })).size).toBe(1);
      expect(await txn.delete('b:2')).toBe(true);
      txn.rollback();
    });
    expect([...(await storage.list({ prefix: 'b:' }))]).toEqual([
      ['b:1', 1],
      ['b:2', 2],
    ]);
    expect(await storage.get('gone')).toBe(undefined);
    const code = async (promise) => (await rejection(promise)).code;
    expect(await code(storage.put('a', undefined))).toBe('ERR_INVALID_ARG');
    expect(await code(storage.put('a', () => {}))).toBe('ERR_INVALID_ARG');
    expect(await code(storage.put(['a'], 1))).toBe('ERR_INVALID_ARG');
    expect(await code(storage.get('\ud800'))).toBe('ERR_INVALID_ARG');
    expect(await code(storage.list({ start: 'a', startAfter: 'a' }))).toBe('ERR_INVALID_ARG');
    expect(await code(storage.list({ limit: 0 }))).toBe('ERR_OUT_OF_RANGE');
    expect(await code(storage.list({ first: 'a' }))).toBe('ERR_INVALID_ARG');
  });

  test('have taken effect when the call returns, awaited or not', async () => {
    const { storage, sql } = await open(await openStore());
    storage.put('a', 1);
    storage.put({ b: 2, c: 3 });
    storage.delete('b');
    expect([...storage.kv.list()]).toEqual([
      ['a', 1],
      ['c', 3],
    ]);
    expect(sql.exec('SELECT count(*) AS n FROM _baton_key_values').one()).toEqual({ n: 2 });
    await storage.put({});
  });

  test('storage.kv answers at once', async () => {
    const { storage } = await open(await openStore());
    const { kv } = storage;
    expect([kv.get('a'), kv.delete('a'), [...kv.list()]]).toEqual([undefined, false, []]);
    kv.put('a', { n: 1 });
    kv.put('b', [new Uint8Array([1, 2])]);
    kv.put('c', null);
    expect(kv.get('a')).toEqual({ n: 1 });
    expect(kv.get('c')).toBe(null);
    expect([...kv.get('b')[0]]).toEqual([1, 2]);
    expect([...kv.list({ start: 'b', reverse: true })].map(([key]) => key)).toEqual(['c', 'b']);
    expect(await storage.get('a')).toEqual({ n: 1 });
    const [one, other] = [kv.list(), kv.list()];
    expect([[...one].length, [...other].length]).toEqual([3, 3]);
    // The list may be changed on the way.
    for (const [key] of kv.list()) kv.delete(key);
    expect([...kv.list()]).toEqual([]);
    expect([kv.delete('a'), kv.get('a')]).toEqual([false, undefined]);
    const codes = [
      () => kv.put('a', undefined),
      () => kv.put({ a: 1 }),
      () => kv.get(['a']),
      () => kv.delete(7),
      () => kv.put('a', () => {}),
      () => kv.list({ end: 7 }),
    ].map((call) => thrown(call).code);
    expect(new Set(codes)).toEqual(new Set(['ERR_INVALID_ARG']));
  });

  test('storage.kv lists more than fits in one answer', async () => {
    const { storage } = await open(await openStore());
    storage.transactionSync(() => {
      for (let n = 0; n < 2_000; n += 1) storage.kv.put(`key ${String(n).padStart(4, '0')}`, 'x'.repeat(100));
    });
    const seen = [];
    for (const [key, value] of storage.kv.list()) {
      if (key !== 'z') expect(value.length).toBe(100);
      seen.push(key);
      if (seen.length % 500 === 0) storage.kv.put('z', seen.length);
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBeGreaterThanOrEqual(2_000);
  });

  test('a read-only database has them, too', async () => {
    const store = await openStore();
    const { storage } = await open(store);
    const reader = async () =>
      durableObjectStorage(await store.openDatabase('a', { readOnly: true, allowBlocking: true }));
    await storage.sync();
    expect((await reader()).kv.get('a')).toBe(undefined);
    await storage.put('a', 1);
    await storage.sync();
    expect((await reader()).kv.get('a')).toBe(1);
  });

  test('deleteAll leaves an empty database, whose owner goes on', async () => {
    const store = await openStore();
    const { db, storage, sql } = await open(store);
    fill(sql, 1_000);
    sql.exec(`
      CREATE TABLE parent (id INTEGER PRIMARY KEY AUTOINCREMENT, next REFERENCES child);
      CREATE TABLE child (id INTEGER PRIMARY KEY, parent REFERENCES parent ON DELETE RESTRICT);
      CREATE VIEW "a ""view""" AS SELECT * FROM child;
      CREATE TRIGGER kept BEFORE DELETE ON parent BEGIN SELECT raise(ABORT, 'kept'); END;
      CREATE VIRTUAL TABLE words USING fts5(word);
      INSERT INTO words VALUES ('hello'); INSERT INTO parent VALUES (1, NULL); INSERT INTO child VALUES (1, 1);
    `);
    sql.exec('ANALYZE');
    sql.exec('PRAGMA user_version = 7');
    await storage.put('a', 1);
    await storage.transaction(async () => {
      expect((await rejection(storage.deleteAll())).message).toMatch(/transaction/);
    });
    const deleted = storage.deleteAll();
    expect(sql.exec("SELECT name FROM sqlite_schema WHERE name <> 'sqlite_sequence'").toArray()).toEqual([]);
    await deleted;
    await storage.deleteAll();
    expect(sql.databaseSize).toBeLessThanOrEqual(2 * 4096);
    expect(sql.exec('PRAGMA user_version').one()).toEqual({ user_version: 0 });
    expect(sql.exec('PRAGMA foreign_keys').one()).toEqual({ foreign_keys: 1 });
    expect([await storage.get('a'), [...storage.kv.list()]]).toEqual([undefined, []]);
    sql.exec('CREATE TABLE t (x)');
    await storage.sync();
    expect(await db.all('SELECT * FROM t')).toEqual([]);
  });

  test('deleteAll does nothing while rows of a cursor are unread', async () => {
    const { storage, sql } = await open(await openStore());
    fill(sql);
    const cursor = sql.exec('SELECT id FROM big');
    expect((await rejection(storage.deleteAll())).code).toBe('SQLITE_LOCKED');
    expect(cursor.toArray().length).toBe(20_000);
    expect(sql.exec('SELECT count(*) AS n FROM t').one()).toEqual({ n: 3 });
    const elsewhere = sql.exec(
      'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9000) SELECT i FROM n',
    );
    await storage.deleteAll();
    expect(elsewhere.toArray().length).toBe(9_000);
    expect(sql.exec('SELECT * FROM sqlite_schema').toArray()).toEqual([]);
  });

  test('deleteAll waits for what runs', async () => {
    const { db, storage, sql } = await open(await openStore());
    const open_ = db.transaction(async (tx) => {
      await tx.run("INSERT INTO t VALUES (4, 'four')");
    });
    await storage.deleteAll();
    await open_;
    expect(sql.exec('SELECT * FROM sqlite_schema').toArray()).toEqual([]);
  });

  test('bookmarks name states, and a restore ends the session', async () => {
    const store = await openStore();
    const { db, storage, sql } = await open(store, { store });
    const again = async (options) =>
      durableObjectStorage(await store.openDatabase('a', { allowBlocking: true }), options);
    await store.setHistory('a', { keepAll: '1h' });
    const bookmark = await storage.getCurrentBookmark();
    expect(bookmark).toBe(await db.point());
    expect(await storage.getBookmarkForTime(Date.now() + 1_000)).toBe(bookmark);
    sql.exec('DELETE FROM t');
    const undo = await storage.onNextSessionRestoreBookmark(bookmark);
    const late = async () => {
      sql.exec('INSERT INTO t VALUES (4, NULL)');
      await storage.sync();
    };
    expect((await rejection(late())).code).toBe('ERR_FENCE_MISMATCH');
    const next = await again({ store });
    expect(next.sql.exec('SELECT count(*) AS n FROM t').one()).toEqual({ n: 3 });
    await next.onNextSessionRestoreBookmark(undo);
    const last = await again();
    expect(last.sql.exec('SELECT * FROM t').toArray()).toEqual([]);
    expect((await rejection(last.getBookmarkForTime(0))).message).toContain('{ store }');
    expect((await rejection(next.getBookmarkForTime('noon'))).code).toBe('ERR_INVALID_ARG');
    expect(() => durableObjectStorage(db, { store: {} })).toThrow(/options.store/);
  });
});

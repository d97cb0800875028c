// How sessions are made, when they are refused, and how they end.

'use strict';

const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

const { Session, Store } = require('../..');
const { describeOnCluster, onEachBackend, refused, rejection } = require('../helpers.js');
const tables = require('./session-helpers.js');

const { items } = tables;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

onEachBackend((open) => {
  let store;
  let db;
  beforeEach(async () => {
    store = await open();
    db = await opened('a');
  });

  const opened = (id, options) => tables.opened(store, id, options);
  const add = (id, name, into = db) => tables.add(id, name, into);

  describe('a session', () => {
    test('that has lost a table says so, for good', () => {
      const session = db.createSession();
      add(1, 'one');
      db.execSync('DROP TABLE item');
      for (const call of [() => session.changeset(), () => session.patchset()]) {
        expect(refused(call)).toMatchObject({
          code: 'SQLITE_SCHEMA',
          message: expect.stringContaining('dropped'),
        });
      }
      session.close();
      expect(db.createSession().changeset()).toHaveLength(0);
    });

    test('is refused while another call of the database is under way, and can be closed then', async () => {
      const session = db.createSession();
      const running = db.run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000) INSERT INTO item SELECT 1, 'one', max(i) FROM n",
      );
      for (const call of [
        () => db.createSession(),
        () => session.changeset(),
        () => db.applyChangeset(new Uint8Array()),
      ]) {
        expect(refused(call)).toMatchObject({ code: 'ERR_BUSY', retryable: true });
      }
      session.close();
      await running;
      expect(refused(() => session.changeset()).code).toBe('ERR_CLOSED');
      expect(items(db)).toHaveLength(1);
    });

    test('ends once, and with its database', async () => {
      const closed = db.createSession();
      closed.close();
      closed[Symbol.dispose]();
      const left = Array.from({ length: 20 }, () => db.createSession());
      add(1, 'one');
      for (const call of [() => closed.close(), () => closed.changeset(), () => closed.patchset()]) {
        expect(refused(call)).toMatchObject({
          code: 'ERR_CLOSED',
          message: expect.stringContaining('session'),
        });
      }
      await db.close();
      for (const call of [() => left[0].changeset(), () => left[1].close(), () => db.createSession()]) {
        expect(refused(call)).toMatchObject({
          code: 'ERR_CLOSED',
          message: expect.stringContaining('database'),
        });
      }
      left[2][Symbol.dispose]();
      db = await store.openDatabase('a', { allowBlocking: true });
      expect(items(db)).toHaveLength(1);
    });

    test('costs nothing when it is over: closed, disposed of, or dropped', async () => {
      // SQLite empties a whole table at once only where nobody wants to know its rows.
      const isRecorded = () =>
        !db.allSync('EXPLAIN DELETE FROM item').some(({ opcode }) => opcode === 'Clear');
      expect(isRecorded()).toBe(false);
      const sessions = [db.createSession(), db.createSession()];
      sessions[0].close();
      expect(isRecorded()).toBe(true);
      sessions[1][Symbol.dispose]();
      expect(isRecorded()).toBe(false);
      (() => db.createSession())();
      expect(isRecorded()).toBe(true);
      const until = Date.now() + 10_000;
      while (isRecorded() && Date.now() < until) {
        collectGarbage();
        await new Promise(setImmediate);
      }
      expect(isRecorded()).toBe(false);
      const late = db.createSession();
      const busy = db.run("INSERT INTO log VALUES (1, 'x')");
      late.close();
      await busy;
      await db.all('SELECT 1');
      expect(isRecorded()).toBe(false);
    });

    test('of an actor that was taken over fails as everything does', async () => {
      const session = db.createSession();
      add(1, 'one');
      await opened('a', { readOnly: false }).catch(() => {});
      expect((await rejection(db.run('DELETE FROM item'))).code).toBe('ERR_FENCE_MISMATCH');
      for (const call of [
        () => session.changeset(),
        () => db.createSession(),
        () => db.applyChangeset(new Uint8Array()),
      ]) {
        expect(refused(call).code).toBe('ERR_FENCE_MISMATCH');
      }
      session.close();
    });

    test('of a read-only database records its temporary tables, until its connection is replaced', async () => {
      const reader = await opened('a', { readOnly: true });
      const [main, temp] = [reader.createSession(), reader.createSession({ db: 'temp' })];
      reader.execSync('CREATE TEMP TABLE t(a PRIMARY KEY); INSERT INTO t VALUES (1)');
      add(1, 'one');
      expect([main.changeset().length, temp.changeset().length > 0]).toEqual([0, true]);
      const session = db.createSession();
      add(2, 'two');
      expect(refused(() => reader.applyChangeset(session.changeset()))).toMatchObject({
        code: 'SQLITE_READONLY',
      });
      expect(reader.applyChangeset(new Uint8Array())).toBe(true);
      await db.close();
      await store.delete('a');
      const anew = await store.openDatabase('a', { allowBlocking: true });
      anew.execSync(
        "PRAGMA encoding = 'UTF-16le'; CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, n INTEGER)",
      );
      add(5, 'five', anew);
      expect(items(reader)).toEqual([[5, 'five', 0]]);
      expect(refused(() => temp.changeset())).toMatchObject({
        code: 'ERR_CLOSED',
        message: expect.stringContaining('replaced'),
      });
      temp.close();
      main[Symbol.dispose]();
      expect(reader.createSession().changeset()).toHaveLength(0);
    });

    test.each([
      ['a number', 5],
      ['an array', []],
      ['an unknown option', { tabel: 'item' }, 'tabel'],
      ['a table of the wrong type', { table: 5 }, '5'],
      ['no name', { table: '' }, 'options.table'],
      ['a null byte', { table: 'a\0b' }, 'options.table'],
      ['a database of the wrong type', { db: Symbol('x') }, 'Symbol(x)'],
      ['a database that is not there', { db: 'nope' }, 'nope'],
      ['a lone surrogate', { db: '\ud800' }, 'options.db'],
    ])('is not made of %s', (_, options, fragment = 'options') => {
      expect(refused(() => db.createSession(options))).toMatchObject({
        code: 'ERR_INVALID_ARG',
        message: expect.stringContaining(fragment),
      });
    });

    test('is made by the database alone', () => {
      expect(refused(() => new Session())).toMatchObject({ code: 'ERR_INVALID_ARG' });
      expect(refused(() => new Session(Symbol('session'), db, {}, 1))).toMatchObject({
        code: 'ERR_INVALID_ARG',
      });
    });
  });
});

describeOnCluster('on FoundationDB without allowBlocking', () => {
  test('sessions and changesets are refused', async () => {
    const prefix = `${process.env.BATON_TEST_PREFIX}/sessions-${process.pid}`;
    const store = await Store.open({
      foundationdb: { clusterFile: process.env.BATON_TEST_CLUSTER_FILE, prefix },
    });
    const db = await store.openDatabase('a');
    expect(refused(() => db.createSession()).code).toBe('ERR_WOULD_BLOCK');
    expect(refused(() => db.applyChangeset(new Uint8Array())).code).toBe('ERR_WOULD_BLOCK');
    await store.close();
  });
});

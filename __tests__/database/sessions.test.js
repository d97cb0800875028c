'use strict';

const { join } = require('node:path');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

const { Session, Store } = require('../..');
const {
  describeOnCluster,
  expectBytes,
  onEachBackend,
  refused,
  rejection,
  temporaryDirectory,
} = require('../helpers.js');

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

const SCHEMA = `
  CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, n INTEGER);
  CREATE TABLE pair(a TEXT, b TEXT, v, PRIMARY KEY (a, b)) WITHOUT ROWID;
  CREATE TABLE keyless(v);
  CREATE TABLE log(id INTEGER PRIMARY KEY, line TEXT);`;

const directory = temporaryDirectory();

onEachBackend((open) => {
  let store;
  let db;
  let copy;
  beforeEach(async () => {
    store = await open();
    db = await opened('a');
    copy = await opened('b');
  });

  async function opened(id, options) {
    const database = await store.openDatabase(id, { allowBlocking: true, ...options });
    if (!options?.readOnly) database.execSync(SCHEMA);
    return database;
  }

  const items = (of) => of.allSync('SELECT id, name, n FROM item ORDER BY id', [], { rowMode: 'array' });
  const add = (id, name, into = db) => into.runSync('INSERT INTO item VALUES (?, ?, 0)', [id, name]);

  describe('a session', () => {
    test('carries inserts, updates and deletes to another actor', () => {
      for (const each of [db, copy]) {
        add(1, 'one', each);
        add(2, 'two', each);
      }
      const session = db.createSession();
      expect(session).toBeInstanceOf(Session);
      db.runSync("UPDATE item SET name = 'first' WHERE id = 1");
      db.runSync('DELETE FROM item WHERE id = 2');
      add(3, 'three');
      db.runSync("INSERT INTO pair VALUES ('x', 'y', ?)", [new Uint8Array([1, 2])]);
      const changeset = session.changeset();
      expect(Buffer.isBuffer(changeset)).toBe(true);
      expect(copy.applyChangeset(changeset)).toBe(true);
      expect(items(copy)).toEqual([
        [1, 'first', 0],
        [3, 'three', 0],
      ]);
      expectBytes(copy.getSync('SELECT v FROM pair').v, [1, 2]);
    });

    test('records whoever writes: asynchronous calls, batches, transactions, triggers, other changesets', async () => {
      db.execSync(
        "CREATE TRIGGER told AFTER INSERT ON item BEGIN INSERT INTO log(line) VALUES ('new ' || new.name); END",
      );
      add(6, 'applied', copy);
      const others = copy.createSession();
      add(7, 'other', copy);
      const session = db.createSession();
      await db.run("INSERT INTO item VALUES (1, 'run', 0)");
      await db.batch(["INSERT INTO item VALUES (2, 'batch', 0)"]);
      await db.transaction(async (tx) => tx.run("INSERT INTO item VALUES (3, 'tx', 0)"));
      await db.exec("INSERT INTO item VALUES (4, 'exec', 0)");
      db.transactionSync(() => add(5, 'sync'));
      expect(db.applyChangeset(others.changeset())).toBe(true);
      const third = await opened('c');
      expect(third.applyChangeset(session.changeset())).toBe(true);
      const names = ['run', 'batch', 'tx', 'exec', 'sync', 'other'];
      expect(items(third).map(([, name]) => name)).toEqual(names);
      expect(third.allSync('SELECT line FROM log').map(({ line }) => line)).toEqual(
        names.map((each) => `new ${each}`),
      );
    });

    test('has nothing of what was rolled back or undone', async () => {
      add(1, 'one');
      const session = db.createSession();
      expect(() =>
        db.transactionSync(() => {
          add(2, 'two');
          throw new TypeError('mine');
        }),
      ).toThrow('mine');
      await db
        .transaction(async (tx) => {
          await tx.run('DELETE FROM item');
          throw new TypeError('mine');
        })
        .catch(() => {});
      db.execSync(
        "BEGIN; UPDATE item SET name = 'x'; ROLLBACK; SAVEPOINT s; DELETE FROM item; ROLLBACK TO s; RELEASE s",
      );
      expect(refused(() => db.runSync('INSERT INTO item VALUES (3, 1, 1), (1, 1, 1)')).code).toBe(
        'SQLITE_CONSTRAINT',
      );
      db.execSync("INSERT INTO item VALUES (4, 'x', 1); DELETE FROM item WHERE id = 4");
      db.execSync("UPDATE item SET name = 'y'; UPDATE item SET name = 'one'");
      expect(session.changeset()).toHaveLength(0);
      expect(session.patchset()).toHaveLength(0);
      db.runSync("UPDATE item SET name = 'z'");
      expect(session.changeset().length).toBeGreaterThan(0);
    });

    test('goes on after a changeset, and does not disturb another session', () => {
      const [first, all] = [db.createSession(), db.createSession()];
      add(1, 'one');
      const before = first.changeset();
      add(2, 'two');
      expect(first.changeset().length).toBeGreaterThan(before.length);
      first.close();
      add(3, 'three');
      expect(copy.applyChangeset(all.changeset())).toBe(true);
      expect(items(copy)).toHaveLength(3);
    });

    test('records one table, all of them, or those of another database of the connection', () => {
      db.execSync(
        "ATTACH ':memory:' AS side; CREATE TABLE side.item(id INTEGER PRIMARY KEY, name TEXT, n INTEGER)",
      );
      db.execSync('CREATE TEMP TABLE t(a PRIMARY KEY)');
      const sessions = [
        { table: 'ITEM' },
        {},
        { db: 'side' },
        { db: 'TEMP' },
        { table: 'later' },
        { table: 'keyless' },
      ];
      const [one, all, side, temp, later, keyless] = sessions.map((options) => db.createSession(options));
      const sizes = () => [one, all, side, temp, later, keyless].map((each) => each.changeset().length);
      const grown = (sql) => {
        const before = sizes();
        db.execSync(sql);
        return sizes().map((size, index) => size > before[index]);
      };
      expect(grown("INSERT INTO item VALUES (1, 'one', 0)")).toEqual([
        true,
        true,
        false,
        false,
        false,
        false,
      ]);
      expect(grown("INSERT INTO pair VALUES (1, 'one', 0)")).toEqual([
        false,
        true,
        false,
        false,
        false,
        false,
      ]);
      expect(grown("INSERT INTO side.item VALUES (1, 'one', 0)")).toEqual([
        false,
        false,
        true,
        false,
        false,
        false,
      ]);
      expect(grown('INSERT INTO temp.t VALUES (1)')).toEqual([false, false, false, true, false, false]);
      expect(grown('CREATE TABLE later(a PRIMARY KEY); INSERT INTO later VALUES (1)')).toEqual([
        ...[false, true, false, false, true, false],
      ]);
      // Tables without a primary key, and rows with a NULL in it, have nothing to be found by.
      expect(grown('INSERT INTO keyless VALUES (1); INSERT INTO later VALUES (NULL)')).not.toContain(true);
    });

    test('sees a DELETE of all rows that was compiled before', async () => {
      add(1, 'one');
      const [all, prepared] = ['DELETE FROM item', await db.prepare('DELETE FROM log')];
      db.execSync("INSERT INTO log VALUES (1, 'x')");
      for (let round = 0; round < 3; round += 1) {
        db.runSync(all);
        prepared.runSync();
        add(1, 'one');
        db.runSync("INSERT INTO log VALUES (1, 'x')");
      }
      copy.applyChangeset(
        changesOf(() => [add(1, 'one'), db.runSync("INSERT INTO log VALUES (1, 'x')")], true),
      );
      expect(items(copy)).toHaveLength(1);
      const session = db.createSession();
      db.runSync(all);
      await prepared.run();
      expect(copy.applyChangeset(session.changeset())).toBe(true);
      expect([items(copy), copy.allSync('SELECT * FROM log')]).toEqual([[], []]);
    });

    /** The changeset of what `fn` does. */
    function changesOf(fn, afresh = false) {
      if (afresh) db.execSync('DELETE FROM item; DELETE FROM log');
      const session = db.createSession();
      fn();
      const changeset = session.changeset();
      session.close();
      return changeset;
    }

    test('made in a transaction is of use in it, outlives it, and counts from there', async () => {
      add(1, 'one');
      let session;
      await db.transaction(async (tx) => {
        await tx.run("UPDATE item SET name = 'before'");
        session = tx.createSession();
        await tx.run("UPDATE item SET name = 'after'");
        expect(copy.applyChangeset(session.changeset(), { onConflict: () => 0 })).toBe(true);
        // As every call of the database: it would see what is not committed.
        const outer = refused(() => db.createSession());
        expect([outer.code, outer.retryable]).toEqual(['ERR_BUSY', true]);
      });
      add(2, 'two');
      expect(copy.applyChangeset(session.changeset(), { onConflict: () => 0 })).toBe(true);
      expect(items(copy)).toEqual([[2, 'two', 0]]);
      db.transactionSync(() => {
        const inner = db.createSession();
        add(3, 'three');
        db.runSync('INSERT INTO log(line) VALUES (hex(?))', [inner.changeset()]);
        inner.close();
      });
      expect(copy.applyChangeset(Buffer.from(db.getSync('SELECT line FROM log').line, 'hex'))).toBe(true);
      expect(items(copy)).toHaveLength(2);
    });

    test('survives VACUUM, new columns and the shrinking of caches', () => {
      add(1, 'one');
      copy.applyChangeset(changesOf(() => add(2, 'two')));
      const session = db.createSession();
      add(3, 'three');
      db.execSync(
        "VACUUM; ALTER TABLE log ADD COLUMN more; INSERT INTO log VALUES (1, 'l', 2); PRAGMA shrink_memory",
      );
      copy.execSync('ALTER TABLE log ADD COLUMN more');
      expect(copy.applyChangeset(session.changeset())).toBe(true);
      expect([items(copy).length, copy.getSync('SELECT more FROM log')]).toEqual([2, { more: 2 }]);
    });

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

  test('keys in the order of a collation are found by it, and nothing is applied where it fails', async () => {
    const upside = (a, b) =>
      a.toLowerCase() < b.toLowerCase() ? 1 : Number(a.toLowerCase() > b.toLowerCase()) * -1;
    for (const each of [db, copy]) {
      each.collation('upside', upside);
      each.execSync('CREATE TABLE word(text TEXT COLLATE upside PRIMARY KEY, n) WITHOUT ROWID');
      for (const word of ['a', 'b', 'c', 'd']) each.runSync('INSERT INTO word VALUES (?, 0)', [word]);
    }
    const session = db.createSession({ table: 'word' });
    db.execSync(
      "UPDATE word SET n = 1 WHERE text = 'B'; DELETE FROM word WHERE text = 'C'; INSERT INTO word VALUES ('e', 2)",
    );
    const changeset = session.changeset();
    session.close();
    const words = () => copy.allSync('SELECT text, n FROM word', [], { rowMode: 'array' });
    const before = words();
    for (let fails = 1; fails <= 5; fails += 1) {
      let compared = 0;
      copy.collation('upside', (a, b) => {
        compared += 1;
        if (compared === fails) throw new TypeError('no order');
        return upside(a, b);
      });
      expect(() => copy.applyChangeset(changeset)).toThrow(new TypeError('no order'));
      copy.collation('upside', upside);
      expect(words()).toEqual(before);
      expect(await rejection(copy.run("INSERT INTO word VALUES ('x', 0)"))).toMatchObject({
        message: expect.stringContaining('upside'),
      });
    }
    expect(copy.applyChangeset(changeset)).toBe(true);
    expect(words()).toEqual([
      ['e', 2],
      ['d', 0],
      ['b', 1],
      ['a', 0],
    ]);
  });

  test('a fork is synchronized back', async () => {
    add(1, 'one');
    await store.fork('a', 'trial');
    const trial = await store.openDatabase('trial', { allowBlocking: true });
    const session = trial.createSession();
    await trial.run("UPDATE item SET name = 'better'");
    add(2, 'two', trial);
    expect(db.applyChangeset(session.changeset())).toBe(true);
    expect(items(db)).toEqual(items(trial));
  });
});

test('a session of a past state sees nothing change, and an applied changeset is one state of the past', async () => {
  const store = await Store.open({ memory: true, history: { keepAll: '1h' } });
  const db = await store.openDatabase('a');
  db.execSync(SCHEMA);
  const before = await db.point();
  const source = db.createSession();
  db.runSync("INSERT INTO item VALUES (1, 'one', 0), (2, 'two', 0)");
  const changeset = source.changeset();
  const past = await store.openDatabase('a', { readOnly: true, at: before });
  expect(past.createSession().changeset()).toHaveLength(0);
  expect(() => past.applyChangeset(changeset)).toThrow('readonly');
  await store.restore('a', { to: before });
  const again = await store.openDatabase('a');
  const restored = await again.point();
  const { commits } = again.stats();
  expect(again.applyChangeset(changeset)).toBe(true);
  expect(again.applyChangeset(changeset)).toBe(false);
  expect(again.stats().commits - commits).toBe(1);
  const unchanged = await store.openDatabase('a', { readOnly: true, at: restored });
  expect([unchanged, again].map((each) => each.getSync('SELECT count(*) AS n FROM item').n)).toEqual([0, 2]);
  await store.close();
});

describe('an applied changeset', () => {
  test.each(['full', 'deferred'])('is durable as other writes are: %s', async (durability) => {
    const path = join(directory, durability);
    let store = await Store.open({ path });
    const source = await store.openDatabase('source');
    source.execSync(SCHEMA);
    const session = source.createSession();
    for (let id = 1; id <= 500; id += 1) source.runSync('INSERT INTO item VALUES (?, ?, 0)', [id, 'x']);
    const db = await store.openDatabase('a', { durability });
    db.execSync(SCHEMA);
    await db.flushed();
    const before = db.stats();
    expect(db.applyChangeset(session.changeset())).toBe(true);
    if (durability === 'full') expect(db.stats().commits - before.commits).toBe(1);
    await db.flushed();
    expect(db.stats().commits - before.commits).toBe(1);
    await store.close();
    store = await Store.open({ path });
    const again = await store.openDatabase('a');
    expect(again.getSync('SELECT count(*) AS n FROM item')).toEqual({ n: 500 });
    await store.close();
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

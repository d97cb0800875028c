'use strict';

// What batondb/better-sqlite3 does otherwise than better-sqlite3, and what it has of Baton: docs/moving-in.md lists it.

const { readFileSync, readdirSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { inspect } = require('node:util');

const { Store, isBatonError } = require('../..');
const Database = require('../../adapters/better-sqlite3.js');
const {
  clusterPlace,
  describeOnCluster,
  onEachBackend,
  temporaryDirectory,
  thrown,
} = require('../helpers.js');

const { SqliteError } = Database;

const MANY = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000)';

onEachBackend((openStore) => {
  let store;
  let baton;
  let db;
  beforeEach(async () => {
    store = await openStore();
    baton = await store.openDatabase('a', { allowBlocking: true });
    db = new Database(baton);
    db.exec('CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE)');
  });

  const refusal = (call) => {
    const error = thrown(call);
    expect([isBatonError(error), error.code]).toEqual([true, 'ERR_INVALID_ARG']);
    return error.message;
  };

  describe('a database', () => {
    test('is made of one of Baton, with or without new, and of no file', () => {
      expect(Database(baton)).toBeInstanceOf(Database);
      class Own extends Database {}
      expect(new Own(baton)).toBeInstanceOf(Own);
      expect(db.constructor).toBe(Database);
      for (const file of ['app.db', ':memory:', '', undefined, Buffer.from('SQLite format 3')]) {
        expect(refusal(() => new Database(file))).toMatch(/openDatabase\('app'\).*importFrom/);
      }
      for (const other of [null, 5, {}, store]) {
        expect(refusal(() => new Database(other))).toContain('store.openDatabase(actorId)');
      }
    });

    test('takes the options of better-sqlite3, as far as they mean something', () => {
      expect(
        new Database(baton, { fileMustExist: true, timeout: 5, readonly: false, nativeBinding: null }).open,
      ).toBe(true);
      expect(refusal(() => new Database(baton, { readonly: true }))).toContain('readOnly: true');
      expect(refusal(() => new Database(baton, { readOnly: true }))).toContain('"readonly"');
      expect(() => new Database(baton, { verbose: 'yes' })).toThrow(TypeError);
    });

    test('says what it is', async () => {
      const reader = new Database(await store.openDatabase('a', { readOnly: true, allowBlocking: true }), {
        readonly: true,
      });
      expect([db.name, db.memory, db.readonly, reader.readonly]).toEqual(['a', false, false, true]);
      expect(thrown(() => reader.exec('DELETE FROM item')).code).toMatch(/^SQLITE_READONLY/);
      expect(inspect(db)).toBe(
        "Database {\n  name: 'a',\n  open: true,\n  inTransaction: false,\n  readonly: false,\n  memory: false\n}",
      );
      expect(Object.prototype.toString.call(db)).toBe('[object Object]');
    });

    test('closes that of Baton, and keeps nothing from it', async () => {
      db.exec('BEGIN; DELETE FROM item');
      db.close();
      expect([db.open, baton.closed]).toEqual([false, true]);
      expect(isBatonError(await baton.close().catch((error) => error), 'ERR_CLOSED')).toBe(true);
      expect(db.close()).toBe(db);
      const other = await store.openDatabase('b', { allowBlocking: true });
      const onOther = new Database(other);
      await other.close();
      expect([onOther.open, thrown(() => onOther.exec('SELECT 1')).code]).toEqual([false, 'ERR_CLOSED']);
    });

    test('warns of what was lost, if nobody was told before', async () => {
      const deferred = await store.openDatabase('lost', { durability: 'deferred', allowBlocking: true });
      const face = new Database(deferred);
      face.exec('CREATE TABLE t (x)');
      await deferred.flushed();
      await store.openDatabase('lost', { allowBlocking: true });
      face.exec('INSERT INTO t VALUES (1)');
      // Jest's `process` hears of no warnings.
      const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
      face.close();
      await deferred.close().catch(() => {});
      const told = { type: 'BatonWarning', code: 'ERR_FENCE_MISMATCH' };
      expect(warn).toHaveBeenCalledWith(expect.any(String), expect.objectContaining(told));
      warn.mockRestore();
    });
  });

  describe('errors', () => {
    test('of SQLite have its extended code, and that of Baton as their cause', () => {
      const insert = db.prepare('INSERT INTO item (name) VALUES (?)');
      insert.run('a');
      const error = thrown(() => insert.run('a'));
      expect(error).toBeInstanceOf(SqliteError);
      expect(error).toMatchObject({ name: 'SqliteError', code: 'SQLITE_CONSTRAINT_UNIQUE' });
      expect(error.stack).toContain('better-sqlite3-differences.test.js');
      expect(isBatonError(error.cause, 'SQLITE_CONSTRAINT')).toBe(true);
      expect(thrown(() => db.prepare('SELECT nothing FROM item')).cause.offset).toBe(7);
      expect(() => new SqliteError('message')).toThrow(TypeError);
      expect(String(new SqliteError('message', 'SQLITE_X'))).toBe('SqliteError: message');
    });

    test('of Baton are its own', async () => {
      const busy = await baton.transaction(async () => thrown(() => db.exec('SELECT 1')));
      expect([isBatonError(busy, 'ERR_BUSY'), busy.retryable]).toEqual([true, true]);
      await store.openDatabase('a', { allowBlocking: true });
      const fenced = thrown(() => db.prepare('DELETE FROM item').run());
      expect(isBatonError(fenced, 'ERR_FENCE_MISMATCH')).toBe(true);
    });

    test('of values that would be changed silently', () => {
      const large = db.prepare('SELECT 9007199254740993 AS large');
      expect(thrown(() => large.get())).toMatchObject({
        code: 'ERR_OUT_OF_RANGE',
        message: expect.stringContaining('safeIntegers()'),
      });
      expect(large.safeIntegers().get()).toEqual({ large: 9007199254740993n });
      expect(db.prepare('INSERT INTO item (id) VALUES (?)').run(2n ** 60n).lastInsertRowid).toBe(2n ** 60n);
      expect(refusal(() => db.prepare('SELECT ?').get('\ud800'))).toContain('well-formed');
      expect(refusal(() => db.prepare('SELECT 1\0'))).toContain('null bytes');
      expect(refusal(() => db.exec('INSERT INTO item (name) VALUES (?)'))).toContain('parameters');
      expect(db.prepare('SELECT "text" AS text').get()).toEqual({ text: 'text' });
    });
  });

  test('what is not available says so by its name', () => {
    for (const [name, call] of [
      ['loadExtension()', () => db.loadExtension('./vec0')],
      ['table()', () => db.table('t', {})],
      ['unsafeMode()', () => db.unsafeMode()],
      ['{ attached: "other" }', () => db.serialize({ attached: 'other' })],
    ]) {
      expect(refusal(call)).toContain(`${name} is not available in batondb/better-sqlite3: `);
    }
    expect(db.unsafeMode(false)).toBe(db);
    expect(thrown(() => db.exec("ATTACH './other.db' AS other"))).toMatchObject({ code: 'SQLITE_AUTH' });
  });

  test('extensions are those of the database', async () => {
    const vectors = new Database(await store.openDatabase('v', { extensions: ['vec'], allowBlocking: true }));
    vectors.exec('CREATE VIRTUAL TABLE near USING vec0 (at float[2])');
    const add = vectors.prepare('INSERT INTO near (rowid, at) VALUES (?, ?)');
    add.run(1n, new Float32Array([0, 1]));
    add.run(2n, JSON.stringify([5, 5]));
    const nearest = vectors.prepare('SELECT rowid FROM near WHERE at MATCH ? AND k = 1').pluck();
    expect(nearest.get(new Float32Array([5, 4]))).toBe(2);
  });

  describe('a transaction', () => {
    const count = () => db.prepare('SELECT count(*) FROM item').pluck().get();
    const insert = () => db.prepare('INSERT INTO item DEFAULT VALUES').run();

    test('is not begun for an async function', () => {
      let isCalled = false;
      const transaction = db.transaction(async () => {
        isCalled = true;
      });
      expect(transaction).toThrow(TypeError);
      expect(isCalled).toBe(false);
    });

    test('passes over PRAGMA foreign_keys, as SQLite does, but not in silence', () => {
      const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
      const state = () => db.pragma('foreign_keys', { simple: true });
      const inside = db.transaction(() => {
        db.pragma('foreign_keys = OFF');
        const statement = db.prepare('PRAGMA foreign_keys = OFF');
        expect([statement.source, statement.run().changes]).toEqual(['PRAGMA foreign_keys = OFF', 0]);
        return state();
      });
      expect([inside(), state(), warn.mock.calls.length]).toEqual([1, 1, 1]);
      expect(warn).toHaveBeenCalledWith(
        expect.stringContaining('has no effect inside a transaction'),
        'BatonWarning',
      );
      expect(thrown(() => db.exec('BEGIN; PRAGMA foreign_keys = OFF')).code).toBe('SQLITE_ERROR');
      db.exec('ROLLBACK');
      db.pragma('foreign_keys = OFF');
      expect(state()).toBe(0);
      warn.mockRestore();
    });

    test('drops no table whose rows take others along, if it goes on as if foreign keys were off', () => {
      const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
      db.exec('CREATE TABLE part (item REFERENCES item ON DELETE CASCADE); INSERT INTO item VALUES (1, 1)');
      db.exec('INSERT INTO part VALUES (1); CREATE TABLE alone (x)');
      const recreate = db.transaction((drop) => {
        db.prepare('PRAGMA foreign_keys = OFF').run();
        db.exec('DROP TABLE alone; CREATE TABLE alone (y)');
        drop('DROP TABLE item');
      });
      expect(refusal(() => recreate((sql) => db.exec(`DROP TABLE alone; ${sql}`)))).toContain(
        'ON DELETE CASCADE',
      );
      expect(refusal(() => recreate((sql) => db.prepare(sql).run()))).toContain('ON DELETE CASCADE');
      expect(db.prepare('SELECT count(*) FROM part').pluck().get()).toBe(1);
      // Elsewhere it is SQLite's own, and better-sqlite3's, doing.
      db.transaction(() => db.exec('DROP TABLE item'))();
      expect(db.prepare('SELECT count(*) FROM part').pluck().get()).toBe(0);
      warn.mockRestore();
    });

    test('is rolled back if its function leaves an iteration open', () => {
      const rows = db.prepare('SELECT 1').iterate();
      rows.return();
      let left;
      const failing = db.transaction(() => {
        insert();
        left = db.prepare('SELECT 1 UNION SELECT 2').iterate();
        left.next();
      });
      expect(failing).toThrow(TypeError);
      left.return();
      expect([count(), db.inTransaction]).toEqual([0, false]);
    });

    test('lets nothing be written after its end', () => {
      const ended = db.transaction(() => {
        insert();
        db.exec('ROLLBACK');
        insert();
      });
      expect(thrown(ended)).toMatchObject({ code: 'ERR_CLOSED' });
      expect([count(), db.inTransaction]).toEqual([0, false]);
    });
  });

  describe('an iteration', () => {
    test('reads as it goes, and is busy until its end', () => {
      const many = db.prepare(`${MANY} SELECT i FROM n`).pluck();
      let sum = 0;
      for (const i of many.iterate()) {
        if (i === 1000) break;
        sum += i;
      }
      expect([sum, many.busy]).toEqual([499_500, false]);
      expect(
        thrown(() => [...db.prepare(`${MANY} SELECT json(iif(i = 5000, '{', '1')) FROM n`).iterate()]),
      ).toMatchObject({
        code: 'SQLITE_ERROR',
      });
      db.exec('DROP TABLE item');
    });
  });

  test('explain, and the text of a statement', () => {
    expect(db.explain('SELECT * FROM item WHERE id = ?')[0]).toMatchObject({ addr: 0, opcode: 'Init' });
    expect(() => db.explain(5)).toThrow(TypeError);
    const statement = db.prepare("SELECT :a, ':a' -- ?");
    expect(String(statement)).toBe("SELECT :a, ':a' -- ?");
    expect(String(statement.bind({ a: "it's" }))).toBe("SELECT 'it''s', ':a' -- ?");
  });

  describe('a function', () => {
    test('is one of the Baton database', async () => {
      db.function('twice', (x) => 2 * x);
      expect(baton.getSync('SELECT twice(4) AS eight')).toEqual({ eight: 8 });
      // A whole number is an INTEGER there.
      expect(db.prepare('SELECT typeof(twice(4))').pluck().get()).toBe('integer');
      await expect(baton.get('SELECT twice(4)')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
      const large = db.prepare('SELECT twice(?)');
      expect(thrown(() => large.get(2n ** 60n))).toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
      db.defaultSafeIntegers().function('twice', (x) => 2n * x);
      expect(
        large
          .safeIntegers()
          .pluck()
          .get(2n ** 60n),
      ).toBe(2n ** 61n);
    });

    test('is refused by name where there are none', () => {
      Object.assign(baton, { function: undefined, aggregate: undefined });
      expect(refusal(() => db.function('one', () => 1))).toContain('database.function()');
      expect(refusal(() => db.aggregate('one', { step: () => 1 }))).toContain('database.aggregate()');
    });
  });

  describe('a backup', () => {
    const directory = temporaryDirectory();

    test('is a file of what the database has, as a whole or not at all', async () => {
      db.exec(`INSERT INTO item (name) ${MANY} SELECT 'name ' || i FROM n`);
      const file = join(directory, 'copy.sqlite');
      writeFileSync(file, 'something else');
      const told = [];
      const done = await db.backup(file, { progress: (state) => void told.push(state) });
      expect(told).toEqual([{ totalPages: done.totalPages, remainingPages: done.totalPages }]);
      expect(done).toEqual({ totalPages: db.pragma('page_count', { simple: true }), remainingPages: 0 });
      expect(readFileSync(file).equals(db.serialize())).toBe(true);
      await store.importFrom('copy', file);
      const copy = new Database(await store.openDatabase('copy', { allowBlocking: true }));
      expect(copy.prepare('SELECT count(*) FROM item').pluck().get()).toBe(5000);
      expect(readdirSync(directory)).toEqual(['copy.sqlite']);
    });

    test('refuses what it cannot write', async () => {
      for (const args of [
        [],
        [5],
        [''],
        [' '],
        [':memory:'],
        [join(directory, 'no', 'copy')],
        ['a', 'b'],
        ['a', { attached: '' }],
        ['a', { progress: 5 }],
      ]) {
        await expect(db.backup(...args)).rejects.toThrow(TypeError);
      }
      await expect(db.backup('a', { attached: 'other' })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
      const file = join(directory, 'none.sqlite');
      const failing = db.backup(file, { progress: () => 'all' });
      await expect(failing).rejects.toThrow(TypeError);
      db.close();
      await expect(db.backup(file)).rejects.toThrow(TypeError);
      expect(readdirSync(directory)).not.toContain('none.sqlite');
    });
  });
});

describeOnCluster('on FoundationDB', () => {
  test('it needs allowBlocking', async () => {
    const store = await Store.open(clusterPlace());
    const db = new Database(await store.openDatabase('a'));
    expect(thrown(() => db.prepare('SELECT 1')).code).toBe('ERR_WOULD_BLOCK');
    await store.close();
  });
});

test('calls of a database whose store is closed fail', async () => {
  const store = await Store.open({ memory: true });
  const statement = new Database(await store.openDatabase('a')).prepare('SELECT 1 AS one');
  expect([statement.get(), statement.raw().all()]).toEqual([{ one: 1 }, [[1]]]);
  await store.close();
  expect(thrown(() => statement.get()).code).toBe('ERR_CLOSED');
});

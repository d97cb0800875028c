'use strict';

const { setTimeout: sleep } = require('node:timers/promises');

const { durableObjectStorage } = require('../../../adapters/durable-object.js');
const { onEachBackend, outside, rejection } = require('../../helpers.js');
const { QUERY, ROWS, open, thrown } = require('./support.js');

onEachBackend((openStore) => {
  const insertInto = (sql) => (a) => sql.exec('INSERT INTO t VALUES (?, NULL)', a);
  const numbersOf = (sql) => () =>
    sql.exec('SELECT a FROM t WHERE a > 3 ORDER BY rowid').raw().toArray().flat();

  describe('transactionSync', () => {
    test('commits when its function returns, and rolls back when it throws', async () => {
      const { storage, sql } = await open(await openStore());
      const [insert, numbers] = [insertInto(sql), numbersOf(sql)];
      const value = storage.transactionSync(() => {
        insert(4);
        storage.kv.put('n', 4);
        return 'done';
      });
      expect([value, numbers(), storage.kv.get('n')]).toEqual(['done', [4], 4]);
      const error = new Error('no');
      const failing = () =>
        storage.transactionSync(() => {
          insert(5);
          storage.kv.put('n', 5);
          storage.put('n', 6);
          throw error;
        });
      expect(failing).toThrow(error);
      expect([numbers(), storage.kv.get('n')]).toEqual([[4], 4]);
    });

    test('nests as savepoints, and in an asynchronous transaction', async () => {
      const { storage, sql } = await open(await openStore());
      const [insert, numbers] = [insertInto(sql), numbersOf(sql)];
      storage.transactionSync(() => {
        insert(4);
        const inner = () =>
          storage.transactionSync(() => {
            insert(5);
            sql.exec('SELECT * FROM nowhere');
          });
        expect(thrown(inner).code).toBe('SQLITE_ERROR');
        storage.transactionSync(() => insert(6));
      });
      await storage.transaction(async () => {
        storage.transactionSync(() => insert(7));
        await sleep(1);
        expect(() =>
          storage.transactionSync(() => {
            insert(8);
            throw new Error('no');
          }),
        ).toThrow('no');
      });
      expect(numbers()).toEqual([4, 6, 7]);
    });

    test('refuses what is no function, or one that returns a promise', async () => {
      const { storage, sql } = await open(await openStore());
      const [insert, numbers] = [insertInto(sql), numbersOf(sql)];
      expect(thrown(() => storage.transactionSync(7)).code).toBe('ERR_INVALID_ARG');
      const later = async () => insert(4);
      expect(thrown(() => storage.transactionSync(later)).code).toBe('ERR_INVALID_ARG');
      expect(thrown(() => storage.transactionSync(() => later())).code).toBe('ERR_INVALID_ARG');
      expect(numbers()).toEqual([]);
    });
  });

  describe('transaction', () => {
    test('means the transaction for storage itself', async () => {
      const { storage, sql } = await open(await openStore());
      const count = () => sql.exec('SELECT count(*) AS n FROM t').one().n;
      const helper = async (a) => {
        await sleep(1);
        sql.exec('INSERT INTO t VALUES (?, NULL)', a);
      };
      const inside = storage.transaction(async (txn) => {
        await helper(4);
        txn.sql.exec('INSERT INTO t VALUES (5, NULL)');
        await storage
          .transaction(async () => {
            await helper(6);
            throw new Error('inner');
          })
          .catch((error) => expect(error.message).toBe('inner'));
        return count();
      });
      expect(await inside).toBe(5);
      await expect(
        storage.transaction(async () => {
          await helper(7);
          throw new Error('outer');
        }),
      ).rejects.toThrow('outer');
      expect(count()).toBe(5);
      const answer = await storage.transaction(async (txn) => {
        await helper(8);
        txn.rollback();
        txn.rollback();
        return thrown(count).code;
      });
      expect([answer, count()]).toEqual(['ERR_CLOSED', 5]);
      expect((await rejection(storage.transaction(7))).code).toBe('ERR_INVALID_ARG');
    });

    test('begins behind what its caller does before it waits', async () => {
      const { storage, sql } = await open(await openStore());
      const insert = insertInto(sql);
      const seen = storage.transaction(async () => {
        insert(6);
        return numbersOf(sql)();
      });
      insert(4);
      storage.put('n', 1);
      insert(5);
      expect(await seen).toEqual([4, 5, 6]);
    });

    test('is one for all storages on the database', async () => {
      const { db, storage, sql } = await open(await openStore());
      const other = durableObjectStorage(db, { largeIntegers: 'bigint' });
      await storage.transaction(async (txn) => {
        insertInto(other.sql)(4);
        await other.put('n', 1);
        await other.transaction(async () => other.kv.put('n', 2));
        expect([numbersOf(sql)(), await txn.get('n')]).toEqual([[4], 2]);
        txn.rollback();
      });
      expect([numbersOf(other.sql)(), other.kv.get('n')]).toEqual([[], undefined]);
    });

    test('keeps others out: SQL is refused, keys and values wait', async () => {
      const { storage, sql } = await open(await openStore());
      await storage.put('n', 1);
      let put;
      let read;
      await storage.transaction(async (txn) => {
        await txn.put('n', 2);
        outside(() => {
          expect(thrown(() => sql.exec(QUERY))).toMatchObject({ code: 'ERR_BUSY', retryable: true });
          expect(thrown(() => storage.kv.get('n')).code).toBe('ERR_BUSY');
          read = storage.get('n');
          put = storage.put('n', 3);
        });
        await sleep(5);
        expect(await storage.get('n')).toBe(2);
      });
      expect(await read).toBe(2);
      await put;
      expect(storage.kv.get('n')).toBe(3);
    });

    test('leaves behind what goes on without it', async () => {
      const { storage, sql } = await open(await openStore());
      const [insert, numbers] = [insertInto(sql), numbersOf(sql)];
      let goOn;
      let left;
      let handle;
      const leave = (a) => {
        const end = new Promise((resolve) => {
          goOn = resolve;
        });
        left = end.then(async () => {
          insert(a);
          await storage.put('left', a);
          await storage.transaction(() => insert(a + 1));
        });
      };
      await storage.transaction(async (txn) => {
        handle = txn;
        insert(4);
        leave(5);
      });
      goOn();
      await left;
      expect(numbers()).toEqual([4, 5, 6]);
      expect(await storage.get('left')).toBe(5);

      // Its handle is another matter: it means the transaction for good.
      expect((await rejection(handle.get('left'))).code).toBe('ERR_CLOSED');
      expect((await rejection(handle.put('left', 6))).code).toBe('ERR_CLOSED');
      expect(() => handle.rollback()).toThrow(/over/);

      // Where the transaction is rolled back, too.
      await storage
        .transaction(async () => {
          insert(7);
          leave(8);
          throw new Error('no');
        })
        .catch((error) => expect(error.message).toBe('no'));
      goOn();
      await left;
      expect(numbers()).toEqual([4, 5, 6, 8, 9]);

      // What an inner one leaves belongs to the outer one.
      await storage.transaction(async (txn) => {
        await storage.transaction(async () => leave(10));
        goOn();
        await left;
        txn.rollback();
      });
      expect(numbers()).toEqual([4, 5, 6, 8, 9]);
    });
  });

  describe('sync', () => {
    test('resolves when what was written is durable, and is in no call’s way', async () => {
      const store = await openStore();
      const { storage, sql } = await open(store);
      const syncs = [];
      for (let a = 0; a < 300; a += 1) {
        sql.exec('INSERT INTO t VALUES (?, NULL)', a);
        syncs.push(storage.sync());
        // Beside it, at once and a turn later.
        expect(sql.exec('SELECT count(*) AS n FROM t').one()).toEqual({ n: 4 + a });
        if (a % 10 === 0) await new Promise(setImmediate);
      }
      const bookmark = storage.getCurrentBookmark();
      sql.exec(QUERY);
      await Promise.all([...syncs, bookmark]);
      // The next start reads what is durable.
      const next = durableObjectStorage(await store.openDatabase('a', { allowBlocking: true }));
      expect(next.sql.exec('SELECT count(*) AS n FROM t').one()).toEqual({ n: 303 });
    });

    test('has nothing to wait for in a transaction', async () => {
      const { storage, sql } = await open(await openStore());
      await storage.transaction(async () => {
        insertInto(sql)(4);
        await storage.sync();
      });
      await storage.sync();
      expect(numbersOf(sql)()).toEqual([4]);
    });
  });

  describe('PRAGMA foreign_keys', () => {
    const SCHEMA = `
      CREATE TABLE parent (id INTEGER PRIMARY KEY);
      CREATE TABLE child (id INTEGER PRIMARY KEY, parent REFERENCES parent ON DELETE CASCADE);
      CREATE TABLE plain (id INTEGER PRIMARY KEY, parent REFERENCES parent);
      INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1, 1);`;

    test('has its effect by itself, and is passed over in a transaction', async () => {
      const { db, storage, sql } = await open(await openStore());
      const isOn = () => sql.exec('PRAGMA foreign_keys').one().foreign_keys;
      sql.exec('PRAGMA foreign_keys = OFF');
      expect(isOn()).toBe(0);
      sql.exec('PRAGMA foreign_keys=ON;');
      storage.transactionSync(() => {
        expect(sql.exec('PRAGMA foreign_keys=OFF;').toArray()).toEqual([]);
        expect(isOn()).toBe(1);
      });
      await storage.transaction(async () => sql.exec("PRAGMA foreign_keys('off')"));
      expect(await db.get('PRAGMA foreign_keys')).toEqual({ foreign_keys: 1 });
      // Several statements are a transaction that nobody has asked for.
      expect(thrown(() => sql.exec('SELECT 1; PRAGMA foreign_keys = 0'))).toMatchObject({
        code: 'SQLITE_ERROR',
        message: expect.stringMatching(/foreign_keys.*transaction.*defer_foreign_keys/),
      });
      // What a Durable Object's own code does instead.
      sql.exec(`
        CREATE TABLE parent (id INTEGER PRIMARY KEY); CREATE TABLE child (id REFERENCES parent);
        PRAGMA defer_foreign_keys = ON; INSERT INTO child VALUES (1); INSERT INTO parent VALUES (1)
      `);
    });

    test('that was passed over makes a DROP TABLE change no other table', async () => {
      const { storage, sql } = await open(await openStore());
      sql.exec(SCHEMA);
      const recreate = (table) => () =>
        storage.transactionSync(() => {
          sql.exec('PRAGMA foreign_keys=OFF');
          sql.exec(`CREATE TABLE __new AS SELECT * FROM ${table}`);
          sql.exec(`DROP TABLE ${table};`);
          sql.exec(`ALTER TABLE __new RENAME TO ${table}`);
          sql.exec('PRAGMA foreign_keys=ON');
        });
      for (const name of ['parent', '`parent`', '"Parent"', '[parent]', 'main.parent']) {
        expect(thrown(recreate(name))).toMatchObject({
          code: 'ERR_INVALID_ARG',
          message: expect.stringMatching(/DROP TABLE "[pP]arent".*"child".*CASCADE/),
        });
      }
      expect(sql.exec('SELECT * FROM child').toArray()).toEqual([{ id: 1, parent: 1 }]);
      // Where nothing would be lost it runs.
      recreate('child')();
      recreate('plain')();
      recreate('parent')();
      // Without the pragma it is the caller's wish.
      sql.exec('DROP TABLE IF EXISTS child');
    });
  });

  test('a storage on a transaction is part of that transaction', async () => {
    const { db, sql } = await open(await openStore());
    await rejection(
      db.transaction(async (tx) => {
        const inner = durableObjectStorage(tx);
        inner.sql.exec('DELETE FROM t');
        inner.transactionSync(() => inner.kv.put('a', 1));
        await inner.sync();
        expect((await rejection(inner.deleteAll())).message).toMatch(/not of a transaction/);
        expect(inner.kv.get('a')).toBe(1);
        inner.sql.exec('SELECT * FROM nowhere');
      }),
    );
    expect(sql.exec(QUERY).toArray()).toEqual(ROWS);
  });

  test("a user's wrapper around a database has one statement at a time", async () => {
    const { db } = await open(await openStore());
    const methods = ['run', 'get', 'all', 'iterate', 'batch', 'exec', 'transaction'];
    const sync = ['runSync', 'getSync', 'allSync', 'batchSync', 'transactionSync'];
    const wrapper = Object.fromEntries([...methods, ...sync].map((name) => [name, db[name].bind(db)]));
    const storage = durableObjectStorage(wrapper);
    const cursor = storage.sql.exec(`${QUERY} LIMIT ?`, 2);
    expect(cursor).toMatchObject({ columnNames: ['a', 'b'], rowsRead: 2 });
    expect(cursor.toArray()).toEqual(ROWS.slice(0, 2));
    expect(thrown(() => storage.sql.exec(QUERY).one()).message).toMatch(/answered 3/);
    expect(thrown(() => storage.sql.exec('SELECT 1; SELECT 2')).code).toBe('ERR_INVALID_ARG');
    storage.transactionSync(() => storage.kv.put('a', 1));
    expect([...storage.kv.list()]).toEqual([['a', 1]]);
    await storage.sync();
  });
});

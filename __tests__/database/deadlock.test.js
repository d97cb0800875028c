'use strict';

const { AsyncResource } = require('node:async_hooks');
const { EventEmitter } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');

const { eq } = require('drizzle-orm');
const { sqliteTable, integer } = require('drizzle-orm/sqlite-core');
const { Kysely } = require('kysely');

const { drizzle } = require('../../adapters/drizzle.js');
const { durableObjectStorage } = require('../../adapters/durable-object.js');
const { BatonDialect } = require('../../adapters/kysely.js');
const { onEachBackend, rejection } = require('../helpers.js');

const SELECT = 'SELECT 1 AS one';
const ONE = { one: 1 };

onEachBackend((open) => {
  let store;
  let db;
  beforeEach(async () => {
    store = await open();
    db = await store.openDatabase('a', { transactionTimeoutMs: 10_000, allowBlocking: true });
    await db.exec('CREATE TABLE t (x INTEGER)');
  });

  describe('in the function of a transaction', () => {
    const calls = {
      exec: () => db.exec(SELECT),
      run: () => db.run(SELECT),
      get: () => db.get(SELECT),
      all: () => db.all(SELECT),
      iterate: () => db.iterate(SELECT).next(),
      batch: () => db.batch([SELECT]),
      prepare: () => db.prepare(SELECT),
      transaction: () => db.transaction(() => {}),
      'all with a signal': () => db.all(SELECT, [], { signal: new AbortController().signal }),
    };
    test.each(Object.keys(calls))(
      '%s of the database is refused at once, and says what to use',
      async (name) => {
        await db.transaction(async (tx) => {
          const error = await rejection(calls[name]());
          expect(error).toMatchObject({ code: 'ERR_DEADLOCK', retryable: false });
          expect(error.message).toMatch(/tx\.run, tx\.prepare, tx\.transaction/);
          // The transaction is none the worse.
          await tx.run('INSERT INTO t VALUES (1)');
        });
        expect(await db.get('SELECT count(*) AS n FROM t')).toEqual({ n: 1 });
      },
    );

    test('a statement of the database is refused, too', async () => {
      const statement = await db.prepare(SELECT);
      await db.transaction(async () => {
        expect((await rejection(statement.get())).code).toBe('ERR_DEADLOCK');
      });
      expect(await statement.get()).toEqual(ONE);
    });

    test('it is known after waits, in functions that were called, and through other databases', async () => {
      const other = await store.openDatabase('b');
      const deep = async () => {
        await sleep(1);
        return await db.get(SELECT);
      };
      await db.transaction(async () => {
        await sleep(1);
        await other.transaction(async () => {
          expect((await rejection(deep())).code).toBe('ERR_DEADLOCK');
        });
        expect(await other.get(SELECT)).toEqual(ONE);
      });
    });

    test('the transaction around is refused inside the inner one, and free after it', async () => {
      await db.transaction(async (tx) => {
        await tx.transaction(async (inner) => {
          expect(await inner.get(SELECT)).toEqual(ONE);
          const error = await rejection(tx.get(SELECT));
          expect(error).toMatchObject({
            code: 'ERR_DEADLOCK',
            message: expect.stringContaining('transaction around it'),
          });
          expect((await rejection(db.get(SELECT))).code).toBe('ERR_DEADLOCK');
        });
        expect(await tx.get(SELECT)).toEqual(ONE);
      });
    });

    test('leaving an iteration of the database does not wait', async () => {
      const rows = db.iterate(
        'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) SELECT i FROM n',
      );
      await rows.next();
      await db.transaction(() => rows.return());
      await db.exec('DROP TABLE t');
    });
  });

  describe('not inside', () => {
    test('are calls beside a transaction, which wait for its end', async () => {
      let release;
      const held = new Promise((resolve) => {
        release = resolve;
      });
      const transaction = db.transaction(() => held);
      const beside = db.get(SELECT);
      const second = db.transaction((tx) => tx.get(SELECT));
      release();
      await transaction;
      expect([await beside, await second]).toEqual([ONE, ONE]);
    });

    test('is what was set up outside and is only woken by the transaction', async () => {
      const events = new EventEmitter();
      const outside = new AsyncResource('a server');
      let answered;
      events.on('request', () => {
        answered = outside.runInAsyncScope(() => db.get(SELECT));
      });
      await db.transaction(async (tx) => {
        events.emit('request');
        await tx.get(SELECT);
      });
      expect(await answered).toEqual(ONE);
    });

    test('is work that began inside and goes on after the end', async () => {
      let later;
      await db.transaction(() => {
        later = sleep(20).then(() => db.get(SELECT));
      });
      expect(await later).toEqual(ONE);
      let failedLater;
      await db
        .transaction(() => {
          failedLater = sleep(20).then(() => db.transaction((tx) => tx.get(SELECT)));
          throw new Error('rolled back');
        })
        .catch(() => {});
      expect(await failedLater).toEqual(ONE);
    });

    test('is work that goes on after the deadline', async () => {
      const failed = db.transaction(
        async () => {
          await sleep(100);
          expect(await db.get(SELECT)).toEqual(ONE);
        },
        { timeoutMs: 30 },
      );
      expect((await rejection(failed)).message).toContain('open for 30 ms');
    });

    test('is an interval that was set up inside of an earlier transaction', async () => {
      let timer;
      const seen = [];
      await db.transaction(() => {
        timer = setInterval(() => seen.push(db.get(SELECT)), 5);
      });
      await db.transaction(() => sleep(30));
      clearInterval(timer);
      expect(seen.length).toBeGreaterThan(0);
      expect(await Promise.all(seen)).toEqual(seen.map(() => ONE));
    });
  });

  describe('an adapter', () => {
    const t = sqliteTable('t', { x: integer() });

    test('Drizzle runs in its transaction, and its database there is refused', async () => {
      const orm = drizzle(db);
      await orm.transaction(async (tx) => {
        await tx.insert(t).values({ x: 1 });
        await tx.transaction((inner) => inner.insert(t).values({ x: 2 }));
        const error = await orm
          .select()
          .from(t)
          .then(
            () => undefined,
            (reason) => reason,
          );
        expect(error.cause).toMatchObject({ code: 'ERR_DEADLOCK' });
      });
      expect(await orm.select().from(t).where(eq(t.x, 2))).toEqual([{ x: 2 }]);
    });

    test('Kysely runs in its transaction, and beside it', async () => {
      const kysely = new Kysely({ dialect: new BatonDialect({ database: db, closeOnDestroy: false }) });
      const transaction = kysely.transaction().execute(async (trx) => {
        await trx.insertInto('t').values({ x: 1 }).execute();
        return await trx.selectFrom('t').selectAll().execute();
      });
      const beside = kysely.selectFrom('t').selectAll().execute();
      expect(await transaction).toEqual([{ x: 1 }]);
      expect(await beside).toEqual([{ x: 1 }]);
    });

    test('Kysely in its own transaction is told by the deadline what waited', async () => {
      const kysely = new Kysely({
        dialect: new BatonDialect({ database: db, closeOnDestroy: false, transactionTimeoutMs: 50 }),
      });
      const failed = kysely.transaction().execute(async (trx) => {
        await trx.insertInto('t').values({ x: 1 }).execute();
        await kysely.selectFrom('t').selectAll().execute();
      });
      expect(await rejection(failed)).toMatchObject({
        code: 'ERR_CLOSED',
        message: expect.stringMatching(/open for 50 ms.*1 call from outside.*"select \* from "t""/),
      });
      expect(await db.get('SELECT count(*) AS n FROM t')).toEqual({ n: 0 });
    });

    test('a Durable Object runs in its transaction, also by `storage`', async () => {
      const storage = durableObjectStorage(db);
      await storage.transaction(async (txn) => {
        await txn.put('a', 1);
        await storage.put('b', 2);
        await storage.sql.exec('INSERT INTO t VALUES (1)');
        await storage.transaction(() => storage.sql.exec('INSERT INTO t VALUES (2)').toArray());
      });
      expect(await storage.get(['a', 'b'])).toEqual(
        new Map([
          ['a', 1],
          ['b', 2],
        ]),
      );
    });
  });
});

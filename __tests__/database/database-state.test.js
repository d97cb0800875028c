'use strict';

const { setImmediate: turn, setTimeout: sleep } = require('node:timers/promises');

const { onEachBackend, outside } = require('../helpers.js');

onEachBackend((open) => {
  let db;
  beforeEach(async () => {
    db = await (await open()).openDatabase('a', { transactionTimeoutMs: 200 });
    await db.exec('CREATE TABLE t(a INTEGER, b TEXT)');
  });

  const state = () => [db.isTransaction, db.inTransaction];
  const OPEN = [true, true];
  const NONE = [false, false];

  describe('isTransaction', () => {
    test('says whether a transaction runs, also an inner one', async () => {
      expect(state()).toEqual(NONE);
      await db.transaction(async (tx) => {
        expect(state()).toEqual(OPEN);
        await tx.transaction(() => expect(state()).toEqual(OPEN));
        expect(state()).toEqual(OPEN);
        await tx.run("INSERT INTO t VALUES (1, 'x')");
      });
      expect(state()).toEqual(NONE);
      await db.transaction(() => Promise.reject(new Error('mine'))).catch(() => {});
      expect(state()).toEqual(NONE);
      await db.batch(['SELECT 1']);
      expect(state()).toEqual(NONE);
    });

    test('says so of BEGIN and SAVEPOINT as statements', async () => {
      for (const [begin, end] of [
        ['BEGIN', 'COMMIT'],
        ['BEGIN IMMEDIATE', 'ROLLBACK'],
        ['SAVEPOINT s', 'RELEASE s'],
      ]) {
        await db.exec(begin);
        expect(state()).toEqual(OPEN);
        await db.run("INSERT INTO t VALUES (2, 'x')");
        expect(state()).toEqual(OPEN);
        await db.exec(end);
        expect(state()).toEqual(NONE);
      }
    });

    test('is over with the deadline, and with the database', async () => {
      await db.transaction(() => sleep(300)).catch(() => {});
      expect(state()).toEqual(NONE);
      await db.exec('BEGIN');
      await outside(() => db.close());
      expect(state()).toEqual(NONE);
    });
  });

  test('open and isOpen are the contrary of closed', async () => {
    expect([db.open, db.isOpen, db.closed]).toEqual([true, true, false]);
    const closing = db.close();
    expect([db.open, db.isOpen, db.closed]).toEqual([false, false, true]);
    await closing;
    expect([db.open, db.isOpen, db.closed]).toEqual([false, false, true]);
  });

  describe('columns() of a statement', () => {
    const A = { name: 'a', column: 'a', table: 't', type: 'INTEGER' };
    const B = { name: 'b', column: 'b', table: 't', type: 'TEXT' };
    const C = { name: 'c', column: 'c', table: 't', type: 'REAL' };

    test.each([
      ['all', (statement) => statement.all()],
      ['all without rows', (statement) => statement.all()],
      ['get', (statement) => statement.get()],
      [
        'iterate',
        async (statement) => {
          for await (const row of statement.iterate()) {
            expect(row).toBeDefined();
          }
          // The rows have not waited for the columns.
          await db.get('SELECT 1');
          await turn();
        },
      ],
    ])('are those of the schema that %s has met', async (name, run) => {
      if (name !== 'all without rows') {
        await db.run("INSERT INTO t VALUES (1, 'x')");
      }
      const statement = await db.prepare('SELECT * FROM t');
      expect(statement.columns()).toEqual([A, B]);
      await run(statement);
      expect(statement.columns()).toEqual([A, B]);
      await db.exec('ALTER TABLE t ADD COLUMN c REAL');
      await run(statement);
      expect(statement.columns()).toEqual([A, B, C]);
      await db.exec('ALTER TABLE t DROP COLUMN b');
      await run(statement);
      expect(statement.columns()).toEqual([A, C]);
    });

    test('are new where the same SQL is prepared anew', async () => {
      const sql = 'SELECT * FROM t';
      await (await db.prepare(sql)).all();
      await db.exec('ALTER TABLE t ADD COLUMN c REAL');
      expect((await db.prepare(sql)).columns()).toEqual([A, B, C]);
    });

    test('are learned by one more call, and only where they have changed', async () => {
      const statement = await db.prepare('SELECT * FROM t');
      await statement.all();
      await db.transaction(async (tx) => {
        const inside = await tx.prepare('SELECT * FROM t');
        await tx.exec('ALTER TABLE t ADD COLUMN c REAL');
        await inside.all();
        expect(inside.columns()).toEqual([A, B, C]);
        expect(statement.columns()).toEqual([A, B]);
      });
      await statement.get();
      expect(statement.columns()).toEqual([A, B, C]);
    });
  });
});

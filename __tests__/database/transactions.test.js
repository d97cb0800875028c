'use strict';

const { setTimeout: sleep } = require('node:timers/promises');

const { Transaction } = require('../..');
const { onEachBackend, outside, rejection } = require('../helpers.js');

onEachBackend((open) => {
  let store;
  let db;
  beforeEach(async () => {
    store = await open();
    db = await store.openDatabase('a');
    await db.exec('CREATE TABLE t (x INTEGER)');
  });

  const insert = (queries, x) => queries.run('INSERT INTO t VALUES (?)', [x]);
  const values = async () => (await db.all('SELECT x FROM t ORDER BY x')).map(({ x }) => x);

  test('a transaction is committed when its function returns, as one commit', async () => {
    const before = db.stats().commits;
    const answer = await db.transaction(async (tx) => {
      expect(tx).toBeInstanceOf(Transaction);
      await insert(tx, 1);
      await insert(tx, 2);
      expect(await tx.get('SELECT count(*) AS count FROM t')).toEqual({ count: 2 });
      return 'answer';
    });
    expect(answer).toBe('answer');
    expect(await values()).toEqual([1, 2]);
    expect(db.stats().commits).toBe(before + 1);
  });

  test('stats count the transactions of calls in flight one by one, however few commits carry them', async () => {
    const before = db.stats();
    await Promise.all(Array.from({ length: 20 }, (_, x) => insert(db, x)));
    const after = db.stats();
    expect(after.transactions - before.transactions).toBe(20);
    expect(after.commits - before.commits).toBeLessThanOrEqual(20);
    await db.all('SELECT x FROM t');
    expect(db.stats().transactions).toBe(after.transactions);
  });

  test('its function may be synchronous, and write nothing', async () => {
    const before = db.stats().commits;
    expect(await db.transaction(() => 5)).toBe(5);
    expect(db.stats().commits).toBe(before);
  });

  test('a throw rolls it back and comes out as it is', async () => {
    const error = new Error('mine');
    const failed = db.transaction(async (tx) => {
      await insert(tx, 1);
      throw error;
    });
    await expect(failed).rejects.toBe(error);
    await expect(
      db.transaction(() => {
        throw error;
      }),
    ).rejects.toBe(error);
    expect(await values()).toEqual([]);
    await insert(db, 2);
    expect(await values()).toEqual([2]);
  });

  test('an error of SQLite that is caught inside does not end it', async () => {
    await db.exec('CREATE UNIQUE INDEX t_x ON t (x)');
    await db.transaction(async (tx) => {
      await insert(tx, 1);
      expect((await rejection(insert(tx, 1))).extendedCode).toBe('SQLITE_CONSTRAINT_UNIQUE');
      await insert(tx, 2);
    });
    expect(await values()).toEqual([1, 2]);
  });

  test('a commit that is refused rejects, and nothing of it is there', async () => {
    await db.exec(`
      CREATE TABLE parents (id INTEGER PRIMARY KEY);
      CREATE TABLE children (parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
    `);
    const failed = db.transaction(async (tx) => {
      await insert(tx, 1);
      await tx.run('INSERT INTO children VALUES (5)');
    });
    expect((await rejection(failed)).extendedCode).toBe('SQLITE_CONSTRAINT_FOREIGNKEY');
    expect(await values()).toEqual([]);
    await insert(db, 2);
    expect(await values()).toEqual([2]);
  });

  test('transactions and calls of the database wait for each other, first come first served', async () => {
    const order = [];
    const one = db.transaction(async (tx) => {
      order.push('one begins');
      await insert(tx, 1);
      await insert(tx, 2);
      order.push('one ends');
    });
    const between = db.get('SELECT count(*) AS count FROM t');
    const other = db.transaction(async (tx) => {
      order.push('other begins');
      await insert(tx, 3);
    });
    await Promise.all([one, other]);
    expect(order).toEqual(['one begins', 'one ends', 'other begins']);
    expect(await between).toEqual({ count: 2 });
    expect(await values()).toEqual([1, 2, 3]);
  });

  test('calls of a transaction need not be awaited before it ends', async () => {
    let late;
    await db.transaction((tx) => {
      late = [insert(tx, 1), insert(tx, 2)];
    });
    await Promise.all(late);
    expect(await values()).toEqual([1, 2]);
  });

  describe('after the end', () => {
    test.each([
      ['committed', async () => {}],
      [
        'rolled back',
        async () => {
          throw new Error('mine');
        },
      ],
    ])('of one that was %s, its methods reject', async (_name, end) => {
      let tx;
      let statement;
      let iterator;
      const ended = db.transaction(async (open_) => {
        tx = open_;
        statement = await tx.prepare('SELECT 1');
        iterator = tx.iterate('VALUES (1), (2)');
        await iterator.next();
        await end();
      });
      await ended.catch(() => {});
      const calls = [
        tx.exec('SELECT 1'),
        tx.run('SELECT 1'),
        tx.get('SELECT 1'),
        tx.all('SELECT 1'),
        tx.prepare('SELECT 1'),
        tx.batch(['SELECT 1']),
        tx.transaction(() => {}),
        tx.iterate('SELECT 1').next(),
        statement.all(),
        iterator.next(),
      ];
      for (const call of calls) {
        expect(await rejection(call)).toMatchObject({
          code: 'ERR_CLOSED',
          message: 'The transaction is over',
        });
      }
    });
  });

  describe('inside a transaction', () => {
    test('every method works', async () => {
      await db.transaction(async (tx) => {
        await tx.exec('INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)');
        const statement = await tx.prepare('SELECT x FROM t WHERE x > ?');
        expect(await statement.all([1])).toEqual([{ x: 2 }]);
        const [{ changes }] = await tx.batch(['INSERT INTO t VALUES (3)']);
        expect(changes).toBe(1);
        const seen = [];
        for await (const { x } of tx.iterate('SELECT x FROM t ORDER BY x')) {
          seen.push(x);
          await insert(tx, x * 10);
          if (x === 2) {
            break;
          }
        }
        expect(seen).toEqual([1, 2]);
        expect(await tx.get('SELECT sum(x) AS sum FROM t')).toEqual({ sum: 36 });
      });
      expect(await values()).toEqual([1, 2, 3, 10, 20]);
    });

    test('a batch that fails leaves the rest', async () => {
      await db.transaction(async (tx) => {
        await insert(tx, 1);
        const failed = tx.batch(['INSERT INTO t VALUES (2)', 'SELECT * FROM missing']);
        expect(await rejection(failed)).toMatchObject({ code: 'SQLITE_ERROR', statement: 1 });
        await insert(tx, 3);
      });
      expect(await values()).toEqual([1, 3]);
    });

    test('another one is a savepoint', async () => {
      await db.transaction(async (tx) => {
        await insert(tx, 1);
        const failed = tx.transaction(async (inner) => {
          await insert(inner, 2);
          await inner.transaction((innermost) => insert(innermost, 3));
          throw new Error('mine');
        });
        await expect(failed).rejects.toThrow('mine');
        expect(await tx.transaction((inner) => insert(inner, 4).then(() => 'inner'))).toBe('inner');
        await insert(tx, 5);
      });
      expect(await values()).toEqual([1, 4, 5]);
    });

    test('what an inner one has committed goes when the outer one is rolled back', async () => {
      const failed = db.transaction(async (tx) => {
        await tx.transaction((inner) => insert(inner, 1));
        throw new Error('mine');
      });
      await expect(failed).rejects.toThrow('mine');
      expect(await values()).toEqual([]);
    });

    test('calls of the outer one wait for the inner one', async () => {
      await db.transaction(async (tx) => {
        const inner = tx.transaction(async (innermost) => {
          await insert(innermost, 1);
          await insert(innermost, 2);
        });
        const count = tx.get('SELECT count(*) AS count FROM t');
        await inner;
        expect(await count).toEqual({ count: 2 });
      });
    });
  });

  test.each(['deferred', 'immediate', 'exclusive'])('a transaction may be %s', async (behavior) => {
    await db.transaction((tx) => insert(tx, 1), { behavior });
    expect(await values()).toEqual([1]);
  });

  describe('past its deadline', () => {
    test('a transaction is rolled back and the calls behind it go on', async () => {
      let behind;
      let calls;
      const failed = db.transaction(
        async (tx) => {
          await insert(tx, 1);
          // A deadlock that nobody can foresee.
          behind = outside(() => insert(db, 2));
          await behind;
          calls = await Promise.allSettled([insert(tx, 3), insert(tx, 4)]);
        },
        { timeoutMs: 50 },
      );
      const error = await rejection(failed);
      const words =
        /open for 50 ms.*rolled back; 1 call from outside of it waited for its end: "INSERT INTO t VALUES \(\?\)"/;
      expect(error).toMatchObject({ code: 'ERR_CLOSED', message: expect.stringMatching(words) });
      expect(calls.map(({ reason }) => reason)).toEqual([error, error]);
      await behind;
      expect(await values()).toEqual([2]);
    });

    test('the limit is that of the database unless it has its own', async () => {
      const impatient = await store.openDatabase('b', { transactionTimeoutMs: 50 });
      await impatient.exec('CREATE TABLE t (x INTEGER)');
      const failed = impatient.transaction(() => sleep(200));
      expect((await rejection(failed)).message).toMatch(
        /^the transaction was open for 50 ms, .*rolled back$/,
      );
      const patient = impatient.transaction((tx) => sleep(200).then(() => insert(tx, 1)), {
        timeoutMs: 30_000,
      });
      expect((await patient).changes).toBe(1);
    });

    test('a call that waits in it is told the same', async () => {
      const failed = db.transaction(
        async (tx) => {
          const inner = tx.transaction(() => sleep(200));
          const [waited] = await Promise.allSettled([insert(tx, 1), inner]);
          expect(waited.reason).toMatchObject({
            code: 'ERR_CLOSED',
            message: expect.stringContaining('open for 50 ms'),
          });
        },
        { timeoutMs: 50 },
      );
      expect((await rejection(failed)).message).toContain('open for 50 ms');
    });

    test('a statement that runs is interrupted', async () => {
      const endless =
        'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n';
      const failed = db.transaction((tx) => tx.get(endless), { timeoutMs: 50 });
      const error = await rejection(failed);
      expect(error).toMatchObject({ code: 'ERR_CLOSED', message: expect.stringContaining('open for 50 ms') });
      expect(await values()).toEqual([]);
    });
  });

  describe('close', () => {
    test('lets a transaction under way finish, and one that waits', async () => {
      let closing;
      const first = db.transaction(async (tx) => {
        await insert(tx, 1);
        closing = db.close();
        expect((await rejection(insert(db, 9))).code).toBe('ERR_CLOSED');
        await insert(tx, 2);
      });
      const second = db.transaction((tx) => insert(tx, 3));
      await first;
      await second;
      await closing;
      db = await store.openDatabase('a');
      expect(await values()).toEqual([1, 2, 3]);
    });

    test('waits for a transaction no longer than to its deadline', async () => {
      const failed = db.transaction(
        async (tx) => {
          await insert(tx, 1);
          // Another deadlock: the closing waits for this transaction.
          await db.close();
        },
        { timeoutMs: 50 },
      );
      expect((await rejection(failed)).code).toBe('ERR_CLOSED');
      db = await store.openDatabase('a');
      expect(await values()).toEqual([]);
    });
  });

  describe('a transaction by hand', () => {
    test('with BEGIN and COMMIT is open between calls', async () => {
      await db.exec('BEGIN');
      await insert(db, 1);
      await db.exec('ROLLBACK');
      await db.exec('BEGIN');
      await insert(db, 2);
      await db.exec('COMMIT');
      expect(await values()).toEqual([2]);
    });

    test('that is ended inside of transaction() makes it reject', async () => {
      const failed = db.transaction(async (tx) => {
        await insert(tx, 1);
        await tx.exec('ROLLBACK');
        await insert(tx, 2);
      });
      expect((await rejection(failed)).code).toBe('ERR_CLOSED');
      expect(await values()).toEqual([]);
    });
  });
});

test('a transaction is not made with new', () => {
  expect(() => new Transaction()).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG' }));
});

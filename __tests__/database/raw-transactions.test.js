// Transactions that are begun by statements: their deadline, and what is said about writes that are lost with them.

'use strict';

const { setTimeout: sleep } = require('node:timers/promises');

const { Store } = require('../..');
const { onEachBackend, rejection } = require('../helpers.js');

const ENDLESS = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS n FROM n';
const DEADLINE_MS = 50;
/** How many calls, 5 ms apart, may find a transaction open whose deadline is over. */
const PATIENCE = 600;

onEachBackend((open) => {
  let store;
  let db;
  beforeEach(async () => {
    store = await open();
    const made = await store.openDatabase('a');
    await made.exec('CREATE TABLE t (x INTEGER)');
    await made.close();
    db = await store.openDatabase('a', { transactionTimeoutMs: DEADLINE_MS });
  });

  const insert = (queries, x) => queries.run('INSERT INTO t VALUES (?)', [x]);
  const values = async () => (await db.all('SELECT x FROM t ORDER BY x')).map(({ x }) => x);

  /** Calls until the deadline has come. The answer is what is said then. */
  async function lost(database = db) {
    for (let call = 0; call < PATIENCE; call += 1) {
      try {
        await database.get('SELECT 1');
      } catch (error) {
        return await rejection(Promise.reject(error));
      }
      await sleep(5);
    }
    throw new Error('the transaction stays open');
  }

  /** Begins, writes, and lets the deadline come. */
  async function lose(begin = 'BEGIN') {
    await db.exec(begin);
    await insert(db, 1);
    return await lost();
  }

  test.each(['BEGIN', 'BEGIN IMMEDIATE', 'SAVEPOINT s'])('%s has a deadline, and says so', async (begin) => {
    const error = await lose(begin);
    expect(error).toMatchObject({ code: 'ERR_CLOSED', retryable: false });
    expect(error.message).toContain(`open for ${DEADLINE_MS} ms`);
    expect(error.message).toContain('transaction(fn)');
    await db.exec('ROLLBACK');
    expect(await values()).toEqual([]);
  });

  test('until somebody ends what is gone, nothing runs outside of it', async () => {
    await lose();
    const calls = [
      () => insert(db, 2),
      () => db.exec('INSERT INTO t VALUES (2)'),
      () => db.all('INSERT INTO t VALUES (2) RETURNING x'),
      () => db.batch(['INSERT INTO t VALUES (2)']),
      () => db.transaction((tx) => insert(tx, 2)),
      () => db.iterate('SELECT x FROM t').next(),
      () => db.exec('BEGIN'),
    ];
    for (const call of calls) {
      expect(await rejection(call())).toMatchObject({ code: 'ERR_CLOSED' });
    }
    // Whoever began it learns that its writes are gone, and the database goes on.
    expect(await rejection(db.exec('COMMIT'))).toMatchObject({ code: 'ERR_CLOSED' });
    await insert(db, 3);
    expect(await values()).toEqual([3]);
  });

  test.each([
    ['exec', () => db.exec('ROLLBACK')],
    ['exec, with more behind it', () => db.exec('ROLLBACK; BEGIN; COMMIT')],
    ['run', () => db.run('-- over\nROLLBACK TRANSACTION')],
    ['Statement.run', async () => (await db.prepare('ROLLBACK')).run()],
  ])('ROLLBACK by %s does what it says', async (_name, rollback) => {
    await lose();
    await rollback();
    await insert(db, 3);
    expect(await values()).toEqual([3]);
  });

  test.each(['RELEASE s', 'ROLLBACK TO s', 'END'])('%s is told, and the database goes on', async (end) => {
    await lose('SAVEPOINT s');
    expect(await rejection(db.exec(end))).toMatchObject({ code: 'ERR_CLOSED' });
    await insert(db, 3);
    expect(await values()).toEqual([3]);
  });

  test('one call may have as much time as it takes', async () => {
    // Longer than the deadline.
    const work =
      'INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT count(*) FROM n;';
    await db.exec(`BEGIN; ${work} SAVEPOINT s; RELEASE s; COMMIT`);
    expect(await values()).toEqual([3_000_000]);
    await insert(db, 1);
    expect(await values()).toEqual([1, 3_000_000]);
  });

  test('the deadline interrupts what runs inside, and ends what is open there', async () => {
    await db.exec('BEGIN');
    await insert(db, 1);
    let kept;
    const inner = db.transaction(
      async (tx) => {
        kept = tx;
        await tx.get(ENDLESS);
      },
      { timeoutMs: 3_600_000 },
    );
    expect(['ERR_ABORTED', 'ERR_CLOSED']).toContain((await rejection(inner)).code);
    expect((await rejection(kept.get('SELECT 1'))).code).toBe('ERR_CLOSED');
    await lost();
    await db.exec('ROLLBACK');
    expect(await values()).toEqual([]);
  });

  test('an iteration inside ends with it', async () => {
    await db.exec('BEGIN');
    const rows = db.iterate(ENDLESS.replace('count(*) AS n', 'i, zeroblob(100000) AS pad'));
    await rows.next();
    await lost();
    await expect(
      (async () => {
        for await (const row of rows) void row;
      })(),
    ).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  describe('close', () => {
    beforeEach(async () => {
      await db.close();
      db = await store.openDatabase('a');
    });

    test('says that writes are lost which no COMMIT has followed', async () => {
      await db.exec('BEGIN');
      await insert(db, 1);
      const error = await rejection(db.close());
      expect(error.code).toBe('ERR_CLOSED');
      expect(error.message).toContain('COMMIT');
      expect((await rejection(db.get('SELECT 1'))).code).toBe('ERR_CLOSED');
      db = await store.openDatabase('a');
      expect(await values()).toEqual([]);
    });

    test('says so after the deadline, too, if nobody has heard of it', async () => {
      await db.close();
      db = await store.openDatabase('a', { transactionTimeoutMs: DEADLINE_MS });
      await lose();
      expect((await rejection(db.close())).message).toContain('COMMIT');
    });

    test.each([
      ['nothing was written', 'BEGIN; SELECT x FROM t'],
      ['it was committed', 'BEGIN; INSERT INTO t VALUES (1); COMMIT'],
      ['it was rolled back', 'BEGIN; INSERT INTO t VALUES (1); ROLLBACK'],
      ['a savepoint was released', 'SAVEPOINT s; INSERT INTO t VALUES (1); RELEASE s'],
    ])('has nothing to say if %s', async (_name, sql) => {
      await db.exec(sql);
      await db.close();
    });
  });

  test('a database that only reads lets go of what it holds on to', async () => {
    const reader = await store.openDatabase('a', { readOnly: true, transactionTimeoutMs: DEADLINE_MS });
    await reader.exec('BEGIN; SELECT x FROM t');
    expect((await lost(reader)).code).toBe('ERR_CLOSED');
    // It wrote nothing.
    await reader.close();
  });
});

test('closing the store says so, and closes it all the same', async () => {
  const store = await Store.open({ memory: true });
  const [one, other] = await Promise.all(['a', 'b'].map((actorId) => store.openDatabase(actorId)));
  await one.exec('CREATE TABLE t (x INTEGER); BEGIN; INSERT INTO t VALUES (1)');
  expect((await rejection(store.close())).message).toContain('COMMIT');
  for (const call of [store.stat('a'), one.get('SELECT 1'), other.get('SELECT 1')]) {
    expect((await rejection(call)).code).toBe('ERR_CLOSED');
  }
});

'use strict';

const { setTimeout: sleep } = require('node:timers/promises');

const { Store } = require('../..');
const { DurableObjectStorage, SqlCursor, durableObjectStorage } = require('../../adapters/durable-object.js');
const { onEachBackend, onEachSharedBackend, rejection, runNode } = require('../helpers.js');

async function open(store, options) {
  const db = await store.openDatabase('a');
  const storage = durableObjectStorage(db, options);
  await storage.sql.exec("CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three')");
  return { db, storage, sql: storage.sql };
}

const QUERY = 'SELECT a, b FROM t ORDER BY rowid';
const ROWS = [
  { a: 1, b: 'one' },
  { a: 2, b: 'two' },
  { a: 3, b: 'three' },
];

onEachBackend((openStore) => {
  test('an awaited cursor answers at once', async () => {
    const { sql } = await open(await openStore());
    const cursor = await sql.exec(QUERY);
    expect(cursor).toBeInstanceOf(SqlCursor);
    expect(cursor).toMatchObject({ columnNames: ['a', 'b'], rowsRead: 3, rowsWritten: 0 });
    expect(cursor.next()).toEqual({ done: false, value: ROWS[0] });
    expect(cursor.toArray()).toEqual(ROWS.slice(1));
    expect(cursor.next()).toEqual({ done: true, value: undefined });
    expect([...(await sql.exec(QUERY))]).toEqual(ROWS);
    const mixed = await sql.exec(QUERY);
    for (const row of mixed) {
      expect(row).toEqual(ROWS[0]);
      break;
    }
    const raw = mixed.raw();
    expect(raw.next().value).toEqual([2, 'two']);
    expect(mixed.one()).toEqual(ROWS[2]);
    expect((await sql.exec(QUERY)).raw().toArray()).toEqual(ROWS.map(Object.values));
  });

  test('bookmarks name states, and a restore ends the session', async () => {
    const store = await openStore();
    const { db, storage, sql } = await open(store, { store });
    await store.setHistory('a', { keepAll: '1h' });
    const bookmark = await storage.getCurrentBookmark();
    expect(bookmark).toBe(await db.point());
    expect(await storage.getBookmarkForTime(Date.now() + 1_000)).toBe(bookmark);
    await sql.exec('DELETE FROM t');
    const undo = await storage.onNextSessionRestoreBookmark(bookmark);
    expect((await rejection(sql.exec('INSERT INTO t VALUES (4, NULL)').one())).code).toBe(
      'ERR_FENCE_MISMATCH',
    );
    const next = durableObjectStorage(await store.openDatabase('a'), { store });
    expect(await next.sql.exec(QUERY).toArray()).toEqual(ROWS);
    await next.onNextSessionRestoreBookmark(undo);
    const last = durableObjectStorage(await store.openDatabase('a'));
    expect(await last.sql.exec(QUERY).toArray()).toEqual([]);
    expect((await rejection(last.getBookmarkForTime(0))).message).toContain('{ store }');
    expect((await rejection(next.getBookmarkForTime('noon'))).code).toBe('ERR_INVALID_ARG');
    expect(() => durableObjectStorage(db, { store: {} })).toThrow(/options.store/);
  });

  test('a cursor that is not awaited has promises', async () => {
    const { sql } = await open(await openStore());
    expect(await sql.exec(QUERY).toArray()).toEqual(ROWS);
    expect(await sql.exec(`${QUERY} LIMIT ?`, 1).one()).toEqual(ROWS[0]);
    expect(await sql.exec(QUERY).raw().toArray()).toEqual(ROWS.map(Object.values));
    const seen = [];
    for await (const row of sql.exec(QUERY)) {
      seen.push(row);
    }
    for await (const row of sql.exec(QUERY).raw()) {
      seen.push(row);
    }
    expect(seen).toEqual([...ROWS, ...ROWS.map(Object.values)]);
    expect((await sql.exec(QUERY).next()).value).toEqual(ROWS[0]);
    const pending = sql.exec(QUERY);
    expect(() => pending.rowsRead).toThrow(/await/);
    expect(() => pending.columnNames).toThrow(/await/);
    expect(() => pending.rowsWritten).toThrow(/await/);
    let ended = false;
    await pending.finally(() => {
      ended = true;
    });
    expect(ended).toBe(true);
  });

  test('one() is for exactly one row', async () => {
    const { sql } = await open(await openStore());
    expect((await rejection(sql.exec('SELECT 1 WHERE 0').one())).message).toMatch(/none/);
    expect((await rejection(sql.exec(QUERY).one())).message).toMatch(/answered 3/);
    const cursor = await sql.exec(QUERY);
    expect(() => cursor.one()).toThrow(/answered 3/);
    expect(cursor.toArray()).toEqual([]);
  });

  test('several statements are one transaction, and the last one has the bindings and the rows', async () => {
    const { db, sql } = await open(await openStore());
    const commits = db.stats().commits;
    const cursor = await sql.exec(
      `CREATE TABLE log (x); CREATE TRIGGER log_t AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.a); END;
       INSERT INTO t VALUES (4, ';'); -- a comment; with a semicolon
       INSERT INTO t VALUES (?, ?), (6, 'six') RETURNING a;`,
      5,
      "it's",
    );
    expect(cursor.toArray()).toEqual([{ a: 5 }, { a: 6 }]);
    expect(cursor.rowsWritten).toBe(3);
    expect(db.stats().commits).toBe(commits + 1);
    expect(await sql.exec('SELECT x FROM log').raw().toArray()).toEqual([[4], [5], [6]]);
    const error = await rejection(sql.exec('DELETE FROM t; SELECT * FROM nowhere'));
    expect(error).toMatchObject({ code: 'SQLITE_ERROR', statement: 1 });
    expect(await sql.exec('SELECT count(*) AS n FROM t').one()).toEqual({ n: 6 });
    expect((await rejection(sql.exec('-- nothing'))).code).toBe('ERR_INVALID_ARG');
    expect((await rejection(sql.exec(7))).message).toMatch(/query/);
    expect((await rejection(sql.exec('SELECT ?, ?', 1))).code).toBe('ERR_INVALID_ARG');
    expect((await rejection(sql.exec('BEGIN'))).code).toBe('SQLITE_ERROR');
  });

  test('values are those of a Durable Object, and large integers are not rounded', async () => {
    const { db, sql } = await open(await openStore());
    const { bytes, ...rest } = await sql
      .exec(
        'SELECT ? AS bytes, ? AS missing, ? AS yes, 0.5 AS half',
        new Uint8Array([9, 1, 2]).subarray(1),
        undefined,
        true,
      )
      .one();
    expect(Object.prototype.toString.call(bytes)).toBe('[object ArrayBuffer]');
    expect([...new Uint8Array(bytes)]).toEqual([1, 2]);
    expect(rest).toEqual({ missing: null, yes: 1, half: 0.5 });
    expect(await rejection(sql.exec('SELECT ?', 2n ** 53n))).toMatchObject({
      code: 'ERR_OUT_OF_RANGE',
      message: expect.stringMatching(/largeIntegers: 'bigint'.*durableObjectStorage/),
    });
    const wide = durableObjectStorage(db, { largeIntegers: 'bigint' });
    expect(await wide.sql.exec('SELECT ? AS x, 1 AS y', 2n ** 53n).one()).toEqual({ x: 2n ** 53n, y: 1 });
    expect(await sql.databaseSize).toBe(2 * 4096);
  });

  test('a PRAGMA that a transaction passes over in silence is refused, with the reason', async () => {
    const { db, sql } = await open(await openStore());
    for (const query of ['PRAGMA foreign_keys = OFF', 'SELECT 1; PRAGMA foreign_keys = 0']) {
      const { code, message } = await rejection(sql.exec(query));
      expect({ code, message }).toEqual({
        code: 'SQLITE_ERROR',
        message: expect.stringMatching(/foreign_keys.*transaction.*defer_foreign_keys/),
      });
    }
    expect(await db.get('PRAGMA foreign_keys')).toEqual({ foreign_keys: 1 });
    expect(await sql.exec('PRAGMA foreign_keys').one()).toEqual({ foreign_keys: 1 });
    // What a Durable Object's own code does instead.
    await sql.exec(`
      CREATE TABLE parent (id INTEGER PRIMARY KEY); CREATE TABLE child (id REFERENCES parent);
      PRAGMA defer_foreign_keys = ON; INSERT INTO child VALUES (1); INSERT INTO parent VALUES (1)
    `);
    await sql.exec('DELETE FROM t ORDER BY a DESC LIMIT 1');
    expect(await sql.exec('SELECT a FROM t').raw().toArray()).toEqual([[1], [2]]);
  });

  test('queries run in the order in which they were made, awaited or not', async () => {
    const { storage, sql } = await open(await openStore());
    sql.exec("INSERT INTO t VALUES (4, 'four')");
    sql.exec("UPDATE t SET b = 'vier' WHERE a = 4");
    await storage.sync();
    expect(await sql.exec('SELECT b FROM t WHERE a = 4').one()).toEqual({ b: 'vier' });
  });

  test('inside of a transaction the storage means the transaction', async () => {
    const { storage, sql } = await open(await openStore());
    const count = async () => (await sql.exec('SELECT count(*) AS n FROM t').one()).n;
    let outside;
    const helper = async (a) => {
      await sleep(1);
      await sql.exec('INSERT INTO t VALUES (?, NULL)', a);
    };
    const inside = storage.transaction(async (txn) => {
      await helper(4);
      await txn.sql.exec('INSERT INTO t VALUES (5, NULL)');
      await storage
        .transaction(async () => {
          await helper(6);
          throw new Error('inner');
        })
        .catch((error) => expect(error.message).toBe('inner'));
      await sleep(10);
      return await count();
    });
    outside = count();
    expect(await Promise.all([inside, outside])).toEqual([5, 5]);
    await expect(
      storage.transaction(async () => {
        await helper(7);
        throw new Error('outer');
      }),
    ).rejects.toThrow('outer');
    expect(await count()).toBe(5);
    const answer = await storage.transaction(async (txn) => {
      await helper(8);
      txn.rollback();
      return (await rejection(count())).code;
    });
    expect(answer).toBe('ERR_CLOSED');
    expect(await count()).toBe(5);
    expect(() => storage.transactionSync(() => {})).toThrow(/transaction\(async/);
    expect((await rejection(storage.transaction(7))).code).toBe('ERR_INVALID_ARG');
  });

  test('what a transaction leaves behind goes on without it', async () => {
    const { storage, sql } = await open(await openStore());
    const insert = (a) => sql.exec('INSERT INTO t VALUES (?, NULL)', a);
    const numbers = async () =>
      (await sql.exec('SELECT a FROM t WHERE a > 3 ORDER BY rowid').raw().toArray()).flat();
    let goOn;
    let left;
    let handle;
    const leave = (a) => {
      const end = new Promise((resolve) => {
        goOn = resolve;
      });
      left = end.then(async () => {
        await insert(a);
        await storage.put('left', a);
        await storage.transaction(() => insert(a + 1));
      });
    };
    await storage.transaction(async (txn) => {
      handle = txn;
      await insert(4);
      leave(5);
    });
    goOn();
    await left;
    expect(await numbers()).toEqual([4, 5, 6]);
    expect(await storage.get('left')).toBe(5);

    // Its handle is another matter: it means the transaction for good.
    expect((await rejection(handle.get('left'))).code).toBe('ERR_CLOSED');
    expect((await rejection(handle.put('left', 6))).code).toBe('ERR_CLOSED');
    expect(() => handle.rollback()).toThrow(/over/);

    // Where the transaction is rolled back, too.
    await storage
      .transaction(async () => {
        await insert(7);
        leave(8);
        throw new Error('no');
      })
      .catch((error) => expect(error.message).toBe('no'));
    goOn();
    await left;
    expect(await numbers()).toEqual([4, 5, 6, 8, 9]);

    // What an inner one leaves belongs to the outer one.
    await storage.transaction(async (txn) => {
      await storage.transaction(async () => leave(10));
      goOn();
      await left;
      txn.rollback();
    });
    expect(await numbers()).toEqual([4, 5, 6, 8, 9]);
  });

  test('keys and values', async () => {
    const { db, storage } = await open(await openStore());
    expect(await storage.get('a')).toBe(undefined);
    const value = { list: [1, 'x', null], when: new Date(5), big: 2n ** 70n };
    await storage.put('a', value);
    expect(await storage.get('a')).toEqual(value);
    const commits = db.stats().commits;
    await storage.put({ 'b:1': 1, 'b:2': 2, 'b\uffff': 3, 'b\u{10ffff}x': 4, c: false });
    expect(db.stats().commits).toBe(commits + 1);
    const keys = async (options) => [...(await storage.list(options)).keys()];
    expect(await keys()).toEqual(['a', 'b:1', 'b:2', 'b\uffff', 'b\u{10ffff}x', 'c']);
    expect(await keys({ prefix: 'b' })).toEqual(['b:1', 'b:2', 'b\uffff', 'b\u{10ffff}x']);
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

  test('a closed database, and arguments that are wrong', async () => {
    const { db, storage, sql } = await open(await openStore());
    expect(() => durableObjectStorage({})).toThrow(/database/);
    expect(() => durableObjectStorage(db, { large: 1 })).toThrow(/large/);
    expect(() => new DurableObjectStorage(db, { largeIntegers: 'x' })).toThrow(/largeIntegers/);
    const before = await sql.exec(QUERY);
    await db.close();
    expect(before.toArray()).toEqual(ROWS);
    expect((await rejection(sql.exec(QUERY))).code).toBe('ERR_CLOSED');
    expect((await rejection(sql.exec(QUERY).toArray())).code).toBe('ERR_CLOSED');
    expect((await rejection(sql.exec(QUERY).raw().next())).code).toBe('ERR_CLOSED');
    expect((await rejection(sql.databaseSize)).code).toBe('ERR_CLOSED');
    expect((await rejection(storage.transaction(async () => {}))).code).toBe('ERR_CLOSED');
  });
});

onEachSharedBackend((place) => {
  test('an owner that was taken over finds out', async () => {
    const options = place();
    const [one, two] = [await Store.open(options), await Store.open(options)];
    try {
      const { storage, sql } = await open(one);
      const newer = await two.openDatabase('a');
      const late = storage.transaction(() => sql.exec('INSERT INTO t VALUES (4, NULL)'));
      expect((await rejection(late)).code).toBe('ERR_FENCE_MISMATCH');
      expect((await rejection(sql.exec('INSERT INTO t VALUES (4, NULL)').one())).code).toBe(
        'ERR_FENCE_MISMATCH',
      );
      expect(await newer.get('SELECT count(*) AS n FROM t')).toEqual({ n: 3 });
    } finally {
      await Promise.all([one.close(), two.close()]);
    }
  });
});

test('a query that fails and that nobody waits for is an unhandled rejection', async () => {
  const program = `
    const { Store } = require('batondb');
    const { durableObjectStorage } = require('batondb/durable-object');
    process.on('unhandledRejection', ({ code }) => { console.log(code); process.exit(0); });
    Store.open({ memory: true }).then(async (store) => {
      durableObjectStorage(await store.openDatabase('a')).sql.exec('SELECT * FROM nowhere');
    });
    setTimeout(() => {}, 5_000).unref();
  `;
  expect((await runNode('-e', program)).stdout).toBe('SQLITE_ERROR\n');
});

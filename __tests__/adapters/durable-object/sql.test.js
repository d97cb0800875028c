'use strict';

const { tracingChannel } = require('node:diagnostics_channel');

const { Store } = require('../../..');
const {
  DurableObjectStorage,
  SqlCursor,
  durableObjectStorage,
} = require('../../../adapters/durable-object.js');
const { onEachBackend, onEachSharedBackend, rejection, runNode } = require('../../helpers.js');
const { QUERY, ROWS, fill, open, thrown } = require('./support.js');

const ENDLESS = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n';

onEachBackend((openStore) => {
  test('exec returns a cursor whose methods answer at once', async () => {
    const { sql } = await open(await openStore());
    const cursor = sql.exec(QUERY);
    expect(cursor).toBeInstanceOf(SqlCursor);
    expect(cursor).toMatchObject({ columnNames: ['a', 'b'], rowsRead: 3, rowsWritten: 0 });
    expect(cursor.next()).toEqual({ done: false, value: ROWS[0] });
    expect(cursor.toArray()).toEqual(ROWS.slice(1));
    expect(cursor.next()).toEqual({ done: true, value: undefined });
    expect([...sql.exec(QUERY)]).toEqual(ROWS);
    expect([...sql.exec(QUERY).raw()]).toEqual(ROWS.map(Object.values));
    expect(sql.exec(QUERY).raw().toArray()).toEqual(ROWS.map(Object.values));
    expect(sql.exec(`${QUERY} LIMIT ?`, 1).one()).toEqual(ROWS[0]);
    expect(sql.exec('UPDATE t SET b = b').columnNames).toEqual([]);
  });

  test('a loop that was left goes on where it was, and raw rows with it', async () => {
    const { sql } = await open(await openStore());
    const cursor = sql.exec(QUERY);
    for (const row of cursor) {
      expect(row).toEqual(ROWS[0]);
      break;
    }
    expect(cursor.raw().next().value).toEqual([2, 'two']);
    expect(cursor.one()).toEqual(ROWS[2]);
    expect([...cursor]).toEqual([]);
  });

  test('columns of the same name: all of them in raw rows, the last one in objects', async () => {
    const { sql } = await open(await openStore());
    const query = 'SELECT 1 AS x, 2 AS x, 3 AS __proto__';
    expect(sql.exec(query).columnNames).toEqual(['x', 'x', '__proto__']);
    expect(sql.exec(query).raw().toArray()).toEqual([[1, 2, 3]]);
    const row = sql.exec(query).one();
    expect([Object.keys(row), row.x]).toEqual([['x', '__proto__'], 2]);
  });

  test('iterators have the methods that JavaScript gives them', async () => {
    const { sql } = await open(await openStore());
    const prototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
    expect(prototype.isPrototypeOf(sql.exec(QUERY))).toBe(true);
    expect(prototype.isPrototypeOf(sql.exec(QUERY).raw())).toBe(true);
  });

  test('code that awaits works as well', async () => {
    const { sql } = await open(await openStore());
    expect(await sql.exec(QUERY).toArray()).toEqual(ROWS);
    expect((await sql.exec(QUERY)).one).toBeInstanceOf(Function);
    expect((await sql.exec(QUERY)).raw().toArray()).toEqual(ROWS.map(Object.values));
    const seen = [];
    for await (const row of sql.exec(QUERY)) seen.push(row);
    for await (const row of sql.exec(QUERY).raw()) seen.push(row);
    expect(seen).toEqual([...ROWS, ...ROWS.map(Object.values)]);
    expect(await sql.databaseSize).toBe(2 * 4096);
    const error = await rejection((async () => await sql.exec('SELECT * FROM nowhere').toArray())());
    expect(error.code).toBe('SQLITE_ERROR');
  });

  test('one() is for exactly one row', async () => {
    const { sql } = await open(await openStore());
    expect(thrown(() => sql.exec('SELECT 1 WHERE 0').one()).message).toMatch(/none/);
    const cursor = sql.exec(QUERY);
    expect(thrown(() => cursor.one()).message).toMatch(/answered 3/);
    expect(cursor.toArray()).toEqual([]);
    fill(sql);
    const large = sql.exec('SELECT * FROM big');
    expect(thrown(() => large.one()).message).toMatch(/answered more than \d+/);
    expect(large.toArray()).toEqual([]);
    sql.exec('DROP TABLE big');
  });

  test('several statements are one transaction, and the last one has the bindings and the rows', async () => {
    const { db, storage, sql } = await open(await openStore());
    await storage.sync();
    const commits = db.stats().commits;
    const cursor = sql.exec(
      `CREATE TABLE log (x); CREATE TRIGGER log_t AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.a); END;
       INSERT INTO t VALUES (4, ';'); -- a comment; with a semicolon
       INSERT INTO t VALUES (?, ?), (6, 'six') RETURNING a;`,
      5,
      "it's",
    );
    expect(cursor.toArray()).toEqual([{ a: 5 }, { a: 6 }]);
    expect(cursor.rowsWritten).toBe(3);
    await storage.sync();
    expect(db.stats().commits).toBe(commits + 1);
    expect(sql.exec('SELECT x FROM log').raw().toArray()).toEqual([[4], [5], [6]]);
    expect(thrown(() => sql.exec('DELETE FROM t; SELECT * FROM nowhere'))).toMatchObject({
      code: 'SQLITE_ERROR',
      statement: 1,
    });
    expect(sql.exec('SELECT count(*) AS n FROM t').one()).toEqual({ n: 6 });
    expect(sql.exec("SELECT ';' AS x;").one()).toEqual({ x: ';' });
    expect(sql.exec('SELECT 1; SELECT ? AS x', 2).toArray()).toEqual([{ x: 2 }]);
    expect(sql.exec('WITH c(x) AS (SELECT 1) SELECT x FROM c; SELECT 3 AS y; -- end').one()).toEqual({
      y: 3,
    });
  });

  test('what is wrong is refused, and nothing is done', async () => {
    const { sql } = await open(await openStore());
    for (const query of ['-- nothing', '', ';']) {
      expect(thrown(() => sql.exec(query)).code).toBe('ERR_INVALID_ARG');
    }
    expect(thrown(() => sql.exec(7)).message).toMatch(/query/);
    expect(thrown(() => sql.exec('SELECT ?, ?', 1)).code).toBe('ERR_INVALID_ARG');
    expect(thrown(() => sql.exec("SELECT ';', ?")).code).toBe('ERR_INVALID_ARG');
    expect(thrown(() => sql.exec('SELECT ?', Symbol('x'))).code).toBe('ERR_INVALID_ARG');
    for (const query of ['BEGIN', ' /* now */ commit', '-- x\nSAVEPOINT s', 'ROLLBACK', 'END', 'RELEASE s']) {
      expect(thrown(() => sql.exec(query)).message).toMatch(/refused: use storage.transactionSync/);
    }
    expect(sql.exec(QUERY).toArray()).toEqual(ROWS);
  });

  test('values are those of a Durable Object, and large integers are not rounded', async () => {
    const { db, sql } = await open(await openStore());
    const { bytes, ...rest } = sql
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
    const cursor = sql.exec('SELECT ? AS x, 1 AS y UNION ALL SELECT 2, 3', 2n ** 53n);
    expect(thrown(() => cursor.next())).toMatchObject({
      code: 'ERR_OUT_OF_RANGE',
      message: expect.stringMatching(/largeIntegers: 'bigint'.*durableObjectStorage/),
    });
    expect(cursor.toArray()).toEqual([]);
    const wide = durableObjectStorage(db, { largeIntegers: 'bigint' });
    expect(wide.sql.exec('SELECT ? AS x, 1 AS y', 2n ** 53n).one()).toEqual({ x: 2n ** 53n, y: 1 });
  });

  test('databaseSize counts the pages that are in use', async () => {
    const { sql } = await open(await openStore());
    expect(sql.databaseSize).toBe(2 * 4096);
    sql.exec('CREATE TABLE more (x)');
    expect(sql.databaseSize).toBe(3 * 4096);
    sql.exec('DROP TABLE more');
    expect(sql.databaseSize).toBe(2 * 4096);
  });

  test('a closed database, and arguments that are wrong', async () => {
    const { db, storage, sql } = await open(await openStore());
    expect(() => durableObjectStorage({})).toThrow(/database/);
    const methods = ['run', 'get', 'all', 'iterate', 'batch', 'exec', 'transaction'];
    const old = Object.fromEntries(methods.map((name) => [name, () => {}]));
    expect(() => durableObjectStorage(old)).toThrow(/transactionSync/);
    expect(() => durableObjectStorage(db, { large: 1 })).toThrow(/large/);
    expect(() => new DurableObjectStorage(db, { largeIntegers: 'x' })).toThrow(/largeIntegers/);
    const before = sql.exec(QUERY);
    await db.close();
    expect(before.toArray()).toEqual(ROWS);
    expect(thrown(() => sql.exec(QUERY)).code).toBe('ERR_CLOSED');
    expect(thrown(() => sql.databaseSize).code).toBe('ERR_CLOSED');
    expect(thrown(() => storage.transactionSync(() => {})).code).toBe('ERR_CLOSED');
    expect(thrown(() => storage.kv.get('a')).code).toBe('ERR_CLOSED');
    expect((await rejection(storage.transaction(async () => {}))).code).toBe('ERR_CLOSED');
    expect((await rejection(storage.sync())).code).toBe('ERR_CLOSED');
  });

  test('each call is one event, which ends with its last row', async () => {
    const { sql } = await open(await openStore());
    fill(sql);
    const events = [];
    const { asyncEnd, error } = tracingChannel('batondb:sql');
    const ended = ({ operation, rowCount, changes }) => events.push([operation, rowCount, changes]);
    const failed = (event) => events.push(event.error.code);
    asyncEnd.subscribe(ended);
    error.subscribe(failed);
    try {
      sql.exec("UPDATE t SET b = b; INSERT INTO t VALUES (4, ';') RETURNING a");
      sql.exec('SELECT 1; SELECT 2');
      const cursor = sql.exec('SELECT id FROM big');
      expect(events.splice(0)).toEqual([
        ['batch', 1, 4],
        ['batch', 1, 0],
      ]);
      cursor.toArray();
      expect(events.splice(0)).toEqual([['batch', 20_000, 0]]);
      thrown(() => sql.exec('SELECT * FROM nowhere'));
      expect(events).toEqual(['SQLITE_ERROR', ['batch', undefined, undefined]]);
    } finally {
      asyncEnd.unsubscribe(ended);
      error.unsubscribe(failed);
    }
  });

  describe('a cursor of many rows', () => {
    test('reads them as it goes', async () => {
      const { sql } = await open(await openStore());
      const cursor = sql.exec(ENDLESS);
      const begun = cursor.rowsRead;
      let last;
      for (const { i } of cursor) {
        last = i;
        if (i === 50_000) break;
      }
      expect(last).toBe(50_000);
      expect(cursor.rowsRead).toBeGreaterThan(begun);
      expect(cursor.next().value).toEqual({ i: 50_001 });
    });

    test('stays valid while others run, and while the table changes', async () => {
      const { storage, sql } = await open(await openStore());
      fill(sql);
      const first = sql.exec('SELECT id FROM big ORDER BY id');
      const second = sql.exec('SELECT id FROM big ORDER BY id');
      let count = 0;
      for (const { id } of first) {
        count += Number(second.next().value.id === id);
        if (id % 5_000 === 0) {
          sql.exec('UPDATE big SET text = NULL WHERE id = ?', id);
          sql.exec('INSERT INTO t VALUES (?, NULL)', id);
          storage.kv.put('at', id);
          await storage.sync();
        }
      }
      expect([count, second.next().done, storage.kv.get('at')]).toEqual([20_000, true, 20_000]);
    });

    test('outlives the transaction that it was opened in', async () => {
      const { storage, sql } = await open(await openStore());
      fill(sql);
      const query = 'SELECT id FROM big ORDER BY id';
      const sum = (cursor) => cursor.toArray().reduce((total, { id }) => total + id, 0);
      const all = (20_000 * 20_001) / 2;
      let inner;
      let failed;
      const outer = storage.transactionSync(() => {
        sql.exec('DELETE FROM t');
        storage.transactionSync(() => {
          inner = sql.exec(query);
        });
        expect(() =>
          storage.transactionSync(() => {
            failed = sql.exec(query);
            throw new Error('no');
          }),
        ).toThrow('no');
        return sql.exec(query);
      });
      expect([sum(outer), sum(inner), sum(failed)]).toEqual([all, all, all]);
      const later = await storage.transaction(async () => {
        sql.exec("INSERT INTO t VALUES (9, 'nine')");
        return sql.exec(query);
      });
      expect(sum(later)).toBe(all);
      // One from outside goes on inside, and behind it.
      const around = sql.exec(query);
      await storage.transaction(async () => {
        for (let row = 0; row < 9_000; row += 1) around.next();
      });
      storage.transactionSync(() => {
        for (let row = 0; row < 9_000; row += 1) around.next();
      });
      expect(around.toArray().length).toBe(2_000);
    });

    test('that a loop has left is not read to its end when the transaction ends', async () => {
      const { storage, sql } = await open(await openStore());
      const read = (leave) =>
        storage.transactionSync(() => {
          const cursor = sql.exec(ENDLESS);
          leave(cursor);
          const { rowsRead } = cursor;
          return { cursor, rowsRead };
        });
      const kept = read((cursor) => cursor.next());
      expect(kept.cursor.rowsRead).toBeGreaterThan(kept.rowsRead);
      for (let row = 1; row < 5_000; row += 1) kept.cursor.next();
      expect(kept.cursor.next().value).toEqual({ i: 5_001 });
      const left = read((cursor) => {
        for (const { i } of cursor) if (i === 3) break;
      });
      expect(left.cursor.rowsRead).toBe(left.rowsRead);
      expect(left.cursor.next().value).toEqual({ i: 4 });
      expect(thrown(() => left.cursor.toArray()).code).toBe('ERR_CLOSED');
    });
  });
});

onEachSharedBackend((place) => {
  test('an owner that was taken over finds out', async () => {
    const options = place();
    const [one, two] = [await Store.open(options), await Store.open(options)];
    try {
      const { storage, sql } = await open(one, undefined, { durability: 'full' });
      const newer = await two.openDatabase('a');
      const insert = () => sql.exec('INSERT INTO t VALUES (4, NULL)');
      expect((await rejection(storage.transaction(insert))).code).toBe('ERR_FENCE_MISMATCH');
      expect(thrown(insert).code).toBe('ERR_FENCE_MISMATCH');
      expect(await newer.get('SELECT count(*) AS n FROM t')).toEqual({ n: 3 });
    } finally {
      await Promise.all([one.close(), two.close()]);
    }
  });

  test('with deferred durability sync() is what tells', async () => {
    const options = place();
    const [one, two] = [await Store.open(options), await Store.open(options)];
    try {
      const { storage, sql } = await open(one);
      await storage.sync();
      const newer = await two.openDatabase('a');
      sql.exec('INSERT INTO t VALUES (4, NULL)');
      expect((await rejection(storage.sync())).code).toBe('ERR_FENCE_MISMATCH');
      expect(thrown(() => sql.exec(QUERY)).code).toBe('ERR_FENCE_MISMATCH');
      expect(await newer.get('SELECT count(*) AS n FROM t')).toEqual({ n: 3 });
    } finally {
      await Promise.all([one.close(), two.close()]);
    }
  });
});

test('a cursor that is dropped lets go of its table', async () => {
  const program = `
    const { Store } = require('batondb');
    const { durableObjectStorage } = require('batondb/durable-object');
    const { fill } = require('./__tests__/adapters/durable-object/support.js');
    Store.open({ memory: true }).then(async (store) => {
      const { sql } = durableObjectStorage(await store.openDatabase('a', { durability: 'deferred' }));
      fill(sql);
      const drop = () => { try { sql.exec('DROP TABLE big'); return 'dropped'; } catch ({ code }) { return code; } };
      (() => sql.exec('SELECT * FROM big').next())();
      console.log(drop());
      let last;
      for (let turn = 0; turn < 100 && last !== 'dropped'; turn += 1) {
        gc();
        await new Promise(setImmediate);
        last = drop();
      }
      console.log(last);
      await store.close();
    });
  `;
  const { stdout } = await runNode('--expose-gc', '-e', program);
  expect(stdout).toBe('SQLITE_LOCKED\ndropped\n');
});

'use strict';

const { setImmediate: turn } = require('node:timers/promises');

const { Database, Store, isBatonError } = require('../..');
const { expectBytes, onEachBackend, outside, rejection } = require('../helpers.js');

const TABLE = 'CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, price REAL, picture BLOB)';

onEachBackend((open) => {
  let db;
  beforeEach(async () => {
    db = await (await open()).openDatabase('a');
    await db.exec(TABLE);
  });

  describe('a fresh database', () => {
    test('says how its start went', async () => {
      const store = await open();
      const first = await store.openDatabase('fresh');
      expect(first).toBeInstanceOf(Database);
      expect(first).toMatchObject({ actorId: 'fresh', closed: false, fencedBy: undefined });
      expect(first.startup).toEqual({
        outcome: 'won',
        generation: 1n,
        meta: expect.objectContaining({ generation: 1n, headTxid: 0n, sizePages: 0, pageSize: 4096 }),
        preloadedPages: 0,
      });
      await first.exec(TABLE);
      await first.close();
      const second = await store.openDatabase('fresh');
      expect(second.startup).toMatchObject({ outcome: 'won', generation: 2n });
      expect(second.startup.meta.sizePages).toBeGreaterThan(1);
      expect(second.startup.preloadedPages).toBeGreaterThan(0);
      expect(await second.all('SELECT name FROM sqlite_schema')).toEqual([{ name: 'items' }]);
    });

    test('of one actor is not that of another', async () => {
      const store = await open();
      const [one, other] = await Promise.all(['x', 'y'].map((id) => store.openDatabase(id)));
      await one.exec('CREATE TABLE mine (x)');
      expect(await other.all('SELECT * FROM sqlite_schema')).toEqual([]);
    });

    test('enforces foreign keys', async () => {
      expect(await db.get('PRAGMA foreign_keys')).toEqual({ foreign_keys: 1 });
    });
  });

  describe('exec', () => {
    test('runs a script of very many statements', async () => {
      // Hopeless where each of them costs as much as all that is behind it.
      await db.exec('SELECT 1;'.repeat(500_000));
    });

    test('runs any number of statements', async () => {
      const answer = await db.exec(`
        INSERT INTO items (name) VALUES ('one'); -- a comment
        INSERT INTO items (name) VALUES ('two');
        SELECT * FROM items;
      `);
      expect(answer).toBeUndefined();
      expect(await db.get('SELECT count(*) AS count FROM items')).toEqual({ count: 2 });
    });

    test('takes no parameters', async () => {
      const error = await rejection(db.exec("INSERT INTO items (name) VALUES ('kept'); SELECT ?"));
      expect(error).toMatchObject({ code: 'ERR_INVALID_ARG', message: expect.stringContaining('exec') });
      expect(await db.get('SELECT count(*) AS count FROM items')).toEqual({ count: 1 });
    });

    test.each(['', ' ; ;', '-- nothing'])('takes %p for nothing to do', async (sql) => {
      expect(await db.exec(sql)).toBeUndefined();
    });

    test('stops at the statement that fails and keeps those before it', async () => {
      const failed = db.exec(
        "INSERT INTO items (name) VALUES ('kept'); SELECT * FROM missing; DROP TABLE items",
      );
      expect((await rejection(failed)).code).toBe('SQLITE_ERROR');
      expect(await db.all('SELECT name FROM items')).toEqual([{ name: 'kept' }]);
    });
  });

  describe('run', () => {
    test('tells changes and the last rowid', async () => {
      const insert = 'INSERT INTO items (name) VALUES (?), (?)';
      expect(await db.run(insert, ['a', 'b'])).toEqual({ changes: 2, lastInsertRowid: 2 });
      expect(await db.run("UPDATE items SET price = 1 WHERE name = 'a'")).toMatchObject({ changes: 1 });
      expect(await db.run('DELETE FROM items')).toMatchObject({ changes: 2 });
      expect(await db.run('DELETE FROM items')).toMatchObject({ changes: 0 });
      expect((await db.run('SELECT 1')).changes).toBe(0);
      expect((await db.run('CREATE TABLE other (x)')).changes).toBe(0);
    });

    test('has a rowid past 2^53 as bigint, and any with readBigInts', async () => {
      const insert = 'INSERT INTO items (id) VALUES (?)';
      expect((await db.run(insert, [2n ** 53n - 1n])).lastInsertRowid).toBe(2 ** 53 - 1);
      expect((await db.run(insert, [2n ** 53n])).lastInsertRowid).toBe(2n ** 53n);
      expect(await db.run(insert, [5], { readBigInts: true })).toEqual({ changes: 1, lastInsertRowid: 5n });
    });

    test('runs a statement with rows to its end', async () => {
      const insert = "INSERT INTO items (name) VALUES ('a'), ('b'), ('c') RETURNING id";
      expect(await db.run(insert)).toMatchObject({ changes: 3 });
    });
  });

  describe('get and all', () => {
    beforeEach(() =>
      db.exec(`INSERT INTO items VALUES (1, 'a', 1.5, x'0102'), (2, NULL, NULL, NULL), (3, 'ü', 3, x'')`),
    );

    test('answer rows as objects', async () => {
      expect(await db.get('SELECT id, name, price FROM items WHERE id = 3')).toEqual({
        id: 3,
        name: 'ü',
        price: 3,
      });
      expect(await db.get('SELECT * FROM items WHERE id = 9')).toBeUndefined();
      expect(await db.all('SELECT id, name FROM items ORDER BY id DESC')).toEqual([
        { id: 3, name: 'ü' },
        { id: 2, name: null },
        { id: 1, name: 'a' },
      ]);
      expect(await db.all('SELECT * FROM items WHERE 0')).toEqual([]);
      expect(await db.all("INSERT INTO items (name) VALUES ('d')")).toEqual([]);
    });

    test('answer rows as arrays', async () => {
      const options = { rowMode: 'array' };
      expect(await db.get('SELECT id, name FROM items', [], options)).toEqual([1, 'a']);
      const twice = 'SELECT id, id FROM items ORDER BY id';
      expect(await db.all(twice, undefined, options)).toEqual([
        [1, 1],
        [2, 2],
        [3, 3],
      ]);
    });

    test('answer blobs as copies', async () => {
      const { picture } = await db.get('SELECT picture FROM items WHERE id = 1');
      expectBytes(picture, [1, 2]);
      expect(Buffer.isBuffer(picture)).toBe(false);
      expectBytes((await db.get('SELECT picture FROM items WHERE id = 3')).picture, []);
    });

    test('keep the last of two columns with one name', async () => {
      expect(await db.get('SELECT 1 AS x, 2 AS x')).toEqual({ x: 2 });
    });

    test('do not take a column for a prototype', async () => {
      const row = await db.get("SELECT 'x' AS __proto__, 1 AS id");
      expect(Object.entries(row)).toEqual([
        ['__proto__', 'x'],
        ['id', 1],
      ]);
    });

    test('run a statement that writes to its end', async () => {
      const insert = "INSERT INTO items (name) VALUES ('x'), ('y') RETURNING name";
      expect(await db.get(insert)).toEqual({ name: 'x' });
      expect(await db.get('SELECT count(*) AS count FROM items')).toEqual({ count: 5 });
    });

    test('answer 100,000 rows, and one of 10 MB', async () => {
      const numbers = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)';
      const rows = await db.all(`${numbers} SELECT i, 'row ' || i AS text FROM n`);
      expect(rows).toHaveLength(100_000);
      expect(rows[99_999]).toEqual({ i: 100_000, text: 'row 100000' });
      const { text } = await db.get("SELECT printf('%.*c', 10000000, 'é') AS text");
      expect(text).toBe('é'.repeat(10_000_000));
    });
  });

  describe('parameters', () => {
    const echo = async (value) => await db.get('SELECT ? AS v, typeof(?1) AS t', [value]);

    test('have the types that SQLite has for them', async () => {
      expect(await echo(null)).toEqual({ v: null, t: 'null' });
      expect(await echo(1)).toEqual({ v: 1, t: 'integer' });
      expect(await echo(true)).toEqual({ v: 1, t: 'integer' });
      expect(await echo(1.5)).toEqual({ v: 1.5, t: 'real' });
      expect(await echo(-0)).toEqual({ v: -0, t: 'real' });
      expect(await echo(2 ** 53)).toEqual({ v: 2 ** 53, t: 'real' });
      expect(await echo(Infinity)).toEqual({ v: Infinity, t: 'real' });
      expect(await echo(7n)).toEqual({ v: 7, t: 'integer' });
      expect(await echo('a\0é😀')).toEqual({ v: 'a\0é😀', t: 'text' });
      expect(await echo('')).toEqual({ v: '', t: 'text' });
      const { v, t } = await echo(Buffer.from([1, 0, 255]));
      expectBytes(v, [1, 0, 255]);
      expect(t).toBe('blob');
    });

    test('are positional, numbered or named', async () => {
      const options = { rowMode: 'array' };
      expect((await db.prepare('SELECT ?3, :a, ?')).parameters).toEqual([null, null, '?3', ':a', null]);
      expect(await db.get('SELECT ?, ?', [1, 2], options)).toEqual([1, 2]);
      expect(await db.get('SELECT ?2, ?1', [1, 2], options)).toEqual([2, 1]);
      const named = 'SELECT :a, @b, $c, :a';
      expect(await db.get(named, { a: 1, b: 2, c: 3 }, options)).toEqual([1, 2, 3, 1]);
      expect(await db.get(named, { ':a': 1, '@b': 2, $c: 3 }, options)).toEqual([1, 2, 3, 1]);
    });

    test.each([
      ['SELECT ?', undefined],
      ['SELECT ?', []],
      ['SELECT ?', [1, 2]],
      ['SELECT 1', [1]],
      ['SELECT :a', {}],
      ['SELECT :a', { b: 1 }],
      ['SELECT :a', { a: 1, b: 2 }],
    ])('of %p must not be %p', async (sql, params) => {
      const error = await rejection(db.all(sql, params));
      expect(error).toMatchObject({ code: 'ERR_INVALID_ARG', retryable: false });
      expect(error.message).toMatch(/parameter/);
    });

    test('are copied when the call returns', async () => {
      const bytes = new Uint8Array([1, 2, 3]);
      const params = [bytes, 'before'];
      const options = { rowMode: 'array' };
      const got = db.get('SELECT ?, ?', params, options);
      const iterator = db.iterate('SELECT ?, ?', params, options);
      bytes.fill(9);
      params[1] = 'after';
      for (const row of [await got, (await iterator.next()).value]) {
        expectBytes(row[0], [1, 2, 3]);
        expect(row[1]).toBe('before');
      }
      await iterator.return();
    });
  });

  test('text that is not UTF-8 is shown with replacement characters', async () => {
    const options = { rowMode: 'array' };
    expect(await db.get("SELECT CAST(x'ff41' AS TEXT), 'after'", [], options)).toEqual(['\ufffdA', 'after']);
  });

  test('columns have names of any characters', async () => {
    const names = ['a"b', 'ü\\', '\n', '😀', ''];
    const sql = `SELECT ${names.map((name, index) => `${index} AS "${name.replaceAll('"', '""')}"`).join(', ')}`;
    expect(Object.keys(await db.get(sql))).toEqual(names);
    expect((await db.prepare(sql)).columns().map(({ name }) => name)).toEqual(names);
  });

  describe('integers', () => {
    test('past 2^53 are refused by column unless bigints are asked for', async () => {
      const sql = 'SELECT 1 AS fine, 9007199254740993 AS large';
      const error = await rejection(db.get(sql));
      expect(error.code).toBe('ERR_OUT_OF_RANGE');
      expect(error.message).toContain('"large" holds 9007199254740993');
      expect((await rejection(db.all(sql))).code).toBe('ERR_OUT_OF_RANGE');
      expect(await db.get(sql, [], { readBigInts: true })).toEqual({ fine: 1n, large: 9007199254740993n });
    });

    test.each([2n ** 63n - 1n, -(2n ** 63n), 0n, -1n, 128n, 2n ** 31n, -(2n ** 31n) - 1n])(
      '%d comes back as it went in',
      async (value) => {
        expect(await db.get('SELECT ? AS v', [value], { readBigInts: true })).toEqual({ v: value });
      },
    );
  });

  describe('an error of SQLite', () => {
    test('has the primary and the extended code, and the number', async () => {
      await db.exec("CREATE UNIQUE INDEX items_name ON items (name); INSERT INTO items (name) VALUES ('a')");
      const error = await rejection(db.run("INSERT INTO items (name) VALUES ('a')"));
      expect(error).toMatchObject({
        code: 'SQLITE_CONSTRAINT',
        extendedCode: 'SQLITE_CONSTRAINT_UNIQUE',
        rawCode: 2067,
        retryable: false,
      });
      expect(error.message).toContain('items.name');
      expect(isBatonError(error, 'SQLITE_CONSTRAINT')).toBe(true);
    });

    test.each([
      ['SELECT missing FROM items', 'missing'],
      ['SELECT * FROM items WHERE', undefined],
      ['SELECT 1,, 2', ', 2'],
      ["SELECT '😀é', missing", 'missing'],
      ['SELECT "ä" || nofunction(1)', 'nofunction'],
    ])('in %p has the place in UTF-16 units', async (sql, at) => {
      const error = await rejection(db.all(sql));
      expect(error).toMatchObject({ code: 'SQLITE_ERROR', extendedCode: 'SQLITE_ERROR', rawCode: 1 });
      expect(error.offset).toBe(at && sql.lastIndexOf(at));
    });

    test('leaves the database usable', async () => {
      await rejection(db.run('INSERT INTO missing VALUES (1)'));
      expect(await db.get('SELECT 1 AS one')).toEqual({ one: 1 });
    });

    test('leads to the caller', async () => {
      async function theCaller() {
        await db.all('SELECT missing');
      }
      expect((await rejection(theCaller())).stack).toMatch(
        /at (async )?Database\.all[^]*at (async )?theCaller/,
      );
    });
  });

  test.each(['get', 'all', 'run', 'prepare'])('%s takes exactly one statement', async (method) => {
    for (const sql of ['SELECT 1; SELECT 2', '', '-- nothing', ';']) {
      expect((await rejection(db[method](sql))).code).toBe('ERR_INVALID_ARG');
    }
    await db[method]('SELECT 1 ; -- and a comment\n');
  });

  test('calls run in the order they were made', async () => {
    const calls = Array.from({ length: 200 }, (_, index) =>
      db.run('INSERT INTO items (id, name) VALUES (?, (SELECT count(*) FROM items))', [1000 - index]),
    );
    const count = db.get('SELECT count(*) AS count FROM items');
    await Promise.all(calls);
    expect(await count).toEqual({ count: 200 });
    const rows = await db.all('SELECT id, name FROM items ORDER BY id DESC');
    expect(rows).toEqual(calls.map((_, index) => ({ id: 1000 - index, name: String(index) })));
  });

  test('more calls than may wait are refused, and may be made again', async () => {
    const small = await (await open()).openDatabase('small', { maxQueuedCalls: 4 });
    let refused;
    let waiting;
    await small.transaction(async (tx) => {
      // They wait for the end of this transaction.
      waiting = outside(() => Array.from({ length: 4 }, (_, index) => small.get('SELECT ? AS i', [index])));
      refused = await outside(() => rejection(small.get('SELECT 1')));
      expect((await rejection(tx.get('SELECT 1'))).code).toBe('ERR_OVERLOADED');
    });
    expect(refused).toMatchObject({ code: 'ERR_OVERLOADED', retryable: true });
    expect(await Promise.all(waiting)).toEqual([{ i: 0 }, { i: 1 }, { i: 2 }, { i: 3 }]);
    expect(await small.get('SELECT 1 AS one')).toEqual({ one: 1 });
  });

  describe('close', () => {
    test('waits for the calls under way, refuses later ones and is idempotent', async () => {
      const insert = db.run("INSERT INTO items (name) VALUES ('last')");
      const order = [];
      insert.then(() => order.push('insert'));
      const closes = [db.close(), db.close()];
      closes[0].then(() => order.push('close'));
      expect(db.closed).toBe(true);
      const error = await rejection(db.get('SELECT 1'));
      expect(error).toMatchObject({ code: 'ERR_CLOSED', message: 'The database is closed' });
      await Promise.all([insert, ...closes]);
      expect(order).toEqual(['insert', 'close']);
      await db.close();
    });

    test.each([
      ['exec', (closed) => closed.exec('SELECT 1')],
      ['run', (closed) => closed.run('SELECT 1')],
      ['get', (closed) => closed.get('SELECT 1')],
      ['all', (closed) => closed.all('SELECT 1')],
      ['iterate', (closed) => closed.iterate('SELECT 1').next()],
      ['prepare', (closed) => closed.prepare('SELECT 1')],
      ['batch', (closed) => closed.batch(['SELECT 1'])],
      ['transaction', (closed) => closed.transaction(async () => {})],
      ['stats', async (closed) => closed.stats()],
    ])('ends %s', async (_name, call) => {
      await db.close();
      expect((await rejection(call(db))).code).toBe('ERR_CLOSED');
    });

    test('ends statements and iterations', async () => {
      const statement = await db.prepare('SELECT 1');
      const numbers = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n';
      const iterator = db.iterate(numbers);
      expect(await iterator.next()).toEqual({ done: false, value: { i: 1 } });
      await db.close();
      expect((await rejection(statement.all())).code).toBe('ERR_CLOSED');
      expect((await rejection(iterator.next())).code).toBe('ERR_CLOSED');
      expect((await iterator.next()).done).toBe(true);
    });

    test('is what Symbol.asyncDispose does', async () => {
      await db[Symbol.asyncDispose]();
      expect(db.closed).toBe(true);
    });
  });

  test('a store that is closed closes its databases, with what is under way', async () => {
    const store = await open();
    const [one, other] = await Promise.all([store.openDatabase('x'), store.openDatabase('y')]);
    const late = store.openDatabase('z');
    const write = one.exec(TABLE);
    await Promise.all([store.close(), write]);
    expect([one.closed, other.closed, (await late).closed]).toEqual([true, true, true]);
    expect((await rejection(one.get('SELECT 1'))).code).toBe('ERR_CLOSED');
    expect((await rejection(store.openDatabase('x'))).code).toBe('ERR_CLOSED');
  });

  test('what was written is there after the database is opened again', async () => {
    const store = await open();
    const first = await store.openDatabase('again');
    await first.exec(TABLE);
    await first.run('INSERT INTO items (name, picture) VALUES (?, zeroblob(100000))', ['kept']);
    await first.close();
    const second = await store.openDatabase('again', { readAhead: false, preload: { hints: false } });
    expect(await second.all('SELECT name, length(picture) AS bytes FROM items')).toEqual([
      { name: 'kept', bytes: 100_000 },
    ]);
    expect(await second.get('PRAGMA integrity_check')).toEqual({ integrity_check: 'ok' });
  });

  test('the counts of stats go up with the work', async () => {
    const before = db.stats();
    await db.run('INSERT INTO items (picture) VALUES (zeroblob(50000))');
    const after = db.stats();
    expect(after.commits).toBe(before.commits + 1);
    expect(after.pagesCommitted).toBeGreaterThan(before.pagesCommitted + 10);
    expect(Object.keys(after).sort()).toEqual([
      'cacheHits',
      'commits',
      'memoryBytes',
      'pagesCommitted',
      'pagesFetched',
      'pagesPreloaded',
      'pagesReadAhead',
      'preloadHits',
      'queued',
      'roundTrips',
      'transactions',
    ]);
    expect(after.memoryBytes).toBeGreaterThan(0);
    expect(after.queued).toBe(0);
  });
});

test('a database is not made with new', () => {
  expect(() => new Database({})).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG' }));
});

onEachBackend((open) => {
  test('an opening that is aborted under way leaves no database open', async () => {
    const store = await open();
    const controller = new AbortController();
    const opening = store.openDatabase('a', { signal: controller.signal });
    controller.abort();
    expect((await rejection(opening)).code).toBe('ERR_ABORTED');
    // It still takes the actor over. The test's time limit ends this loop if it never does.
    while ((await store.stat('a')) === undefined) {
      await turn();
    }
    const db = await store.openDatabase('a');
    await db.exec('CREATE TABLE t (x)');
  });
});

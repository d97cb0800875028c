'use strict';

const { Store, isBatonError } = require('../..');
const { onEachBackend, rejection, thrown } = require('../helpers.js');

const WORDS = ['pear', 'Äpfel', 'zoo', 'apple', 'Zebra'];
const { compare } = new Intl.Collator('de');

onEachBackend((open) => {
  let store;
  let db;
  /** The collation throws from this comparison on. */
  let limit;
  let comparisons;
  const error = new RangeError('my own');
  beforeEach(async () => {
    store = await open();
    db = await store.openDatabase('a', { allowBlocking: true });
    limit = Infinity;
    comparisons = 0;
    db.collation('german', (left, right) => {
      comparisons += 1;
      if (comparisons >= limit) throw error;
      return compare(left, right);
    });
    db.execSync(
      'CREATE TABLE word (text TEXT COLLATE german, n INTEGER); CREATE UNIQUE INDEX words ON word (text)',
    );
    db.batchSync(WORDS.map((text, n) => ({ sql: 'INSERT INTO word VALUES (?, ?)', params: [text, n] })));
  });

  const texts = (sql) => db.allSync(sql, [], { rowMode: 'array' }).flat();
  const inOrder = () => texts('SELECT text FROM word ORDER BY text');
  const isSound = () => texts('PRAGMA integrity_check').join() === 'ok';
  const SORTED = [...WORDS].sort(compare);

  describe('a collation', () => {
    test('orders, compares and indexes', () => {
      expect(inOrder()).toEqual(SORTED);
      expect(texts("SELECT text FROM word WHERE text > 'b' ORDER BY text DESC")).toEqual([
        'zoo',
        'Zebra',
        'pear',
      ]);
      db.collation('same', (left, right) => Math.abs(left.length - right.length));
      expect(db.getSync("SELECT 'abc' = 'xyz' COLLATE same AS yes, 'a' = 'xyz' COLLATE same AS no")).toEqual({
        yes: 1,
        no: 0,
      });
      expect([...db.iterateSync('SELECT text FROM word ORDER BY text')].map(({ text }) => text)).toEqual(
        SORTED,
      );
      expect(db.prepareSync('SELECT max(text) AS last FROM word').getSync()).toEqual({ last: 'zoo' });
      expect(thrown(() => db.runSync("INSERT INTO word VALUES ('zoo', 1)")).code).toBe('SQLITE_CONSTRAINT');
      expect(isSound()).toBe(true);
    });

    test('is found by its name in any case, and can be defined anew', () => {
      db.collation('GERMAN', (left, right) => -compare(left, right));
      // An index keeps its old order until it is built again.
      db.execSync('REINDEX german');
      expect(inOrder()).toEqual([...SORTED].reverse());
      expect(isSound()).toBe(true);
    });

    test('can be removed', () => {
      db.collation('German', null);
      db.collation('never defined', null);
      expect(thrown(() => inOrder())).toMatchObject({
        code: 'SQLITE_ERROR',
        message: 'no such collation sequence: german',
      });
      db.collation('german', compare);
      expect(inOrder()).toEqual(SORTED);
    });

    test('is given every text, also one that is no UTF-8', () => {
      const seen = [];
      db.collation('seen', (...all) => {
        seen.push(all);
        return all[0] < all[1] ? -1 : 1;
      });
      db.getSync("SELECT ? < '\u{1F600}' COLLATE seen, CAST(x'61ff' AS TEXT) < '' COLLATE seen", ['a\0b']);
      expect(seen).toContainEqual(['a\0b', '\u{1F600}']);
      expect(seen).toContainEqual(['a\ufffd', '']);
      db.getSync('SELECT 1 < 2 COLLATE seen, NULL < 1 COLLATE seen, zeroblob(1) < zeroblob(2) COLLATE seen');
      expect(seen).toHaveLength(2);
    });

    test('may answer any number', () => {
      const answers = [-0.5, 1e300, Infinity, -Infinity, 0, -0];
      const greater = answers.map((answer) => {
        db.collation('fraction', () => answer);
        return texts("SELECT 'a' > 'b' COLLATE fraction")[0];
      });
      expect(greater).toEqual([0, 1, 1, 0, 0, 0]);
    });

    test('works in a database in UTF-16, and on a read-only one', async () => {
      const wide = await store.openDatabase('wide', { allowBlocking: true });
      wide.execSync("PRAGMA encoding = 'UTF-16'");
      wide.collation('german', compare);
      wide.execSync(
        "CREATE TABLE t (a COLLATE german PRIMARY KEY); INSERT INTO t VALUES ('z'), ('ä'), ('a')",
      );
      expect(wide.allSync('SELECT a FROM t ORDER BY a').map(({ a }) => a)).toEqual(['a', 'ä', 'z']);
      expect((await rejection(wide.get('SELECT max(a) FROM t'))).code).toBe('ERR_INVALID_ARG');
      const reader = await store.openDatabase('a', { readOnly: true, allowBlocking: true });
      const sql = 'SELECT text FROM word ORDER BY text';
      expect(thrown(() => reader.allSync(sql)).message).toBe('no such collation sequence: german');
      reader.collation('german', compare);
      expect(reader.allSync(sql).map(({ text }) => text)).toEqual(SORTED);
    });

    test('is asked by the planner as well', () => {
      db.execSync(
        'WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100) INSERT INTO word SELECT i, i FROM n',
      );
      db.execSync('ANALYZE');
      const sql = "SELECT count(*) FROM word WHERE text > '5' AND n > 3";
      comparisons = 0;
      expect(db.prepareSync(sql).columns()).toHaveLength(1);
      expect(comparisons).toBeGreaterThan(0);
      limit = 0;
      expect(thrown(() => db.prepareSync(sql))).toBe(error);
      limit = Infinity;
      expect(texts('SELECT 1')).toEqual([1]);
      expect(isSound()).toBe(true);
    });
  });

  describe('an asynchronous call that needs a collation', () => {
    test('is refused by name, also when it was compiled before, and has done nothing', async () => {
      const sql = 'SELECT text FROM word ORDER BY text';
      const statement = db.prepareSync(sql);
      expect(statement.allSync()).toHaveLength(5);
      for (const call of [
        () => db.all(sql),
        () => statement.all(),
        () => db.prepare(sql),
        () => db.run("INSERT INTO word VALUES ('x', 1)"),
        () => db.exec('DELETE FROM word WHERE n = 1'),
        () => db.batch(['UPDATE word SET n = 7', 'DELETE FROM word WHERE n = 7']),
        () => db.get("SELECT 'a' < 'b' COLLATE German"),
      ]) {
        expect(await rejection(call())).toMatchObject({
          code: 'ERR_INVALID_ARG',
          message: expect.stringContaining('the collation german is defined in JavaScript'),
        });
      }
      expect(await db.all('SELECT n FROM word NOT INDEXED')).toHaveLength(5);
      expect(statement.allSync()).toHaveLength(5);
      expect((await rejection(db.get('SELECT 1 < 2 COLLATE other'))).code).toBe('SQLITE_ERROR');
    });

    test('takes neither indexes nor tables WITHOUT ROWID away from the calls that follow', async () => {
      db.execSync('CREATE TABLE key (text TEXT COLLATE german PRIMARY KEY) WITHOUT ROWID');
      db.runSync("INSERT INTO key VALUES ('a'), ('b')");
      const reader = await store.openDatabase('a', { readOnly: true, allowBlocking: true });
      reader.collation('german', compare);
      const refused = async (call) => expect((await rejection(call)).code).toBe('ERR_INVALID_ARG');
      for (const each of [db, reader]) {
        await refused(each.all("SELECT * FROM key WHERE text = 'a'"));
        await refused(each.all("SELECT * FROM word WHERE text = 'pear'"));
        await refused(each.all('SELECT * FROM key'));
        expect(await each.all('SELECT n FROM word')).toHaveLength(5);
        expect(each.allSync("SELECT text FROM key WHERE text > 'a'")).toEqual([{ text: 'b' }]);
        const plan = each.getSync("EXPLAIN QUERY PLAN SELECT * FROM word WHERE text = 'pear'");
        expect(plan.detail).toMatch(/USING INDEX words/);
      }
      await refused(db.run("INSERT INTO key VALUES ('c')"));
      db.runSync("INSERT INTO key VALUES ('c')");
      expect(isSound()).toBe(true);
    });

    test('does not get in the way of an asynchronous iteration', async () => {
      const many = 'WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000)';
      let rows = 0;
      for await (const { i } of db.iterate(`${many} SELECT i, printf('%0999d', i) AS wide FROM n`)) {
        rows += 1;
        if (i % 1000 === 0) {
          expect(inOrder()).toEqual(SORTED);
          expect((await rejection(db.get("SELECT n FROM word WHERE text = 'zoo'"))).code).toBe(
            'ERR_INVALID_ARG',
          );
        }
      }
      expect(rows).toBe(3000);
    });

    test('leaves the transaction that it is in as it is', async () => {
      await db.transaction(async (tx) => {
        await tx.run('UPDATE word SET n = 100 + n');
        expect((await rejection(tx.run("INSERT INTO word VALUES ('x', 1)"))).code).toBe('ERR_INVALID_ARG');
        tx.runSync("INSERT INTO word VALUES ('y', 1)");
      });
      expect(texts('SELECT n FROM word ORDER BY n')).toEqual([1, 100, 101, 102, 103, 104]);
    });

    test('is refused beside an iteration on this thread, which goes on', async () => {
      db.execSync(
        'WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) INSERT INTO word SELECT i, i FROM n',
      );
      const rows = db.iterateSync("SELECT text FROM word WHERE text > '' COLLATE german");
      rows.next();
      for (const define of [() => db.collation('german', compare), () => db.collation('german', null)]) {
        expect(thrown(define)).toMatchObject({
          code: 'SQLITE_BUSY',
          message: expect.stringContaining('iteration'),
        });
      }
      for (const sql of ["INSERT INTO word VALUES ('x', 1)", "SELECT n FROM word WHERE text = 'zoo'"]) {
        const refused = await rejection(db.all(sql));
        expect(refused).toMatchObject({
          code: 'ERR_INVALID_ARG',
          message: expect.stringContaining('german'),
        });
      }
      expect([...rows].length).toBeGreaterThan(10_000);
      expect(isSound()).toBe(true);
      expect(await db.get('SELECT count(*) AS n FROM word NOT INDEXED')).toEqual({ n: 20_005 });
    });
  });

  describe('a collation that throws', () => {
    beforeEach(() => {
      db.execSync(
        'WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 50) INSERT INTO word SELECT i, i FROM n',
      );
      db.execSync('CREATE TABLE other (n INTEGER)');
    });

    /** Nothing may be left of what has failed, and the order of the index must be right. */
    function expectUntouched() {
      limit = Infinity;
      expect(isSound()).toBe(true);
      expect(texts('SELECT count(*) FROM word NOT INDEXED')).toEqual([55]);
      expect(texts('SELECT count(*) FROM other')).toEqual([0]);
      expect(texts("SELECT name FROM sqlite_schema WHERE name = 'again'")).toEqual([]);
    }

    test.each([
      'SELECT text FROM word ORDER BY text || n COLLATE german',
      "SELECT text FROM word WHERE text > 'b'",
      "INSERT INTO word VALUES ('new', 1)",
      "INSERT OR REPLACE INTO word VALUES ('new', 1)",
      "INSERT OR IGNORE INTO word VALUES ('new', 1)",
      "INSERT INTO word VALUES ('new', 1) RETURNING n",
      "UPDATE word SET text = text || 'x'",
      "DELETE FROM word WHERE text > 'b'",
      'CREATE INDEX again ON word (text DESC)',
      'CREATE TABLE again AS SELECT text FROM word GROUP BY text || n COLLATE german',
      'REINDEX',
      'VACUUM',
      "SELECT * FROM word WHERE text IN ('a', 'b')",
      "WITH RECURSIVE n (i) AS (SELECT 'a' UNION ALL SELECT i FROM n WHERE i = 'a' COLLATE german) SELECT count(*) FROM n",
    ])('ends %s with its error', (sql) => {
      for (const from of [1, 2, 3]) {
        for (const call of [
          () => db.runSync(sql),
          () => db.getSync(sql),
          () => db.allSync(sql),
          () => db.execSync(sql),
          () => [...db.iterateSync(sql)],
          () => db.prepareSync(sql).getSync(),
        ]) {
          comparisons = 0;
          limit = from;
          expect(thrown(call)).toBe(error);
          expectUntouched();
        }
      }
    });

    test('while rows are fetched ends the iteration', () => {
      const rows = db.iterateSync(
        "WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9000) SELECT ('a' < (i || '') COLLATE german) FROM n",
      );
      rows.next();
      limit = 0;
      expect(thrown(() => [...rows])).toBe(error);
      expectUntouched();
    });

    test('rolls a transaction back in which it has written, and leaves one alone in which it has read', () => {
      const insert = "INSERT INTO word VALUES ('new', 1)";
      for (const run of [
        () => db.batchSync(['INSERT INTO other VALUES (1)', insert]),
        () =>
          db.transactionSync(() => {
            db.runSync('INSERT INTO other VALUES (1)');
            db.runSync(insert);
          }),
        () => db.execSync(`BEGIN; INSERT INTO other VALUES (1); ${insert}`),
        () =>
          db.execSync(
            `BEGIN; INSERT INTO other VALUES (1); SAVEPOINT s; INSERT OR IGNORE INTO word VALUES ('new', 1)`,
          ),
      ]) {
        comparisons = 0;
        limit = 3;
        expect(thrown(run)).toBe(error);
        expect(db.isTransaction).toBe(false);
        expectUntouched();
      }
      const later = thrown(() =>
        db.transactionSync(() => {
          comparisons = 0;
          limit = 3;
          expect(thrown(() => db.runSync(insert))).toBe(error);
          limit = Infinity;
          db.runSync('INSERT INTO other VALUES (1)');
        }),
      );
      expect(later).toMatchObject({ code: 'ERR_CLOSED' });
      expectUntouched();
      db.transactionSync(() => {
        db.runSync('INSERT INTO other VALUES (1)');
        limit = 0;
        expect(thrown(() => db.allSync("SELECT n FROM word WHERE text > 'b'"))).toBe(error);
      });
      expect(texts('SELECT n FROM other')).toEqual([1]);
    });

    test('throws what it likes, once, and spoils no other call', async () => {
      db.collation('odd', () => {
        throw undefined;
      });
      expect(thrown(() => db.getSync("SELECT 'a' < 'b' COLLATE odd"))).toBeUndefined();
      expect(texts('SELECT 1')).toEqual([1]);
      expect((await rejection(db.get('SELECT nonsense'))).code).toBe('SQLITE_ERROR');
      expect(thrown(() => db.getSync('SELECT nonsense'))).toMatchObject({ code: 'SQLITE_ERROR' });
    });

    test.each([
      ['nothing', () => {}],
      ['NaN', () => NaN],
      ['a bigint', () => 1n],
      ['a text', () => '1'],
      ['a promise', () => Promise.resolve(1)],
      ['a symbol', () => Symbol('x')],
      ['an object that is like a number', () => ({ valueOf: () => 1 })],
    ])('or returns %s is refused by name', (_, fn) => {
      db.collation('wrong', fn);
      expect(thrown(() => db.getSync("SELECT 'a' < 'b' COLLATE wrong"))).toMatchObject({
        code: 'ERR_INVALID_ARG',
        message: expect.stringContaining('collation wrong'),
      });
    });

    test('sorts on no thread of SQLite', () => {
      db.execSync('PRAGMA threads = 4; PRAGMA cache_size = 10');
      const many = 'WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 30000)';
      const sorted = `${many} SELECT max(i) FROM (SELECT i FROM n ORDER BY printf('%0100d', i * 7919) COLLATE german)`;
      expect(texts(sorted)).toEqual([30_000]);
      expect(texts(sorted)).toEqual([30_000]);
    });
  });

  describe('inside a comparison', () => {
    test('its own database cannot be used, but another one', async () => {
      const other = await (await open()).openDatabase('b', { allowBlocking: true });
      other.collation('plain', compare);
      const seen = new Set();
      db.collation('nosy', (left, right) => {
        for (const call of [
          () => db.getSync('SELECT 1'),
          () => db.collation('nosy', compare),
          () => db.collation('nosy', null),
          () => db.transactionSync(() => {}),
        ]) {
          seen.add(thrown(call).code);
        }
        return other.getSync('SELECT ? < ? COLLATE plain AS less', [left, right]).less ? -1 : 1;
      });
      expect(db.getSync("SELECT 'a' < 'b' COLLATE nosy AS x, 'b' < 'a' COLLATE nosy AS y")).toEqual({
        x: 1,
        y: 0,
      });
      expect([...seen]).toEqual(['ERR_BUSY']);
    });

    test('asynchronous calls wait, and a close takes place after the call', async () => {
      let later;
      let closed;
      db.collation('leave', () => {
        later ??= db.get('SELECT 7 AS n');
        closed ??= db.close();
        return 0;
      });
      expect(texts("SELECT 'a' = 'b' COLLATE leave")).toEqual([1]);
      expect(await later).toEqual({ n: 7 });
      await closed;
      expect(thrown(() => db.collation('x', compare)).code).toBe('ERR_CLOSED');
    });
  });

  test.each([
    ['no name', () => db.collation('', compare)],
    ['a long name', () => db.collation('x'.repeat(256), compare)],
    ['a null byte', () => db.collation('a\0b', compare)],
    ['a number as its name', () => db.collation(7, compare)],
    ['no function', () => db.collation('x')],
    ['an async function', () => db.collation('x', async () => 1)],
    ["SQLite's BINARY", () => db.collation('binary', compare)],
    ["SQLite's NOCASE", () => db.collation('NoCase', compare)],
    ["SQLite's RTRIM", () => db.collation('RTRIM', null)],
  ])('a collation with %s is refused', (_, define) => {
    const refused = thrown(define);
    expect(isBatonError(refused) && refused.code).toBe('ERR_INVALID_ARG');
  });
});

test('a collation is known to the database object that has defined it, and to no later one', async () => {
  const store = await Store.open({ memory: true });
  const first = await store.openDatabase('a');
  first.collation('german', compare);
  first.execSync(
    "CREATE TABLE t (a TEXT COLLATE german PRIMARY KEY, b); INSERT INTO t VALUES ('b', 1), ('a', 2)",
  );
  await first.close();
  const second = await store.openDatabase('a');
  expect((await rejection(second.run("INSERT INTO t VALUES ('c', 3)"))).message).toMatch(
    /^no such collation/,
  );
  expect(await second.all('SELECT b FROM t')).toEqual([{ b: 1 }, { b: 2 }]);
  await store.close();
});

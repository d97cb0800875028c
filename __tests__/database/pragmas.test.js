'use strict';

const { join } = require('node:path');

const SqliteFile = require('libsql');

const { durableObjectStorage } = require('../../adapters/durable-object.js');
const { onEachBackend, rejection, temporaryDirectory } = require('../helpers.js');

const directory = temporaryDirectory();

onEachBackend((open) => {
  let store;
  let db;
  beforeEach(async () => {
    store = await open();
    db = await store.openDatabase('a', { allowBlocking: true });
    await db.exec('CREATE TABLE t(x)');
  });

  const answers = [
    ['PRAGMA journal_mode', [{ journal_mode: 'memory' }]],
    ['PRAGMA journal_mode = MEMORY', [{ journal_mode: 'memory' }]],
    ['PRAGMA main.Journal_Mode = MEMORY', [{ journal_mode: 'memory' }]],
    ['PRAGMA locking_mode', [{ locking_mode: 'exclusive' }]],
    ['PRAGMA locking_mode = EXCLUSIVE', [{ locking_mode: 'exclusive' }]],
    ['PRAGMA synchronous', [{ synchronous: 2 }]],
    ['PRAGMA synchronous = FULL', []],
    ['PRAGMA mmap_size', [{ mmap_size: 0 }]],
    ['PRAGMA mmap_size = 0', [{ mmap_size: 0 }]],
    ['PRAGMA page_size', [{ page_size: 4096 }]],
    ['PRAGMA page_size = 4096', []],
  ];
  test.each(answers)('%s has the column and the value that SQLite gives', async (sql, rows) => {
    expect(await db.all(sql)).toEqual(rows);
    const statement = await db.prepare(sql);
    expect(await statement.all()).toEqual(rows);
    expect(statement.columns().map(({ name }) => name)).toEqual(rows.flatMap(Object.keys));
    // A file that has the same settings, to hold the expectation against.
    const path = join(directory, 'same.sqlite');
    const file = new SqliteFile(path);
    file.exec(
      'CREATE TABLE IF NOT EXISTS t(x); PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE',
    );
    expect(file.prepare(sql).all()).toEqual(rows);
    file.close();
  });

  test.each([
    ['PRAGMA journal_mode = WAL', [{ journal_mode: 'memory' }], 'PRAGMA journal_mode'],
    ['PRAGMA journal_mode(delete)', [{ journal_mode: 'memory' }], 'PRAGMA journal_mode'],
    ['PRAGMA locking_mode = NORMAL', [{ locking_mode: 'exclusive' }], 'PRAGMA locking_mode'],
    ['PRAGMA synchronous = OFF', [], 'PRAGMA synchronous'],
    ['PRAGMA mmap_size = 1000000', [{ mmap_size: 0 }], 'PRAGMA mmap_size'],
    ['PRAGMA page_size = 8192', [], 'PRAGMA page_size'],
  ])('%s changes nothing, by whatever call', async (sql, rows, ask) => {
    const before = await db.all(ask);
    expect(await db.all(sql)).toEqual(rows);
    expect(await db.get(sql)).toEqual(rows[0]);
    await db.run(sql);
    await db.exec(`${sql}; INSERT INTO t VALUES (1); ${sql}`);
    const [answer] = await db.batch([sql]);
    expect(answer.rows).toEqual(rows);
    await db.transaction(async (tx) => expect(await tx.all(sql)).toEqual(rows));
    expect(await db.all(ask)).toEqual(before);
    expect(await db.get('SELECT count(*) AS n FROM t')).toEqual({ n: 1 });
  });

  test('as functions of tables they are the same', async () => {
    expect(await db.get('SELECT * FROM pragma_journal_mode')).toEqual({ journal_mode: 'memory' });
    expect(await db.get('SELECT * FROM pragma_synchronous')).toEqual({ synchronous: 2 });
    expect(await db.get('SELECT * FROM pragma_locking_mode')).toEqual({ locking_mode: 'exclusive' });
    expect(await db.get('SELECT 7 AS seven')).toEqual({ seven: 7 });
    await db.exec('SELECT * FROM pragma_journal_mode; INSERT INTO t VALUES (1)');
    expect(await db.get('SELECT count(*) AS n FROM t')).toEqual({ n: 1 });
  });

  test('a read-only database says what holds for it', async () => {
    const reader = await store.openDatabase('a', { readOnly: true });
    expect(await reader.get('PRAGMA locking_mode')).toEqual({ locking_mode: 'normal' });
    expect(await reader.get('PRAGMA locking_mode = EXCLUSIVE')).toEqual({ locking_mode: 'normal' });
    expect(await reader.get('PRAGMA journal_mode')).toEqual({ journal_mode: 'memory' });
    expect(await reader.get('PRAGMA synchronous')).toEqual({ synchronous: 2 });
  });

  describe('PRAGMA foreign_keys inside a transaction', () => {
    const OFF = 'PRAGMA foreign_keys = OFF';
    const ON = 'PRAGMA foreign_keys = ON';
    const setting = async () => (await db.get('PRAGMA foreign_keys')).foreign_keys;

    const ways = {
      batch: (sql) => db.batch([sql, 'SELECT 1']),
      'a transaction': (sql) => db.transaction((tx) => tx.run(sql)),
      'a transaction, in exec': (sql) => db.transaction((tx) => tx.exec(`SELECT 1; ${sql}`)),
      'a prepared statement': (sql) => db.transaction(async (tx) => (await tx.prepare(sql)).run()),
      'a Durable Object, with others': async (sql) => durableObjectStorage(db).sql.exec(`SELECT 1; ${sql}`),
    };
    test.each(Object.keys(ways))(
      'is refused with the reason and a way, where it would change: %s',
      async (way) => {
        for (const [sql, now] of [
          [OFF, 1],
          [ON, 0],
          ['pragma Foreign_Keys(1)', 0],
        ]) {
          await db.exec(now === 1 ? ON : OFF);
          const error = await rejection(ways[way](sql));
          expect(error.code).toBe('SQLITE_ERROR');
          expect(error.message).toMatch(
            /inside a transaction SQLite passes over it in silence.*defer_foreign_keys/,
          );
          expect(await setting()).toBe(now);
          // What would change nothing, and what asks, is none to complain about.
          await ways[way](now === 1 ? ON : OFF);
          await ways[way]('PRAGMA foreign_keys');
          await ways[way]('PRAGMA defer_foreign_keys = ON');
        }
      },
    );

    test('is refused between BEGIN and COMMIT, and free outside', async () => {
      await db.exec('BEGIN');
      expect((await rejection(db.exec(OFF))).code).toBe('SQLITE_ERROR');
      await db.exec('COMMIT');
      await db.exec(OFF);
      expect(await setting()).toBe(0);
      await db.exec(`${ON}; BEGIN; INSERT INTO t VALUES (1); COMMIT`);
      expect(await setting()).toBe(1);
    });
  });

  test('what better-sqlite3 enables is there', async () => {
    const enabled = (await db.all('PRAGMA compile_options')).map(({ compile_options: option }) => option);
    for (const option of [
      'ENABLE_COLUMN_METADATA',
      'ENABLE_DBSTAT_VTAB',
      'ENABLE_FTS3',
      'ENABLE_FTS3_PARENTHESIS',
      'ENABLE_FTS4',
      'ENABLE_FTS5',
      'ENABLE_GEOPOLY',
      'ENABLE_MATH_FUNCTIONS',
      'ENABLE_PERCENTILE',
      'ENABLE_PREUPDATE_HOOK',
      'ENABLE_RTREE',
      'ENABLE_SESSION',
      'ENABLE_STAT4',
      'SOUNDEX',
    ]) {
      expect(enabled).toContain(option);
    }
    await db.exec('CREATE VIRTUAL TABLE shapes USING geopoly(name)');
    await db.run("INSERT INTO shapes(name, _shape) VALUES ('square', '[[0,0],[2,0],[2,2],[0,2],[0,0]]')");
    expect(await db.get('SELECT name, geopoly_area(_shape) AS area FROM shapes')).toEqual({
      name: 'square',
      area: 4,
    });
    const sql = 'SELECT median(column1) AS m, percentile(column1, 25) AS p FROM (VALUES (1), (2), (3))';
    expect(await db.get(sql)).toEqual({ m: 2, p: 1.5 });
  });
});

'use strict';

const { onEachBackend, rejection } = require('../helpers.js');

const TABLE = 'CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, price REAL, picture BLOB)';

onEachBackend((open) => {
  let db;
  beforeEach(async () => {
    db = await (await open()).openDatabase('a', { allowBlocking: true });
    await db.exec(TABLE);
  });

  describe('prepare', () => {
    test('tells columns, parameters and whether it writes', async () => {
      const statement = await db.prepare(
        'SELECT id, name AS title, 1 + 1 FROM items WHERE id = :id OR id = ?',
      );
      expect(statement.sql).toMatch(/^SELECT id/);
      expect(statement.parameters).toEqual([':id', null]);
      expect(statement.readonly).toBe(true);
      expect(statement.columns()).toEqual([
        { name: 'id', column: 'id', table: 'items', type: 'INTEGER' },
        { name: 'title', column: 'name', table: 'items', type: 'TEXT' },
        { name: '1 + 1', column: null, table: null, type: null },
      ]);
      const insert = await db.prepare('INSERT INTO items (name) VALUES ($name)');
      expect(insert).toMatchObject({ readonly: false, parameters: ['$name'] });
      expect(insert.columns()).toEqual([]);
    });

    test('says the same of statements that are the same, whatever became of the first answer', async () => {
      const sql = 'SELECT name AS "na\u00efve \\ \u{1f600}" FROM items WHERE id = :id';
      const first = await db.prepare(sql);
      first.parameters.push('changed');
      first.columns()[0].name = 'changed';
      first.columns().length = 0;
      for (const statement of [await db.prepare(sql), db.prepareSync(sql)]) {
        expect(statement.parameters).toEqual([':id']);
        const [column] = statement.columns();
        expect(column).toEqual({
          name: 'na\u00efve \\ \u{1f600}',
          column: 'name',
          table: 'items',
          type: 'TEXT',
        });
      }
    });

    test('is run, got, listed and iterated as often as one likes', async () => {
      const insert = await db.prepare('INSERT INTO items (name) VALUES (?)');
      for (const name of ['a', 'b', 'c']) {
        expect(await insert.run([name])).toMatchObject({ changes: 1 });
      }
      const select = await db.prepare('SELECT name FROM items WHERE id >= ? ORDER BY id');
      expect(await select.get([2])).toEqual({ name: 'b' });
      expect(await select.all([2], { rowMode: 'array' })).toEqual([['b'], ['c']]);
      const names = [];
      for await (const { name } of select.iterate([1])) {
        names.push(name);
      }
      expect(names).toEqual(['a', 'b', 'c']);
    });

    test('goes on after the schema has changed', async () => {
      const select = await db.prepare('SELECT * FROM items');
      await db.exec('ALTER TABLE items ADD COLUMN extra DEFAULT 7; INSERT INTO items (name) VALUES (1)');
      expect(await select.get()).toMatchObject({ extra: 7 });
      const again = await db.prepare('SELECT * FROM items');
      expect(again.columns().map(({ name }) => name)).toEqual(['id', 'name', 'price', 'picture', 'extra']);
      const rows = db.iterate('SELECT * FROM items');
      expect((await rows.next()).value).toMatchObject({ extra: 7 });
      await rows.return();
      await db.exec('DROP TABLE items');
      expect(await rejection(select.all())).toMatchObject({ code: 'SQLITE_ERROR' });
    });

    test('refuses what is not SQL', async () => {
      expect(await rejection(db.prepare('SELEC 1'))).toMatchObject({ code: 'SQLITE_ERROR', offset: 0 });
    });
  });

  describe('batch', () => {
    test('answers for each statement', async () => {
      const results = await db.batch([
        { sql: 'INSERT INTO items (name) VALUES (?), (?)', params: ['a', 'b'] },
        'SELECT id, name FROM items ORDER BY id',
        { sql: 'UPDATE items SET name = $name', params: { name: 'c' } },
        { sql: 'SELECT 1 WHERE 0' },
      ]);
      expect(results).toEqual([
        { changes: 2, lastInsertRowid: 2, columns: [], rows: [] },
        {
          changes: 0,
          lastInsertRowid: 2,
          columns: ['id', 'name'],
          rows: [
            { id: 1, name: 'a' },
            { id: 2, name: 'b' },
          ],
        },
        { changes: 2, lastInsertRowid: 2, columns: [], rows: [] },
        { changes: 0, lastInsertRowid: 2, columns: ['1'], rows: [] },
      ]);
    });

    test('takes place as a whole or not at all, and says which statement failed', async () => {
      const failed = db.batch(["INSERT INTO items (name) VALUES ('a')", 'INSERT INTO missing VALUES (1)']);
      expect(await rejection(failed)).toMatchObject({ code: 'SQLITE_ERROR', statement: 1 });
      expect(await db.all('SELECT * FROM items')).toEqual([]);
    });

    test('is one commit', async () => {
      const before = db.stats().commits;
      await db.batch(Array.from({ length: 20 }, () => "INSERT INTO items (name) VALUES ('x')"));
      expect(db.stats().commits).toBe(before + 1);
    });

    test('of nothing answers nothing, and honours the form of rows', async () => {
      expect(await db.batch([])).toEqual([]);
      const [{ rows }] = await db.batch(['SELECT 1, 2'], { rowMode: 'array', readBigInts: true });
      expect(rows).toEqual([[1n, 2n]]);
    });
  });
});

// Synchronous calls of SQL: their rows and errors, prepared statements and iterators.

'use strict';

const { expectBytes, onEachBackend, refused } = require('../helpers.js');
const items = require('./sync-helpers.js');

onEachBackend((open) => {
  let store;
  let db;
  beforeEach(async () => {
    store = await open();
    db = await items.openItems(store);
  });

  const names = (of = db) => items.names(of);
  const insert = (name, into = db) => items.insert(name, into);

  describe('synchronous calls', () => {
    test('run SQL and return its rows', () => {
      expect(insert('one')).toEqual({ changes: 1, lastInsertRowid: 1 });
      expect(db.runSync('INSERT INTO items (name) VALUES ($name)', { name: 'two' }).lastInsertRowid).toBe(2);
      expect(db.getSync('SELECT * FROM items WHERE id = ?', [2])).toEqual({ id: 2, name: 'two' });
      expect(db.getSync('SELECT * FROM items WHERE id = 9')).toBeUndefined();
      expect(db.allSync('SELECT * FROM items', [], { rowMode: 'array', readBigInts: true })).toEqual([
        [1n, 'one'],
        [2n, 'two'],
      ]);
      const [first, second] = db.batchSync(["DELETE FROM items WHERE name = 'one'", 'SELECT * FROM items']);
      expect([first.changes, second.rows]).toEqual([1, [{ id: 2, name: 'two' }]]);
    });

    test('return every row of a large answer', () => {
      db.runSync(
        'INSERT INTO items WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) ' +
          'SELECT i, hex(zeroblob(20)) FROM n',
      );
      const rows = db.allSync('SELECT id, name FROM items ORDER BY id');
      expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 20_000 }, (_, index) => index + 1));
      let sum = 0;
      for (const { id } of db.iterateSync('SELECT id FROM items')) sum += id;
      expect(sum).toBe((20_000 * 20_001) / 2);
    });

    test('are seen by asynchronous ones, and the other way round', async () => {
      insert('sync');
      await db.run("INSERT INTO items (name) VALUES ('async')");
      expect(names()).toEqual(['sync', 'async']);
      expect(await db.get('SELECT count(*) AS count FROM items')).toEqual({ count: 2 });
    });

    test('run beside flushed() and point(), which are in nobody’s way', async () => {
      const waiting = [];
      for (let round = 0; round < 200; round += 1) {
        waiting.push(db.flushed(), db.point());
        insert(`n${round}`);
        if (round % 20 === 0) await waiting.at(-1);
      }
      await Promise.all(waiting);
      expect(names().length).toBe(200);
      // A call that runs SQL is.
      const running = db.get(
        'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000000) SELECT max(i) FROM n',
      );
      waiting.push(db.flushed());
      expect(refused(() => names())).toMatchObject({ code: 'ERR_BUSY' });
      await Promise.all([running, ...waiting]);
    });

    test('have written what is there after the next start', async () => {
      insert('kept');
      const next = await store.openDatabase('a', { allowBlocking: true });
      expect(names(next)).toEqual(['kept']);
      expect(refused(() => insert('too late'))).toMatchObject({ code: 'ERR_FENCE_MISMATCH' });
      expect(refused(() => names())).toMatchObject({ code: 'ERR_FENCE_MISMATCH' });
      expect(db.fencedBy).toMatchObject({ code: 'ERR_FENCE_MISMATCH' });
      expect(names(next)).toEqual(['kept']);
    });

    test("throw SQLite's errors, and go on", () => {
      const error = refused(() => db.getSync('SELECT nonsense FROM items'));
      expect(error).toMatchObject({ code: 'SQLITE_ERROR', offset: 7 });
      expect(error.stack).toContain('sync-statements.test.js');
      db.execSync('CREATE UNIQUE INDEX names ON items (name)');
      insert('one');
      expect(refused(() => insert('one'))).toMatchObject({ extendedCode: 'SQLITE_CONSTRAINT_UNIQUE' });
      expect(names()).toEqual(['one']);
    });

    test('refuse bad arguments, and do nothing', () => {
      for (const call of [
        () => db.getSync(),
        () => db.getSync('SELECT ?', [NaN]),
        () => db.getSync('SELECT 1', [], { signal: AbortSignal.timeout(1) }),
        () => db.getSync('SELECT 1', [], { timeoutMs: 1 }),
        () => db.allSync('SELECT 1; SELECT 2'),
        () => db.execSync('SELECT ?'),
        () => db.batchSync('SELECT 1'),
        () => db.iterateSync(7),
        () => db.transactionSync(),
        () => db.transactionSync(() => {}, { behavior: 'later' }),
        () => db.transactionSync(() => {}, { timeoutMs: 1 }),
      ]) {
        expect(refused(call).code).toBe('ERR_INVALID_ARG');
      }
      expect(db.isTransaction).toBe(false);
    });

    test('wait for what is over soon, and for nothing else', async () => {
      for (let round = 0; round < 50; round += 1) {
        const soon = [db.flushed(), db.point()];
        insert('beside');
        soon.push(db.flushed());
        const rows = db.iterate('SELECT * FROM items');
        await rows.next();
        soon.push(rows.return());
        names();
        await Promise.all(soon);
      }
      expect(names()).toHaveLength(50);
    });

    test('refuse a second statement without compiling it', () => {
      expect(refused(() => db.allSync('SELECT 1; PRAGMA foreign_keys = 0')).code).toBe('ERR_INVALID_ARG');
      expect(db.getSync('PRAGMA foreign_keys')).toEqual({ foreign_keys: 1 });
      expect(db.allSync('SELECT 1 AS one; -- and no more\n ; /* really */')).toEqual([{ one: 1 }]);
    });

    test('serialize the database', async () => {
      insert('one');
      expectBytes(db.serializeSync(), await db.serialize());
    });
  });

  describe('prepareSync', () => {
    test('prepares a statement with both kinds of methods', async () => {
      const add = db.prepareSync('INSERT INTO items (name) VALUES (?)');
      expect(add).toMatchObject({ readonly: false, parameters: [null] });
      add.runSync(['one']);
      await add.run(['two']);
      const select = await db.prepare('SELECT * FROM items ORDER BY id');
      expect(select.allSync([], { rowMode: 'array' })).toEqual([
        [1, 'one'],
        [2, 'two'],
      ]);
      expect([...select.iterateSync()].length).toBe(2);
      db.execSync('ALTER TABLE items ADD price');
      expect(select.getSync()).toEqual({ id: 1, name: 'one', price: null });
      expect(select.columns().map(({ name }) => name)).toEqual(['id', 'name', 'price']);
    });
  });

  describe('iterateSync', () => {
    beforeEach(() => {
      db.runSync(
        'INSERT INTO items WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) ' +
          'SELECT i, hex(zeroblob(20)) FROM n',
      );
    });

    test('lets go of the statement when the loop is left', () => {
      for (const { id } of db.iterateSync('SELECT * FROM items ORDER BY id')) {
        if (id === 3) break;
      }
      db.execSync('DROP TABLE items');
    });

    test('lets other calls run between its steps, and ends with its transaction', () => {
      let rows;
      db.transactionSync(() => {
        rows = db.iterateSync('SELECT * FROM items ORDER BY id');
        expect(rows.next().value.id).toBe(1);
        db.runSync("INSERT INTO log VALUES ('between')");
        expect(rows.next().value.id).toBe(2);
      });
      expect(refused(() => [...rows])).toMatchObject({ code: 'ERR_CLOSED' });
      expect(db.getSync('SELECT * FROM log')).toEqual({ line: 'between' });
    });

    test('can be left while an asynchronous call runs', async () => {
      const rows = db.iterateSync('SELECT * FROM items ORDER BY id');
      rows.next();
      const running = db.get('SELECT 1');
      rows.return();
      await running;
      await db.exec('DROP TABLE items');
    });
  });
});

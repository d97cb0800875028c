'use strict';

const { expectBytes, onEachBackend, refused, rejection } = require('../helpers.js');

onEachBackend((open) => {
  let store;
  let db;
  beforeEach(async () => {
    store = await open();
    db = await store.openDatabase('a', { allowBlocking: true });
    db.execSync('CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE log (line TEXT)');
  });

  const names = (of = db) => of.allSync('SELECT name FROM items ORDER BY id').map(({ name }) => name);
  const insert = (name, into = db) => into.runSync('INSERT INTO items (name) VALUES (?)', [name]);

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
      expect(error.stack).toContain('sync.test.js');
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

  describe('transactionSync', () => {
    test('commits what its function does, and returns what that returns', async () => {
      expect(
        db.transactionSync(() => {
          insert('one');
          expect(db.isTransaction).toBe(true);
          insert('two');
          return names().length;
        }),
      ).toBe(2);
      expect(db.isTransaction).toBe(false);
      expect(await db.all('SELECT name FROM items')).toEqual([{ name: 'one' }, { name: 'two' }]);
    });

    test('rolls back if its function throws, and throws that', () => {
      const error = new Error('changed my mind');
      expect(() =>
        db.transactionSync(() => {
          insert('one');
          throw error;
        }),
      ).toThrow(error);
      expect(names()).toEqual([]);
    });

    test('nests as savepoints', () => {
      db.transactionSync(
        () => {
          insert('outer');
          expect(() =>
            db.transactionSync(() => {
              insert('inner');
              throw new Error('no');
            }),
          ).toThrow('no');
          db.transactionSync(() => insert('other'));
        },
        { behavior: 'immediate' },
      );
      expect(names()).toEqual(['outer', 'other']);
    });

    test.each([
      ['an async function', async () => insert('too late')],
      [
        'a function that returns a promise',
        () => {
          insert('undone');
          return Promise.reject(new Error('later'));
        },
      ],
    ])('refuses %s, and rolls back', async (_, fn) => {
      expect(refused(() => db.transactionSync(fn))).toMatchObject({ code: 'ERR_INVALID_ARG' });
      await new Promise(setImmediate);
      expect([names(), db.isTransaction]).toEqual([[], false]);
    });

    test('puts asynchronous calls off until its end', async () => {
      let later;
      db.transactionSync(() => {
        insert('inside');
        later = db.run("INSERT INTO items (name) VALUES ('after')");
        insert('inside, too');
      });
      await later;
      expect(names()).toEqual(['inside', 'inside, too', 'after']);
    });

    test('throws if its function has ended the transaction itself', () => {
      expect(refused(() => db.transactionSync(() => db.execSync('ROLLBACK')))).toMatchObject({
        code: 'ERR_CLOSED',
      });
      insert('one');
      expect(names()).toEqual(['one']);
    });

    test('rolls back if the commit is refused', () => {
      db.execSync('CREATE TABLE parts (item REFERENCES items DEFERRABLE INITIALLY DEFERRED)');
      const error = refused(() =>
        db.transactionSync(() => {
          insert('one');
          db.runSync('INSERT INTO parts VALUES (99)');
        }),
      );
      expect(error).toMatchObject({ code: 'SQLITE_CONSTRAINT' });
      expect([names(), db.isTransaction]).toEqual([[], false]);
    });

    test('throws in the middle if the actor is taken over, and nothing is left', async () => {
      // Between two synchronous calls nothing can happen on this thread, but for this start, which has begun.
      const other = store.openDatabase('a', { allowBlocking: true });
      const error = refused(() => {
        for (;;) {
          db.transactionSync(() => {
            insert('lost');
            insert('lost, too');
          });
          db.execSync('DELETE FROM items');
        }
      });
      expect(error).toMatchObject({ code: 'ERR_FENCE_MISMATCH' });
      expect(refused(() => names())).toMatchObject({ code: 'ERR_FENCE_MISMATCH' });
      const next = await other;
      expect(names(next).length % 2).toBe(0);
    });
  });

  describe.each(['full', 'deferred'])(
    'a fence that a call in the middle of transactionSync finds (%s)',
    (durability) => {
      let next;
      beforeEach(async () => {
        db.runSync(
          'INSERT INTO items WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) ' +
            'SELECT i, hex(zeroblob(100)) FROM n',
        );
        await db.close();
        // Of its pages the first one is in memory.
        const options = {
          durability,
          allowBlocking: true,
          readAhead: false,
          preload: { hints: false, maxBytes: 0 },
        };
        db = await store.openDatabase('a', options);
        next = await store.openDatabase('a', { allowBlocking: true });
      });

      const isOver = async () => {
        expect(db.isTransaction).toBe(false);
        for (const call of [
          () => db.getSync('SELECT 1'),
          () => insert('too late'),
          () => db.transactionSync(() => 1),
          () => db.flushed(),
          () => db.run('DELETE FROM items'),
        ]) {
          expect((await rejection((async () => call())())).code).toBe('ERR_FENCE_MISMATCH');
        }
        expect(db.fencedBy).toMatchObject({ code: 'ERR_FENCE_MISMATCH' });
        expect(next.getSync('SELECT count(*) AS n FROM items')).toEqual({ n: 5_000 });
        await db.close();
      };

      test('is thrown by that call, and by transactionSync', async () => {
        let inside;
        const error = refused(() =>
          db.transactionSync(() => {
            inside = refused(() => insert('lost'));
            throw inside;
          }),
        );
        expect(inside.code).toBe('ERR_FENCE_MISMATCH');
        expect(error).toBe(inside);
        await isOver();
      });

      test('is thrown by transactionSync although its function has caught it', async () => {
        const codes = [];
        const error = refused(() =>
          db.transactionSync(() => {
            for (let call = 0; call < 3; call += 1) codes.push(refused(() => insert('lost')).code);
            return 'all is well';
          }),
        );
        expect([...codes, error.code]).toEqual(Array(4).fill('ERR_FENCE_MISMATCH'));
        await isOver();
      });

      test('is told to every later call of an asynchronous transaction, too', async () => {
        const codes = [];
        const transaction = db.transaction(async (tx) => {
          for (const call of [
            () => tx.run('DELETE FROM items'),
            () => tx.get('SELECT 1'),
            () => insert('lost', tx),
          ]) {
            codes.push((await rejection((async () => call())())).code);
          }
        });
        codes.push((await rejection(transaction)).code);
        expect(codes).toEqual(Array(4).fill('ERR_FENCE_MISMATCH'));
        await isOver();
      });
    },
  );

  describe('a busy database', () => {
    test('refuses synchronous calls until the asynchronous one is answered', async () => {
      const long = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200000)';
      const write = db.run(`${long} INSERT INTO items (name) SELECT 'all ' || max(i) FROM n`);
      expect(refused(() => names())).toMatchObject({ code: 'ERR_BUSY', retryable: true });
      await write;
      expect(names()).toEqual(['all 200000']);
    });

    test('lets only the transaction make calls that is open', async () => {
      await db.transaction(async (tx) => {
        insert('inside', tx);
        expect(refused(() => insert('outside'))).toMatchObject({ code: 'ERR_BUSY' });
        tx.transactionSync(() => insert('nested', tx));
        await tx.run("INSERT INTO items (name) VALUES ('async')");
        expect(names(tx)).toEqual(['inside', 'nested', 'async']);
      });
      expect(names()).toEqual(['inside', 'nested', 'async']);
    });

    test('refuses calls of a transaction that is over', async () => {
      let kept;
      await db.transaction((tx) => {
        kept = tx;
      });
      expect(refused(() => names(kept))).toMatchObject({ code: 'ERR_CLOSED' });
    });
  });

  describe('a closed database', () => {
    test('refuses synchronous calls', async () => {
      const statement = db.prepareSync('SELECT 1');
      await db.close();
      for (const call of [
        () => db.getSync('SELECT 1'),
        () => db.execSync('SELECT 1'),
        () => db.transactionSync(() => {}),
        () => db.prepareSync('SELECT 1'),
        () => db.serializeSync(),
        () => statement.getSync(),
        () => db.iterateSync('SELECT 1').next(),
      ]) {
        expect(refused(call).code).toBe('ERR_CLOSED');
      }
    });

    test('that is closed inside a transaction rolls it back', async () => {
      let closed;
      const error = refused(() =>
        db.transactionSync(() => {
          insert('lost');
          closed = db.close();
          insert('refused');
        }),
      );
      expect(error.code).toBe('ERR_CLOSED');
      await closed;
      const next = await store.openDatabase('a', { allowBlocking: true });
      expect(names(next)).toEqual([]);
    });
  });

  describe('a read-only database', () => {
    test('has synchronous calls, and follows its owner', async () => {
      insert('one');
      const reader = await store.openDatabase('a', { readOnly: true, allowBlocking: true });
      expect(names(reader)).toEqual(['one']);
      insert('two');
      expect(names(reader)).toEqual(['one', 'two']);
      expect(refused(() => insert('three', reader))).toMatchObject({ code: 'SQLITE_READONLY' });
      reader.transactionSync(() => {
        expect(names(reader)).toEqual(['one', 'two']);
        insert('three');
        expect(names(reader)).toEqual(['one', 'two']);
      });
      expect(names(reader)).toEqual(['one', 'two', 'three']);
    });
  });

  describe('deferred durability', () => {
    let deferred;
    beforeEach(async () => {
      await db.close();
      deferred = await store.openDatabase('a', { durability: 'deferred', allowBlocking: true });
    });

    test('makes writes durable later, many at a time, and flushed() waits for that', async () => {
      for (let index = 0; index < 500; index += 1) insert(`item ${index}`, deferred);
      await deferred.run("INSERT INTO items (name) VALUES ('async')");
      await deferred.flushed();
      expect(deferred.stats().transactions).toBe(501);
      const reader = await store.openDatabase('a', { readOnly: true, allowBlocking: true });
      expect(names(reader)).toHaveLength(501);
    });

    test('commits together what is written without an await in between', async () => {
      const { commits } = deferred.stats();
      for (let index = 0; index < 300; index += 1) insert(`item ${index}`, deferred);
      deferred.transactionSync(() => insert('in a transaction', deferred));
      deferred.batchSync(["INSERT INTO items (name) VALUES ('in a batch')"]);
      await null;
      // The first commit is under way, and a second turn does not go along with a third one.
      insert('second turn', deferred);
      deferred.execSync("UPDATE items SET name = 'changed' WHERE name = 'second turn'");
      await deferred.flushed();
      expect(deferred.stats().commits).toBe(commits + 2);
      expect(deferred.stats().transactions).toBe(304);
      const reader = await store.openDatabase('a', { readOnly: true, allowBlocking: true });
      expect(names(reader)).toHaveLength(303);
    });

    test('commits at the end of a turn also under a fake clock', async () => {
      // Those of Jest and Sinon put microtasks off until they are told to go on.
      const fake = jest.spyOn(globalThis, 'queueMicrotask').mockImplementation(() => {});
      insert('one', deferred);
      const putOff = fake.mock.calls.map(([task]) => task);
      fake.mockRestore();
      putOff.forEach((task) => task());
      expect(putOff).toEqual([]);
      await deferred.flushed();
      expect(names(deferred)).toEqual(['one']);
    });

    test('commits in a turn that does not end what has no room in memory', async () => {
      const { commits } = deferred.stats();
      // 12 MiB, each megabyte in pages of its own.
      for (let index = 0; index < 12; index += 1) insert('x'.repeat(1 << 20), deferred);
      expect(names(deferred)).toHaveLength(12);
      await deferred.flushed();
      expect(deferred.stats().commits).toBeGreaterThan(commits + 1);
    });

    test('closes when all is durable', async () => {
      insert('one', deferred);
      await deferred.close();
      expect(names(await store.openDatabase('a', { allowBlocking: true }))).toEqual(['one']);
    });

    test('rejects flushed() and everything after a takeover', async () => {
      insert('durable', deferred);
      await deferred.flushed();
      const next = await store.openDatabase('a', { allowBlocking: true });
      insert('lost', deferred);
      expect((await rejection(deferred.flushed())).code).toBe('ERR_FENCE_MISMATCH');
      expect(refused(() => names(deferred)).code).toBe('ERR_FENCE_MISMATCH');
      expect((await rejection(deferred.get('SELECT 1'))).code).toBe('ERR_FENCE_MISMATCH');
      expect((await rejection(deferred.flushed())).code).toBe('ERR_FENCE_MISMATCH');
      // Nothing new.
      await deferred.close();
      expect(names(next)).toEqual(['durable']);
    });

    test('tells of a loss at the latest when the database is closed', async () => {
      // The pages are in memory then.
      insert('durable', deferred);
      await deferred.flushed();
      const next = await store.openDatabase('a', { allowBlocking: true });
      insert('lost', deferred);
      expect((await rejection(deferred.close())).code).toBe('ERR_FENCE_MISMATCH');
      expect(names(next)).toEqual(['durable']);
      const again = await store.openDatabase('a', { durability: 'deferred', allowBlocking: true });
      insert('durable, too', again);
      await again.flushed();
      const last = await store.openDatabase('a', { allowBlocking: true });
      insert('lost', again);
      // Long enough for the commit to have failed, most of the time.
      await new Promise((resolve) => {
        setTimeout(resolve, 50);
      });
      expect((await rejection(again.close())).code).toBe('ERR_FENCE_MISMATCH');
      expect(names(last)).toEqual(['durable', 'durable, too']);
    });

    test('takes a transaction of any size', async () => {
      insert('before', deferred);
      deferred.runSync(
        'INSERT INTO items WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000) ' +
          'SELECT i + 1, hex(randomblob(2000)) FROM n',
      );
      insert('small', deferred);
      await deferred.flushed();
      const reader = await store.openDatabase('a', { readOnly: true, allowBlocking: true });
      expect(names(reader)).toHaveLength(3_002);
    });

    test('is refused where it makes no sense', async () => {
      for (const options of [{ durability: 'never' }, { durability: 'deferred', readOnly: true }]) {
        expect((await rejection(store.openDatabase('a', options))).code).toBe('ERR_INVALID_ARG');
      }
      expect((await rejection(store.openDatabase('a', { allowBlocking: 'yes' }))).code).toBe(
        'ERR_INVALID_ARG',
      );
    });
  });
});

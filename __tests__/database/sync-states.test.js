// Synchronous calls on a database that is taken over, busy, closed or read-only.

'use strict';

const { onEachBackend, refused, rejection } = require('../helpers.js');
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
});

// Transactions of synchronous calls: commits, rollbacks and savepoints.

'use strict';

const { onEachBackend, refused } = require('../helpers.js');
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
});

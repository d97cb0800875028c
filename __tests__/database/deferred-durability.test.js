// Databases whose writes become durable later: when they are committed, and what flushed() and close() say of them.

'use strict';

const { onEachBackend, refused, rejection } = require('../helpers.js');
const { insert, names, openItems } = require('./sync-helpers.js');

onEachBackend((open) => {
  let store;
  let db;
  beforeEach(async () => {
    store = await open();
    db = await openItems(store);
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

// The provider for rivetkit, called as rivetkit calls it. `npm run test:rivetkit` runs it in a real actor.

'use strict';

const { Store, isBatonError } = require('../..');
const { batonDatabase, sleepWhenFenced } = require('../../adapters/rivetkit.js');
const { onEachBackend } = require('../helpers.js');

const codeOf = (promise) =>
  promise.then(
    () => 'resolved',
    (error) => error.code ?? error.message,
  );

onEachBackend((openStore) => {
  let store;
  beforeEach(async () => {
    store = await openStore();
  });
  const client = (options) => batonDatabase({ store, ...options }).createClient({ actorId: 'room' });

  test('each start takes the actor over, and closing leaves it', async () => {
    const first = await client();
    expect(first.database.startup.generation).toBe(1n);
    await first.execute('CREATE TABLE t(x)');
    await first.close();
    expect(await codeOf(first.execute('SELECT 1'))).toBe('ERR_CLOSED');
    const second = await client();
    expect(second.database.startup.generation).toBe(2n);
    expect(await second.execute('SELECT count(*) AS n FROM t')).toEqual([{ n: 0 }]);
  });

  test('parameters come in order or by name', async () => {
    const db = await client();
    expect(await db.execute('SELECT ? AS a, ? AS b', 1, 'two')).toEqual([{ a: 1, b: 'two' }]);
    expect(await db.execute('SELECT :a AS a', { a: 1 })).toEqual([{ a: 1 }]);
    expect(await db.execute('SELECT ? AS a', Uint8Array.of(1, 2))).toEqual([{ a: Uint8Array.of(1, 2) }]);
    expect(await db.execute('SELECT 9007199254740993 AS a, 7 AS b')).toEqual([
      { a: 9007199254740993n, b: 7 },
    ]);
    expect(await codeOf(db.execute('SELECT ?', [1]))).toBe('ERR_INVALID_ARG');
    expect(await codeOf(db.execute(7))).toBe('ERR_INVALID_ARG');
  });

  test('several statements take place together or not at all', async () => {
    const db = await client();
    const script = 'CREATE TABLE t(x); INSERT INTO t VALUES (1); SELECT x FROM t; -- the end';
    expect(await db.execute(script)).toEqual([{ x: 1 }]);
    expect(await codeOf(db.execute('INSERT INTO t VALUES (2); INSERT INTO nothing VALUES (1)'))).toBe(
      'SQLITE_ERROR',
    );
    expect(await db.execute('SELECT x FROM t')).toEqual([{ x: 1 }]);
    expect(await db.execute('PRAGMA user_version = 3; SELECT 1')).toEqual([{ 1: 1 }]);
    expect(await db.execute('  -- nothing')).toEqual([]);
  });

  test('a transaction is rolled back by what it throws, and nests', async () => {
    const db = await client();
    await db.execute('CREATE TABLE t(x)');
    await db.transaction(async (tx) => {
      await tx.execute('INSERT INTO t VALUES (1)');
      await tx
        .transaction(async (inner) => {
          await inner.execute('INSERT INTO t VALUES (2)');
          throw new Error('no');
        })
        .catch(() => {});
      await tx.close(); // part of rivetkit's interface
      await tx.execute('INSERT INTO t VALUES (3)');
    });
    expect(await codeOf(db.transaction(() => Promise.reject(new Error('mine'))))).toBe('mine');
    expect(await db.execute('SELECT x FROM t')).toEqual([{ x: 1 }, { x: 3 }]);
    const forgotten = db.transaction(() => new Promise(() => {}), { timeout: 50 });
    expect(await Promise.race([forgotten.catch(() => {}), db.execute('SELECT 1 AS one')])).toEqual([
      { one: 1 },
    ]);
    const withState = { experimental: { includeState: true } };
    expect(await codeOf(db.transaction(() => {}, withState))).toBe('ERR_INVALID_ARG');
  });

  test('a migration that fails leaves nothing behind', async () => {
    const provider = batonDatabase({
      store,
      onMigrate: async (db) => {
        await db.execute('CREATE TABLE t(x)');
        await db.execute('CREATE TABLE t(x)');
      },
    });
    const db = await provider.createClient({ actorId: 'room' });
    expect(await codeOf(provider.onMigrate(db))).toBe('SQLITE_ERROR');
    expect(await db.execute('SELECT name FROM sqlite_schema')).toEqual([]);
    await provider.onDestroy(db); // as 2.1 ends a client
    expect(db.database.closed).toBe(true);
  });

  test('an actor that is taken over is told, and sleeps', async () => {
    const told = [];
    const db = await client({ onFenced: (error, actor) => told.push([error.code, actor]) });
    await db.execute('CREATE TABLE t(x)');
    const asleep = new Promise((resolve) => sleepWhenFenced({ db, sleep: () => resolve('asleep') }));
    const next = await client();
    expect(await asleep).toBe('asleep');
    expect(told).toEqual([['ERR_FENCE_MISMATCH', { actorId: 'room' }]]);
    expect(isBatonError(db.fenced.reason, 'ERR_FENCE_MISMATCH')).toBe(true);
    expect(await codeOf(db.execute('INSERT INTO t VALUES (1)'))).toBe('ERR_FENCE_MISMATCH');
    expect(await next.execute('SELECT * FROM t')).toEqual([]);
    // Too late to listen: at once.
    expect(await new Promise((resolve) => sleepWhenFenced({ db, sleep: () => resolve('asleep') }))).toBe(
      'asleep',
    );
  });

  test('a database is deleted without telling its own actor', async () => {
    const told = jest.fn();
    const db = await client({ onFenced: told });
    await db.execute('CREATE TABLE t(x)');
    expect(await db.deleteDatabase()).toBe(true);
    expect(await store.stat('room')).toBeUndefined();
    expect(told).not.toHaveBeenCalled();
  });

  test('of starts at the same moment those that lost fail, and may be tried again', async () => {
    const starts = await Promise.allSettled(Array.from({ length: 8 }, () => client()));
    const lost = starts.filter(({ status }) => status === 'rejected').map(({ reason }) => reason);
    expect(lost.length).toBeLessThan(8);
    for (const error of lost) {
      expect([error.code, error.retryable, error.actor]).toEqual(['ERR_CONCURRENT_TAKEOVER', true, 'room']);
    }
  });
});

test.each([
  ['nothing', undefined],
  ['no store', {}],
  ['something else for a store', { store: 7 }],
  ['an unknown option', { store: () => {}, nane: 1 }],
  ['something else for a function', { store: () => {}, onMigrate: 7 }],
  ['onFenced where it does not belong', { store: () => {}, databaseOptions: { onFenced: () => {} } }],
])('%s is refused', (_, options) => {
  let error;
  try {
    batonDatabase(options);
  } catch (thrown) {
    error = thrown;
  }
  expect(isBatonError(error, 'ERR_INVALID_ARG')).toBe(true);
});

test('an actor without an id, as before rivetkit 2.1, is refused', async () => {
  const store = await Store.open({ memory: true });
  expect(await codeOf(batonDatabase({ store }).createClient({}))).toBe('ERR_INVALID_ARG');
  const named = batonDatabase({ store: async () => store, actorId: () => 'mine' });
  expect((await named.createClient({})).database.actorId).toBe('mine');
  await store.close();
});

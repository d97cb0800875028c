'use strict';

const { setImmediate: turn } = require('node:timers/promises');

const { Store, isBatonError } = require('../..');
const { onEachBackend, onEachSharedBackend, rejection, runNode } = require('../helpers.js');

/** Resolves when the callback is called. The test's time limit ends the wait. */
function fencing() {
  const calls = [];
  let resolve;
  const called = new Promise((done) => {
    resolve = done;
  });
  const onFenced = (error) => {
    calls.push(error);
    resolve(error);
  };
  return { onFenced, called, calls };
}

const opened = [];
afterEach(() => Promise.all(opened.splice(0).map((store) => store.close())));

async function withTable(store, options) {
  const db = await store.openDatabase('a', options);
  await db.exec('CREATE TABLE IF NOT EXISTS t (x INTEGER); INSERT INTO t VALUES (1)');
  return db;
}

const fence = (held, current) => ({
  code: 'ERR_FENCE_MISMATCH',
  retryable: false,
  actor: 'a',
  held,
  current,
});

onEachSharedBackend((place) => {
  /** Two stores on one place, as two processes have them. */
  async function twoStores() {
    const options = place();
    const stores = [await Store.open(options), await Store.open(options)];
    opened.push(...stores);
    return stores;
  }

  describe('a database that another store took over', () => {
    test('fails with its next write, and nothing of it is visible', async () => {
      const [one, two] = await twoStores();
      const older = await withTable(one);
      const newer = await two.openDatabase('a');
      expect(newer.startup).toMatchObject({ outcome: 'won', generation: 2n });
      const error = await rejection(older.run('INSERT INTO t VALUES (2)'));
      expect(error).toMatchObject(fence(1n, 2n));
      expect(older.fencedBy).toBe(error);
      expect(await newer.all('SELECT x FROM t')).toEqual([{ x: 1 }]);
      await newer.run('INSERT INTO t VALUES (3)');
      expect(await newer.all('SELECT x FROM t')).toEqual([{ x: 1 }, { x: 3 }]);
    });

    test('answers every call with the same error from then on, and can be closed', async () => {
      const [one, two] = await twoStores();
      const older = await withTable(one);
      await two.openDatabase('a');
      await rejection(older.run('INSERT INTO t VALUES (2)'));
      const calls = [
        () => older.exec('SELECT 1'),
        () => older.run('SELECT 1'),
        () => older.get('SELECT x FROM t'),
        () => older.all('SELECT x FROM t'),
        () => older.iterate('SELECT x FROM t').next(),
        () => older.batch(['SELECT 1']),
        () => older.prepare('SELECT 1'),
        () => older.transaction((tx) => tx.get('SELECT 1')),
      ];
      for (const call of calls) {
        expect(await rejection(call())).toMatchObject(fence(1n, 2n));
      }
      await older.close();
    });

    test('loses its whole transaction', async () => {
      const [one, two] = await twoStores();
      const older = await withTable(one);
      let newer;
      const failed = older.transaction(async (tx) => {
        await tx.run('INSERT INTO t VALUES (2)');
        newer = await two.openDatabase('a');
        await tx.run('INSERT INTO t VALUES (3)');
      });
      expect(await rejection(failed)).toMatchObject(fence(1n, 2n));
      expect(await newer.all('SELECT x FROM t')).toEqual([{ x: 1 }]);
    });

    test('never mixes two states in one answer', async () => {
      const [one, two] = await twoStores();
      const older = await one.openDatabase('a');
      // Every row has the number of its round, and a round fills some hundred pages.
      await older.exec(`
      CREATE TABLE pages (round INTEGER, filler BLOB);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
      INSERT INTO pages SELECT 0, zeroblob(3000) FROM n;
    `);
      const newer = await two.openDatabase('a');
      for (let round = 1; round <= 5; round += 1) {
        await newer.run('UPDATE pages SET round = ?', [round]);
        const read = await older
          .get('SELECT min(round) AS low, max(round) AS high FROM pages')
          .catch((error) => {
            expect(isBatonError(error, 'ERR_FENCE_MISMATCH')).toBe(true);
          });
        expect(read === undefined || read.low === read.high).toBe(true);
      }
    });
  });

  describe('onFenced', () => {
    test('is called once, with the error of the call that learned it', async () => {
      const [one, two] = await twoStores();
      const { onFenced, called, calls } = fencing();
      const older = await withTable(one, { onFenced });
      await two.openDatabase('a');
      const errors = await Promise.all(
        [1, 2, 3].map((x) => rejection(older.run('INSERT INTO t VALUES (?)', [x]))),
      );
      expect(await called).toMatchObject(fence(1n, 2n));
      await rejection(older.get('SELECT x FROM t'));
      await turn();
      expect(calls).toHaveLength(1);
      expect(errors.every(({ code }) => code === 'ERR_FENCE_MISMATCH')).toBe(true);
      expect(older.fencedBy).toBe(calls[0]);
    });

    test('is called without any call of the database', async () => {
      const [one, two] = await twoStores();
      const { onFenced, called } = fencing();
      const older = await withTable(one, { onFenced });
      await two.loadStartup('a');
      expect(await called).toMatchObject(fence(1n, 2n));
      expect(await rejection(older.run('INSERT INTO t VALUES (2)'))).toMatchObject({
        code: 'ERR_FENCE_MISMATCH',
      });
    });

    test('is called when the actor is deleted', async () => {
      const [one, two] = await twoStores();
      const { onFenced, called, calls } = fencing();
      const older = await withTable(one, { onFenced });
      expect(await two.delete('a')).toBe(true);
      expect(await called).toMatchObject({ code: 'ERR_NOT_FOUND', actor: 'a', retryable: false });
      expect((await rejection(older.run('INSERT INTO t VALUES (2)'))).code).toBe('ERR_NOT_FOUND');
      expect(calls).toHaveLength(1);
      expect(older.fencedBy).toBe(calls[0]);
    });

    test('is not called for a database that stays the owner, or one that is closed', async () => {
      const [one, two] = await twoStores();
      const { onFenced, calls } = fencing();
      const first = await withTable(one, { onFenced });
      await two.openDatabase('b');
      await first.close();
      await two.openDatabase('a');
      await one.loadStartup('a');
      await turn();
      expect(calls).toEqual([]);
      expect(first.fencedBy).toBeUndefined();
    });
  });
});

describe('onFenced', () => {
  test('that throws is an uncaught exception, and does not change the answer of the call', async () => {
    const program = `
      const { Store } = require('./');
      process.on('uncaughtException', (error) => console.log('uncaught', error.message));
      (async () => {
        const store = await Store.open({ memory: true });
        const older = await store.openDatabase('a', { onFenced() { throw new Error('mine'); } });
        await older.exec('CREATE TABLE t (x)');
        await store.openDatabase('a');
        await older.exec('INSERT INTO t VALUES (1)').catch((error) => console.log(error.code));
        await older.exec('SELECT 1').catch((error) => console.log(error.code));
        await store.close();
      })();
    `;
    const { stdout } = await runNode('-e', program);
    expect(stdout.split('\n').sort()).toEqual([
      '',
      'ERR_FENCE_MISMATCH',
      'ERR_FENCE_MISMATCH',
      'uncaught mine',
    ]);
  });

  test('does not keep a process alive', async () => {
    const program = `
      const { Store } = require('./');
      Store.open({ memory: true }).then((store) => store.openDatabase('a', { onFenced() {} })).then(() => console.log('open'));
    `;
    expect((await runNode('-e', program)).stdout).toBe('open\n');
  });
});

onEachBackend((open) => {
  test.each([
    ['loadStartup', (store) => store.loadStartup('a')],
    ['openDatabase', (store) => store.openDatabase('a')],
  ])(
    'a takeover by %s of the same store is told without waiting for the next check',
    async (_name, takeOver) => {
      jest.useFakeTimers({ doNotFake: ['queueMicrotask', 'nextTick', 'setImmediate', 'performance'] });
      try {
        const store = await open();
        const { onFenced, called } = fencing();
        await withTable(store, { onFenced });
        await takeOver(store);
        expect(await called).toMatchObject(fence(1n, 2n));
      } finally {
        jest.useRealTimers();
      }
    },
  );

  test('databases that are opened at the same time agree on the last one', async () => {
    const store = await open();
    const databases = await Promise.all(Array.from({ length: 8 }, () => store.openDatabase('a')));
    const generations = databases.map(({ startup }) => startup.generation);
    const last = generations.reduce((one, other) => (one > other ? one : other));
    const writes = databases.map((db, index) =>
      db.exec(`CREATE TABLE t${index} (x)`).then(
        () => ({ index }),
        (error) => ({ index, error }),
      ),
    );
    const outcomes = await Promise.all(writes);
    const winners = outcomes.filter(({ error }) => error === undefined);
    // Those that lost share the last generation with its owner: the first of them to commit wins.
    expect(winners).toHaveLength(1);
    expect(generations[winners[0].index]).toBe(last);
    for (const { error } of outcomes.filter((outcome) => outcome.error)) {
      expect(error).toMatchObject({ code: 'ERR_FENCE_MISMATCH', actor: 'a' });
    }
    const names = await databases[winners[0].index].all('SELECT name FROM sqlite_schema');
    expect(names).toEqual([{ name: `t${winners[0].index}` }]);
  });
});

test('a database that lost the race works as long as it is the only one to commit', async () => {
  const { winner, loser } = await race();
  expect(loser.startup.generation).toBe(winner.startup.generation);
  await loser.exec('CREATE TABLE t (x); INSERT INTO t VALUES (1)');
  expect(await loser.all('SELECT x FROM t')).toEqual([{ x: 1 }]);
  const error = await rejection(winner.exec('CREATE TABLE t (x)'));
  const generation = winner.startup.generation;
  expect(error).toMatchObject(fence(generation, generation));
  expect(error.currentHeadTxid).toBeGreaterThan(error.heldHeadTxid);
});

/** Opens databases until two of them share the last generation. */
async function race() {
  for (;;) {
    const store = await Store.open({ memory: true });
    const databases = await Promise.all(Array.from({ length: 4 }, () => store.openDatabase('a')));
    const { generation } = await store.stat('a');
    const last = databases.filter(({ startup }) => startup.generation === generation);
    const winner = last.find(({ startup }) => startup.outcome === 'won');
    const loser = last.find(({ startup }) => startup.outcome === 'lost');
    if (winner && loser) {
      opened.push(store);
      return { winner, loser };
    }
    await store.close();
  }
}

'use strict';

const { join } = require('node:path');
const { execFile } = require('node:child_process');

const { Store, isBatonError } = require('../..');
const { startCluster } = require('../cluster/server.js');
const { ROOT, clusterPlace, describeOnCluster, describeWithServer } = require('../helpers.js');

const EXITS = 30;
const TIMEOUT_MS = 120_000;

/** Repeats a call until the store can be reached again. What came of a failed one is for the caller to see. */
async function again(call) {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!isBatonError(error, 'ERR_UNAVAILABLE') && !isBatonError(error, 'ERR_COMMIT_UNKNOWN')) {
        throw error;
      }
    }
  }
}

describeWithServer('a cluster that is paused and killed', () => {
  let cluster;
  let store;
  beforeAll(async () => {
    cluster = await startCluster('ssd');
    const { clusterFile } = cluster;
    store = await Store.open({ foundationdb: { clusterFile, prefix: 'outage', timeoutMs: 3_000 } });
  }, TIMEOUT_MS);
  afterAll(async () => {
    await store.close();
    await cluster.stop();
  });

  test(
    'a database goes on after its cluster was silent, and after it was killed',
    async () => {
      const db = await store.openDatabase('a');
      await db.exec('CREATE TABLE t (x INTEGER PRIMARY KEY, filler BLOB)');
      const outages = [
        async () => {
          cluster.pause();
          return () => cluster.resume();
        },
        async () => {
          await cluster.kill();
          return () => cluster.restart();
        },
      ];
      for (const [index, begin] of outages.entries()) {
        await db.run('INSERT INTO t VALUES (?, zeroblob(100000))', [index]);
        const end = await begin();
        const started = performance.now();
        const error = await db.run('UPDATE t SET x = x + 100').catch((reason) => reason);
        expect(['ERR_UNAVAILABLE', 'ERR_COMMIT_UNKNOWN']).toContain(error.code);
        // Twice the time that was set, and some for a busy machine.
        expect(performance.now() - started).toBeLessThan(12_000);
        await end();
        await again(() =>
          db.transaction(async (tx) => {
            await tx.run('DELETE FROM t WHERE x >= 50');
            await tx.run('INSERT OR REPLACE INTO t VALUES (?, NULL)', [index]);
          }),
        );
        expect(await db.get('SELECT count(*) AS count FROM t WHERE x = ?', [index])).toEqual({ count: 1 });
      }
    },
    TIMEOUT_MS,
  );
});

describeOnCluster('a process with calls on a cluster', () => {
  const script = join(__dirname, '..', 'fixtures', 'exit-busy.js');

  /** How a process ended that was told to, at some moment of its work. */
  function exit(code, pauseMs) {
    const args = [script, JSON.stringify(clusterPlace()), String(code), String(pauseMs)];
    return new Promise((settle) => {
      execFile(process.execPath, args, { cwd: ROOT }, (error, _stdout, stderr) => {
        settle({ code: error ? error.code : 0, signal: error?.signal ?? null, stderr });
      });
    });
  }

  test(
    'exits when it is told to, with the code that it was told',
    async () => {
      for (let code = 0; code < EXITS; code += 1) {
        expect(await exit(code, code * 3)).toEqual({ code, signal: null, stderr: '' });
      }
    },
    TIMEOUT_MS,
  );
});

'use strict';

// What only a cluster has: its status, and a client whose thread must be stopped when the process ends.

const { execFile } = require('node:child_process');
const { join } = require('node:path');

const { Store } = require('../..');
const { ROOT, clusterPlace, describeOnCluster } = require('../helpers.js');

const ENDS = 10;
const TIMEOUT_MS = 120_000;

describeOnCluster('on a cluster', () => {
  test('status sums up what the cluster says of itself', async () => {
    const place = clusterPlace();
    const store = await Store.open(place);
    const { foundationdb, ...status } = await store.status();
    // A cluster that was made for the tests may still move data, which is not `healthy`.
    expect(status).toMatchObject({ backend: 'foundationdb', available: true });
    expect(foundationdb).toMatchObject({
      clientLibrary: expect.stringContaining('fdb_c'),
      clientVersion: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      clusterVersion: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      clusterFile: place.foundationdb.clusterFile,
      locked: false,
      json: { client: expect.any(Object), cluster: expect.any(Object) },
    });
    expect(foundationdb.processes).toBeGreaterThan(0);
    expect(foundationdb.coordinators).toContainEqual({ address: expect.any(String), reachable: true });
    await store.close();
  });

  test('two prefixes of which one begins with the other are two stores', async () => {
    const { foundationdb } = clusterPlace();
    const long = { ...foundationdb, prefix: `${foundationdb.prefix}x` };
    const [one, other] = await Promise.all([
      Store.open({ foundationdb }),
      Store.open({ foundationdb: long }),
    ]);
    await one.loadStartup('a');
    expect(await other.list()).toEqual([]);
    await other.loadStartup('b');
    expect(await one.list()).toEqual([{ actorId: 'a' }]);
    await Promise.all([one.close(), other.close()]);
  });

  describe('a process ends well', () => {
    /** How a program ended that was given a place to open. */
    function run(fixture) {
      const args = [join(__dirname, '..', 'fixtures', fixture), JSON.stringify(clusterPlace())];
      return new Promise((settle) => {
        execFile(process.execPath, args, { cwd: ROOT }, (error, _stdout, stderr) => {
          settle({ code: error ? error.code : 0, signal: error?.signal ?? null, stderr });
        });
      });
    }

    test.each([
      ['by itself, with a store that it closed', 'end-closed.js'],
      ['whose worker threads alone used the store', 'end-workers.js'],
    ])(
      '%s',
      async (_name, fixture) => {
        for (let end = 0; end < ENDS; end += 1) {
          expect(await run(fixture)).toEqual({ code: 0, signal: null, stderr: '' });
        }
      },
      TIMEOUT_MS,
    );
  });
});

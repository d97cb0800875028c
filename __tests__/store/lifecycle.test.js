'use strict';

const { existsSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');

const { Store } = require('../..');
const {
  onEachBackend,
  onEachSharedBackend,
  page,
  rejection,
  runNode,
  startWith,
  temporaryDirectory,
} = require('../helpers.js');

const fixture = (name) => join(__dirname, '..', 'fixtures', name);

onEachBackend((open) => {
  test('every method of a closed store rejects with ERR_CLOSED', async () => {
    const store = await open();
    await store.close();
    const calls = [
      store.loadStartup('a'),
      store.getPages('a', { generation: 1n, pages: [1] }),
      store.commit('a', { generation: 1n, headTxid: 0n, sizePages: 0, pages: [] }),
      store.stat('a'),
      store.list(),
      store.actors().next(),
      store.delete('a'),
      store.importFrom('a', 'x.sqlite'),
      store.exportTo('a', 'x.sqlite'),
    ];
    for (const call of calls) {
      expect(await rejection(call)).toMatchObject({ code: 'ERR_CLOSED', retryable: false });
    }
  });

  test('closing again, also at the same time, is the same closing', async () => {
    const store = await open();
    await Promise.all([store.close(), store.close(), store[Symbol.asyncDispose]()]);
    await store.close();
  });

  test('a call made before close is answered, and close waits for it', async () => {
    const store = await open();
    const { generation } = await store.loadStartup('a');
    const order = [];
    const commit = store
      .commit('a', {
        generation,
        headTxid: 0n,
        sizePages: 200,
        pages: Array.from({ length: 200 }, (_, index) => ({ page: index + 1, data: page(index) })),
      })
      .then(() => order.push('commit'));
    const close = store.close().then(() => order.push('close'));
    expect((await rejection(store.stat('a'))).code).toBe('ERR_CLOSED');
    await Promise.all([commit, close]);
    expect(order).toEqual(['commit', 'close']);
  });

  test('Symbol.asyncDispose closes', async () => {
    const store = await open();
    await store[Symbol.asyncDispose]();
    expect((await rejection(store.stat('a'))).code).toBe('ERR_CLOSED');
  });
});

test('each store in memory is its own', async () => {
  const [one, other] = await Promise.all([Store.open({ memory: true }), Store.open({ memory: true })]);
  await one.loadStartup('a');
  expect(await other.stat('a')).toBeUndefined();
  await Promise.all([one.close(), other.close()]);
});

describe('a store in a directory', () => {
  const directory = temporaryDirectory();

  test('has its directories made on the way', async () => {
    const path = join(directory, 'made', 'on', 'the', 'way');
    const store = await Store.open({ path });
    await store.loadStartup('a');
    await store.close();
    expect(existsSync(join(path, 'data.mdb'))).toBe(true);
  });

  test('that cannot be one is refused, with its name', async () => {
    const file = join(directory, 'a-file');
    writeFileSync(file, 'hello');
    const refused = [
      [file, 'ERR_INVALID_ARG'],
      [join(file, 'below'), 'ERR_UNAVAILABLE'],
    ];
    for (const [path, code] of refused) {
      const error = await rejection(Store.open({ path }));
      expect(error.code).toBe(code);
      expect(error.message).toContain(file);
    }
  });
});

onEachSharedBackend((place) => {
  describe('a store', () => {
    test('is there again after it was closed', async () => {
      const options = place();
      const first = await Store.open(options);
      const held = await startWith(first, 'a', [page(1), page(2)]);
      await first.close();
      const second = await Store.open(options);
      const startup = await second.loadStartup('a');
      expect(startup).toMatchObject({ outcome: 'won', generation: held.generation + 1n });
      expect(startup.meta).toMatchObject({ headTxid: held.headTxid, sizePages: 2 });
      await second.close();
    });

    test('opened twice is one store, and lives until the last is closed', async () => {
      const options = place();
      const [one, other] = await Promise.all([Store.open(options), Store.open(options)]);
      await one.loadStartup('a');
      expect(await other.stat('a')).toMatchObject({ generation: 1n });
      await one.close();
      expect((await other.loadStartup('a')).generation).toBe(2n);
      await other.close();
    });

    test('has every commit that was under way when it was closed, abandoned or not', async () => {
      const options = place();
      const store = await Store.open(options);
      const { generation } = await store.loadStartup('a');
      const controller = new AbortController();
      const commit = store.commit('a', {
        generation,
        headTxid: 0n,
        sizePages: 1,
        pages: [{ page: 1, data: page(1) }],
        signal: controller.signal,
      });
      controller.abort();
      expect((await rejection(commit)).code).toBe('ERR_ABORTED');
      await store.close();
      const again = await Store.open(options);
      expect(await again.stat('a')).toMatchObject({ sizePages: 1 });
      await again.close();
    });

    test('is shared by worker threads, which race for its actors', async () => {
      const options = place();
      const workers = Array.from(
        { length: 4 },
        () => new Worker(fixture('racing-worker.js'), { workerData: { place: options, rounds: 25 } }),
      );
      const exits = workers.map((worker) => once(worker, 'exit'));
      const answers = (await Promise.all(workers.map((worker) => once(worker, 'message')))).flat(2);
      expect((await Promise.all(exits)).flat()).toEqual([0, 0, 0, 0]);
      expect(answers).toHaveLength(100);
      const won = answers.filter(({ outcome }) => outcome === 'won').map(({ generation }) => generation);
      const expected = Array.from({ length: won.length }, (_, index) => BigInt(index + 1));
      expect(won.sort((a, b) => (a < b ? -1 : 1))).toEqual(expected);
      for (const { outcome, size } of answers.filter((answer) => answer.outcome === 'lost')) {
        expect({ outcome, size }).toEqual({ outcome: 'lost', size: 0 });
      }
    });

    test('outlives a worker that is terminated with calls under way', async () => {
      const options = place();
      const store = await Store.open(options);
      for (let round = 0; round < 5; round += 1) {
        const worker = new Worker(fixture('busy-worker.js'), {
          workerData: { place: options, actorId: `a${round}` },
        });
        await once(worker, 'message');
        await worker.terminate();
        expect(await store.loadStartup(`a${round}`)).toMatchObject({ outcome: 'won' });
      }
      await store.close();
    });
  });

  describe('a process', () => {
    const run = (name) => runNode(fixture(name), JSON.stringify(place()));

    test('ends by itself with an unclosed store', async () => {
      const { stdout, stderr } = await run('unclosed.js');
      expect({ stdout, stderr }).toEqual({ stdout: 'won 1\n', stderr: '' });
    });

    test('ends by itself when all its calls are in workers that are terminated', async () => {
      const { stdout, stderr } = await run('terminate-workers.js');
      expect({ stdout, stderr }).toEqual({ stdout: 'done\n', stderr: '' });
    });

    test('may call process.exit with calls under way', async () => {
      const { stderr } = await run('exit-busy.js');
      expect(stderr).toBe('');
    });
  });
});

describe('a process', () => {
  test('ends by itself with an unclosed store in memory', async () => {
    const { stdout, stderr } = await runNode(fixture('unclosed.js'), JSON.stringify({ memory: true }));
    expect({ stdout, stderr }).toEqual({ stdout: 'won 1\n', stderr: '' });
  });

  test('may end a store with await using, compiled or not', async () => {
    // Node 20 does not parse `await using`, so this is what a compiler makes of it.
    const { stdout } = await runNode(
      '-e',
      `
      const { Store } = require('./');
      (async () => {
        const store = await Store.open({ memory: true });
        try { await store.loadStartup('a'); } finally { await store[Symbol.asyncDispose](); }
        await store.stat('a').catch((error) => console.log(error.code));
      })();
    `,
    );
    expect(stdout).toBe('ERR_CLOSED\n');
  });
});

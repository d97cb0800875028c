'use strict';

const { getEventListeners } = require('node:events');
const { setImmediate } = require('node:timers/promises');

const { onEachBackend, page, rejection } = require('../helpers.js');

onEachBackend((open) => {
  let store;
  beforeEach(async () => {
    store = await open();
  });

  const operations = [
    ['loadStartup', (signal) => store.loadStartup('a', { signal })],
    ['getPages', (signal) => store.getPages('a', { generation: 1n, pages: [1], signal })],
    [
      'commit',
      (signal) =>
        store.commit('a', {
          generation: 1n,
          headTxid: 0n,
          sizePages: 1,
          pages: [{ page: 1, data: page(1) }],
          signal,
        }),
    ],
  ];

  describe.each(operations)('%s', (name, operation) => {
    test('with a signal that is aborted already does nothing', async () => {
      const reason = new Error('never mind');
      const error = await rejection(operation(AbortSignal.abort(reason)));
      expect(error).toMatchObject({ code: 'ERR_ABORTED', retryable: false });
      expect(error.cause).toBe(reason);
      expect(error.message).toContain('nothing was done');
      expect(await store.stat('a')).toBeUndefined();
    });

    test('rejects at once when the signal is aborted later, and does not claim that nothing happened', async () => {
      await store.loadStartup('a');
      const controller = new AbortController();
      const promise = operation(controller.signal);
      expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
      controller.abort();
      const error = await rejection(promise);
      expect(error).toMatchObject({ code: 'ERR_ABORTED', retryable: false });
      expect(error.message).toContain('may still take effect');
      expect(error.cause).toBe(controller.signal.reason);
      expect(error.stack).toMatch(new RegExp(`at (async )?Store\\.${name}`));
      expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    });

    test('leaves no listener behind when it succeeds', async () => {
      await store.loadStartup('a');
      const { signal } = new AbortController();
      await operation(signal);
      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    });

    test('leaves no listener behind when it fails', async () => {
      await store.close();
      const { signal } = new AbortController();
      expect((await rejection(operation(signal))).code).toBe('ERR_CLOSED');
      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    });
  });

  test('a failure of the addon leaves no listener behind either', async () => {
    const { signal } = new AbortController();
    const error = await rejection(store.getPages('nobody', { generation: 1n, pages: [1], signal }));
    expect(error.code).toBe('ERR_NOT_FOUND');
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test('a commit that was aborted under way takes effect all the same', async () => {
    const { generation } = await store.loadStartup('a');
    const controller = new AbortController();
    const committed = store.commit('a', {
      generation,
      headTxid: 0n,
      sizePages: 1,
      pages: [{ page: 1, data: page(1) }],
      signal: controller.signal,
    });
    controller.abort();
    expect((await rejection(committed)).code).toBe('ERR_ABORTED');
    // The test's time limit ends this loop if the commit never arrives.
    while ((await store.stat('a')).headTxid === 0n) {
      await setImmediate();
    }
    expect(await store.stat('a')).toMatchObject({ sizePages: 1 });
  });
});

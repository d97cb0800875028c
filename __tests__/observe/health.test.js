'use strict';

const { join } = require('node:path');

const { Store } = require('../..');
const { expectRefusal, onEachBackend, rejection, temporaryDirectory } = require('../helpers.js');

const temporary = temporaryDirectory();

onEachBackend((open) => {
  test('ping reads from the store and says how long it took', async () => {
    const store = await open();
    const before = performance.now();
    const { latencyMs } = await store.ping();
    const spent = performance.now() - before;
    expect(latencyMs).toBeGreaterThan(0);
    expect(latencyMs).toBeLessThanOrEqual(spent);
    expect(await store.ping({})).toEqual({ latencyMs: expect.any(Number) });
    expect(await store.ping({ signal: new AbortController().signal })).toBeDefined();
  });

  test('ping can be aborted', async () => {
    const store = await open();
    const error = await rejection(store.ping({ signal: AbortSignal.abort(new Error('enough')) }));
    expect(error.code).toBe('ERR_ABORTED');
    expect(error.cause.message).toBe('enough');
  });

  test('ping takes part in the closing of a store', async () => {
    const store = await open();
    const pings = Array.from({ length: 10 }, () => store.ping());
    await store.close();
    for (const { latencyMs } of await Promise.all(pings)) {
      expect(latencyMs).toBeGreaterThan(0);
    }
  });

  test('a closed store answers neither ping nor status', async () => {
    const store = await open();
    await store.close();
    await expectRefusal(() => store.ping(), 'ERR_CLOSED');
    await expectRefusal(() => store.status(), 'ERR_CLOSED');
  });
});

test.each([
  [5, ['"options"', '5']],
  [{ timeoutMs: 5 }, ['"options"', "'timeoutMs'", '"signal"']],
  [{ signal: 5 }, ['options.signal', 'AbortSignal', '5']],
])('ping refuses %p', async (options, fragments) => {
  const store = await Store.open({ memory: true });
  await expectRefusal(() => store.ping(options), 'ERR_INVALID_ARG', ...fragments);
  await store.close();
});

test.each([
  ['memory', () => ({ memory: true })],
  ['embedded', () => ({ path: temporary })],
])('a store of the backend %s says so, and that it is well', async (backend, options) => {
  const store = await Store.open(options());
  const { journal, ...status } = await store.status();
  expect(status).toEqual({ backend, available: true, healthy: true, messages: [] });
  expect(journal !== undefined).toBe(backend === 'embedded');
  await store.close();
});

test('the status of a store in a directory tells what its journal holds', async () => {
  const store = await Store.open({ path: join(temporary, 'journal') });
  await store.loadStartup('a');
  const { journal } = await store.status();
  expect(journal).toEqual({
    segments: [{ number: 1, fileBytes: expect.any(Number) }],
    checkpoint: expect.any(Number),
    checkpointAgeMs: expect.any(Number),
    newest: journal.checkpoint + journal.records,
    records: expect.any(Number),
    bytes: expect.any(Number),
  });
  expect(journal.records).toBeGreaterThan(0);
  expect(journal.bytes).toBeGreaterThanOrEqual(journal.records * 4096);
  await store.close();
});

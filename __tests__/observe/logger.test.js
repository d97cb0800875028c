'use strict';

const { Worker } = require('node:worker_threads');
const { once } = require('node:events');

const { setLogger } = require('../..');
const { ROOT, expectRefusal, onEachBackend, page, runNode, startWith } = require('../helpers.js');

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const traceparent = `00-${TRACE}-${SPAN}-01`;

afterEach(() => setLogger(null));

/** A logger whose records end up in the answer's `records`. */
function collect(options) {
  const records = [];
  const logger = setLogger(options, (record) => records.push(record));
  const named = (name) => records.filter((record) => record.name === name);
  return { logger, records, named };
}

onEachBackend((open) => {
  test('a record has its name, its level, its fields and the spans around it', async () => {
    const { logger, named } = collect({ filter: 'off,baton=trace' });
    const store = await open();
    const { generation } = await startWith(store, 'a\u0000b', [page(1), page(2)]);
    await store.getPages('a\u0000b', { generation, pages: [1, 2] });
    await logger.flush();
    const [won] = named('startup.won');
    expect(won).toMatchObject({ level: 'debug', target: 'baton::startup', message: 'took the actor over' });
    expect(won.fields).toMatchObject({
      actor: 'a\u0000b',
      generation: 1n,
      txid: 0n,
      pages: 0,
      outcome: 'won',
    });
    expect(won.fields.duration_ms).toBeGreaterThan(0);
    expect(Math.abs(won.time.getTime() - Date.now())).toBeLessThan(60_000);
    const [done] = named('commit.done');
    expect(done.fields).toMatchObject({ generation: 1n, txid: 1n, pages: 2, bytes: 8192 });
    expect(done.spans).toEqual([
      { name: 'commit', fields: { actor: 'a\u0000b', generation: 1n, pages: 2, bytes: 8192 } },
    ]);
    expect(named('read.done')[0]).toMatchObject({ level: 'trace', fields: { pages: 2 } });
    expect(done).not.toHaveProperty('traceId');
  });

  test('the level and the filter say what comes', async () => {
    const store = await open();
    const info = collect({});
    const stale = await startWith(store, 'a', [page(1)]);
    await store.loadStartup('a');
    const request = { ...stale, sizePages: 1, pages: [{ page: 1, data: page(2) }] };
    await expect(store.commit('a', request)).rejects.toMatchObject({ code: 'ERR_FENCE_MISMATCH' });
    await info.logger.flush();
    expect(info.records.map(({ name, level }) => [name, level])).toEqual([['commit.fenced', 'info']]);
    expect(info.records[0].fields).toMatchObject({ held: 1n, current: 2n, code: 'ERR_FENCE_MISMATCH' });
    const one = collect({ filter: 'warn, baton::startup=debug' });
    await expect(store.commit('a', request)).rejects.toMatchObject({ code: 'ERR_FENCE_MISMATCH' });
    await store.loadStartup('a');
    await one.logger.flush();
    expect(one.records.map(({ name }) => name)).toEqual(['startup.won']);
    expect(info.records).toHaveLength(1);
  });

  test('records of a call carry the ids of its trace, those of others do not', async () => {
    // A filter that shows no span, so that the ids do not hang on one that is shown.
    const { logger, named } = collect({ filter: 'off,baton::commit=debug,baton::startup=info' });
    const store = await open();
    const held = await startWith(store, 'a', [page(1)]);
    const request = { ...held, sizePages: 1, pages: [{ page: 1, data: page(2) }] };
    await store.commit('a', { ...request, traceparent });
    const db = await store.openDatabase('b', { traceparent });
    await db.exec('CREATE TABLE t (x)', { traceparent });
    await db.run('INSERT INTO t VALUES (1)');
    await db.run('INSERT INTO t VALUES (1)', [], { traceparent });
    await db.batch(['INSERT INTO t VALUES (1)'], { traceparent });
    await db.transaction((tx) => tx.run('INSERT INTO t VALUES (1)'), { traceparent });
    await db.close();
    await logger.flush();
    const ids = named('commit.done').map(({ fields, traceId, spanId }) => [fields.actor, traceId, spanId]);
    const traced = (actor) => [actor, TRACE, SPAN];
    const plain = (actor) => [actor, undefined, undefined];
    expect(ids).toEqual([
      plain('a'),
      traced('a'),
      traced('b'),
      plain('b'),
      traced('b'),
      traced('b'),
      traced('b'),
    ]);
  });

  test('so do those of calls for the past', async () => {
    const { logger, records } = collect({ filter: 'off,baton::history=debug' });
    const store = await open();
    await startWith(store, 'a', [page(1)]);
    await store.pin('a', { name: 'then', traceparent });
    await store.restore('a', { to: 'then', traceparent });
    await store.fork('a', 'b', { traceparent });
    await store.flatten('b', { traceparent });
    await store.unpin('a', 'then', { traceparent });
    await logger.flush();
    const told = records.filter(({ name }) => name !== 'thin.done');
    expect(told.map(({ name, traceId, spanId }) => [name, traceId, spanId])).toEqual(
      ['pin', 'restore', 'fork', 'flatten', 'unpin'].map((name) => [`${name}.done`, TRACE, SPAN]),
    );
  });
});

test('wrong options are refused by name, and leave the logger that there is', async () => {
  const { Store } = require('../..');
  const kept = collect({ level: 'debug' });
  const refuse = (call, code, ...fragments) => expectRefusal(async () => call(), code, ...fragments);
  const noop = () => {};
  await refuse(() => setLogger(undefined, noop), 'ERR_INVALID_ARG', '"options"', 'undefined');
  await refuse(() => setLogger({ levle: 'info' }, noop), 'ERR_INVALID_ARG', 'levle');
  await refuse(() => setLogger({ level: 'loud' }, noop), 'ERR_INVALID_ARG', 'options.level', 'loud');
  await refuse(() => setLogger({ level: 3 }, noop), 'ERR_INVALID_ARG', 'options.level', '3');
  await refuse(() => setLogger({ filter: 7 }, noop), 'ERR_INVALID_ARG', 'options.filter', '7');
  await refuse(
    () => setLogger({ filter: 'warn,a=loud' }, noop),
    'ERR_INVALID_ARG',
    'options.filter',
    'a=loud',
  );
  await refuse(() => setLogger({ filter: '' }, noop), 'ERR_INVALID_ARG', 'options.filter');
  await refuse(() => setLogger({ capacity: 0 }, noop), 'ERR_OUT_OF_RANGE', 'options.capacity', '0');
  await refuse(() => setLogger({ capacity: '9' }, noop), 'ERR_INVALID_ARG', 'options.capacity', '9');
  await refuse(() => setLogger({}), 'ERR_INVALID_ARG', '"callback"', 'undefined');
  const store = await Store.open({ memory: true });
  for (const wrong of [
    7,
    '',
    'x',
    traceparent.toUpperCase(),
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `ff-${TRACE}-${SPAN}-01`,
    `${traceparent}-more`,
    `${traceparent} `,
  ]) {
    const options = { traceparent: wrong };
    await refuse(() => store.loadStartup('a', options), 'ERR_INVALID_ARG', 'options.traceparent');
    await refuse(() => store.openDatabase('a', options), 'ERR_INVALID_ARG', 'options.traceparent');
    for (const call of [
      () => store.pin('a', options),
      () => store.unpin('a', 'then', options),
      () => store.restore('a', { to: 'then', ...options }),
      () => store.fork('a', 'b', options),
      () => store.flatten('a', options),
    ]) {
      await refuse(call, 'ERR_INVALID_ARG', 'options.traceparent');
    }
  }
  const page1 = { generation: 1n, pages: [1], traceparent: 'x' };
  await refuse(() => store.getPages('a', page1), 'ERR_INVALID_ARG', 'request.traceparent');
  expect(await store.stat('a')).toBeUndefined();
  await store.loadStartup('a', { traceparent: `01-${TRACE}-${SPAN}-01-of-the-future` });
  await kept.logger.flush();
  expect(kept.named('startup.won')).toMatchObject([{ traceId: TRACE, spanId: SPAN }]);
  await store.close();
});

test('what has no room is dropped, counted and told', async () => {
  const { Store } = require('../..');
  const { logger, records, named } = collect({ filter: 'off,baton::startup=debug', capacity: 1 });
  const store = await Store.open({ memory: true });
  // The event loop is held up, so that nothing can be taken meanwhile.
  const starts = Array.from({ length: 100 }, (_, index) => store.loadStartup(`a${index}`));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  await Promise.all(starts);
  await logger.flush();
  const told = named('logger.dropped').reduce((sum, { fields }) => sum + fields.dropped, 0);
  expect(logger.dropped).toBeGreaterThan(0);
  expect(told).toBe(logger.dropped);
  expect(named('startup.won').length + told).toBe(100);
  expect(records.find(({ name }) => name === 'logger.dropped')).toMatchObject({
    level: 'warn',
    target: 'baton::logger',
  });
  await store.close();
});

test('another logger takes the place of the first, null that of any, and a closed one hears nothing', async () => {
  const { Store } = require('../..');
  const store = await Store.open({ memory: true });
  const first = collect({ level: 'debug' });
  const second = collect({ level: 'debug' });
  await store.loadStartup('a');
  await second.logger.flush();
  expect([first.records.length, second.named('startup.won').length]).toEqual([0, 1]);
  first.logger.close();
  await store.loadStartup('a');
  await second.logger.flush();
  expect(second.named('startup.won')).toHaveLength(2);
  expect(setLogger(null)).toBeUndefined();
  expect(setLogger(null)).toBeUndefined();
  await store.loadStartup('a');
  second.logger.close();
  await second.logger.flush();
  expect(second.named('startup.won')).toHaveLength(2);
  await store.close();
});

test('a callback that throws is told of once, and gets the next record', async () => {
  const { Store } = require('../..');
  const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  let calls = 0;
  const logger = setLogger({ level: 'debug' }, () => {
    calls += 1;
    throw new Error('no disk');
  });
  const store = await Store.open({ memory: true });
  await store.loadStartup('a');
  await store.loadStartup('a');
  await logger.flush();
  expect(calls).toBeGreaterThanOrEqual(2);
  expect(emitWarning).toHaveBeenCalledTimes(1);
  expect(emitWarning.mock.calls[0][1]).toMatchObject({
    code: 'BATON_LOGGER',
    detail: expect.stringContaining('no disk'),
  });
  emitWarning.mockRestore();
  await store.close();
});

test('a logger does not keep the process alive, and a callback may use the store', async () => {
  const { stdout } = await runNode(
    '-e',
    `
    const { Store, setLogger } = require('batondb');
    (async () => {
      const store = await Store.open({ memory: true });
      let calls = 0;
      const logger = setLogger({ filter: 'off,baton=trace' }, () => {
        calls += 1;
        if (calls < 50) store.stat('a');
        if (calls === 1) store.loadStartup('b').catch(() => {});
      });
      await store.loadStartup('a');
      await logger.flush();
      console.log(calls > 0);
    })();
  `,
  );
  expect(stdout).toBe('true\n');
});

test('workers that end while they are told of everything leave the others their records', async () => {
  const { Store } = require('../..');
  const { logger, named } = collect({ level: 'debug', capacity: 10_000 });
  const store = await Store.open({ memory: true });
  const body = `
    const { parentPort } = require('node:worker_threads');
    const { Store, setLogger } = require(${JSON.stringify(ROOT)});
    (async () => {
      setLogger({ filter: 'trace' }, () => {});
      const store = await Store.open({ memory: true });
      parentPort.postMessage('busy');
      for (;;) await store.loadStartup('worker');
    })();
  `;
  for (let round = 0; round < 3; round += 1) {
    const workers = [new Worker(body, { eval: true }), new Worker(body, { eval: true })];
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    const starts = Promise.all(Array.from({ length: 50 }, () => store.loadStartup(`main-${round}`)));
    await Promise.all(workers.map((worker) => worker.terminate()));
    await starts;
  }
  await store.loadStartup('last');
  await logger.flush();
  expect(named('startup.won').some(({ fields }) => fields.actor === 'last')).toBe(true);
  expect(named('startup.won').some(({ fields }) => fields.actor === 'worker')).toBe(true);
  await store.close();
}, 30_000);

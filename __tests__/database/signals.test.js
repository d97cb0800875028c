'use strict';

const { getEventListeners } = require('node:events');
const { inspect } = require('node:util');

const { BatonError, isBatonError } = require('../..');
const { onAbort } = require('../../lib/signals.js');
const { outside, onEachBackend, rejection, runNode } = require('../helpers.js');

const listeners = (signal) => getEventListeners(signal, 'abort').length;

describe('a signal that many wait for', () => {
  test('has one listener, and none when nobody waits any more', () => {
    const { signal } = new AbortController();
    const stops = Array.from({ length: 50 }, () => onAbort(signal, () => {}));
    expect(listeners(signal)).toBe(1);
    stops.slice(1).forEach((stop) => stop());
    expect(listeners(signal)).toBe(1);
    stops[0]();
    expect(listeners(signal)).toBe(0);
    stops.forEach((stop) => stop());
    onAbort(signal, () => {});
    expect(listeners(signal)).toBe(1);
  });

  test('tells each of them once, but for those who have stopped', () => {
    const controller = new AbortController();
    const told = [];
    const stop = onAbort(controller.signal, () => told.push('stopped'));
    const tell = () => told.push('twice');
    onAbort(controller.signal, () => {
      told.push('first');
      stopByOther();
    });
    const stopByOther = onAbort(controller.signal, () => told.push('stopped by the first'));
    onAbort(controller.signal, tell);
    onAbort(controller.signal, tell);
    stop();
    controller.abort();
    expect(told).toEqual(['first', 'twice', 'twice']);
    expect(listeners(controller.signal)).toBe(0);
  });
});

test('one signal for very many calls of every kind warns of no leak', async () => {
  const script = `
    const { Store } = require('./index.js');
    process.on('warning', (warning) => { console.log(warning.name); process.exitCode = 1; });
    (async () => {
      const store = await Store.open({ memory: true });
      const { signal } = new AbortController();
      const options = { signal };
      const db = await store.openDatabase('a', options);
      await db.exec('CREATE TABLE t(x)');
      const statement = await db.prepare('SELECT 1', options);
      const drain = async (rows) => { for await (const row of rows) row; };
      const each = () => [
        db.exec('SELECT 1', options), db.run('INSERT INTO t VALUES (1)', [], options), db.get('SELECT 1', [], options),
        db.all('SELECT 1', [], options), db.prepare('SELECT 1', options), db.batch(['SELECT 1'], options),
        statement.all([], options), drain(db.iterate('SELECT * FROM t', [], options)),
        db.transaction((tx) => tx.transaction((inner) => inner.run('INSERT INTO t VALUES (2)')), options),
        store.ping(options), store.loadStartup('b', options), store.openDatabase('c', options), store.verify(options),
        store.serialize('a', options), store.exportTo('a', new WritableStream(), options),
      ];
      await Promise.all(Array.from({ length: 20 }, each).flat());
      const bytes = await store.serialize('a');
      await Promise.all(Array.from({ length: 20 }, (_, n) => store.importFrom('import ' + n, bytes, options)));
      await db.transaction((tx) => Promise.all(Array.from({ length: 20 }, () => tx.get('SELECT 1'))), options);
      console.log(require('node:events').getEventListeners(signal, 'abort').length);
      await store.close();
    })();`;
  const { stdout } = await runNode('-e', script);
  expect(stdout).toBe('0\n');
});

onEachBackend((open) => {
  const reason = new Error('never mind');
  const ENDLESS = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n';
  let store;
  let db;
  beforeEach(async () => {
    store = await open();
    db = await store.openDatabase('a');
  });

  /** Each way to be aborted, by the moment at which it is. */
  const aborted = {
    'before a call of the store': () => store.loadStartup('b', { signal: AbortSignal.abort(reason) }),
    'before a call of a database': () => db.get('SELECT 1', [], { signal: AbortSignal.abort(reason) }),
    'while it waits': () => {
      const controller = new AbortController();
      return db.transaction(async () => {
        const waiting = outside(() => db.get('SELECT 1', [], { signal: controller.signal }));
        controller.abort(reason);
        await waiting;
      });
    },
    'while it runs': () => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(reason), 20);
      return db.get(`SELECT count(*) FROM (${ENDLESS})`, [], { signal: controller.signal });
    },
    'between rows': async () => {
      const controller = new AbortController();
      for await (const row of db.iterate(ENDLESS, [], { signal: controller.signal })) {
        expect(row).toEqual({ i: 1 });
        controller.abort(reason);
      }
    },
    'in a transaction': () => {
      const controller = new AbortController();
      return db.transaction(() => controller.abort(reason), { signal: controller.signal });
    },
    'in a call of a transaction': () => {
      const controller = new AbortController();
      const { signal } = controller;
      return db.transaction((tx) => (controller.abort(reason), tx.get('SELECT 1')), { signal });
    },
    'while bytes come in': () => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(reason), 20);
      const never = new ReadableStream({});
      return store.importFrom('b', never, { signal: controller.signal });
    },
    'while bytes go out': async () => {
      await db.exec('CREATE TABLE t(x)');
      const controller = new AbortController();
      setTimeout(() => controller.abort(reason), 20);
      const full = new WritableStream({ write: () => new Promise(() => {}) });
      return await store.exportTo('a', full, { signal: controller.signal });
    },
    'in a verification': () => store.verify({ signal: AbortSignal.abort(reason) }),
  };
  test.each(Object.keys(aborted))(
    'an abort %s is an AbortError, with the reason as its cause',
    async (when) => {
      const error = await rejection(aborted[when]());
      expect(error).toMatchObject({ name: 'AbortError', code: 'ERR_ABORTED', cause: reason });
      expect(Object.keys(error)).not.toContain('name');
      expect(error.stack).toMatch(/^AbortError: /);
      expect(isBatonError(error, 'ERR_ABORTED')).toBe(true);
    },
  );

  test('without a reason the cause is the one of the platform, and a time limit says that it was one', async () => {
    const { cause } = await rejection(db.get('SELECT 1', [], { signal: AbortSignal.abort() }));
    expect(cause.name).toBe('AbortError');
    for (const options of [{ timeoutMs: 20 }, { signal: AbortSignal.timeout(20) }]) {
      const error = await rejection(db.get(`SELECT count(*) FROM (${ENDLESS})`, [], options));
      expect(error).toMatchObject({ name: 'AbortError', cause: { name: 'TimeoutError' } });
    }
  });
});

test('only an abort is an AbortError, and prints as one', () => {
  expect(new BatonError('ERR_CLOSED', 'gone').name).toBe('BatonError');
  const error = new BatonError('ERR_ABORTED', 'stopped');
  expect(String(error)).toBe('AbortError: stopped');
  expect(error.stack).toMatch(/^AbortError: stopped\n {4}at .*signals\.test\.js/);
  expect(inspect(error)).toMatch(/^(?:BatonError \[)?AbortError\]?: stopped\n/);
  expect(error).toBeInstanceOf(BatonError);
});

'use strict';

const { getEventListeners } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');

const { onEachBackend, outside, rejection } = require('../helpers.js');

const MANY = 200_000;
const ENDLESS = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n';

onEachBackend((open) => {
  let store;
  let db;
  beforeEach(async () => {
    store = await open();
    db = await store.openDatabase('a');
    await db.exec('CREATE TABLE t (x INTEGER)');
  });

  const count = async () => (await db.get('SELECT count(*) AS count FROM t')).count;

  // Each of them would never end by itself.
  const endless = [
    ['exec', (options) => db.exec(ENDLESS, options)],
    ['run', (options) => db.run(ENDLESS, [], options)],
    ['get', (options) => db.get(ENDLESS, [], options)],
    ['all', (options) => db.all(ENDLESS, [], options)],
    ['batch', (options) => db.batch([ENDLESS], options)],
    ['iterate', (options) => db.iterate(ENDLESS, [], options).next()],
    ['Statement.all', async (options) => (await db.prepare(ENDLESS)).all([], options)],
    // None of these statements runs for long enough to be interrupted itself.
    ['exec of very many', (options) => db.exec('SELECT 1;'.repeat(5 * MANY), options)],
    [
      'batch of very many',
      (options) =>
        db.batch(
          Array.from({ length: MANY }, (_, n) => `SELECT ${n}`),
          options,
        ),
    ],
  ];

  // Each of them writes, if it is run.
  const writing = [
    ['exec', (options) => db.exec('INSERT INTO t VALUES (1)', options)],
    ['run', (options) => db.run('INSERT INTO t VALUES (1)', [], options)],
    ['get', (options) => db.get('INSERT INTO t VALUES (1) RETURNING x', [], options)],
    ['all', (options) => db.all('INSERT INTO t VALUES (1)', [], options)],
    ['batch', (options) => db.batch(['INSERT INTO t VALUES (1)'], options)],
    ['iterate', (options) => db.iterate('INSERT INTO t VALUES (1)', [], options).next()],
    ['transaction', (options) => db.transaction((tx) => tx.exec('INSERT INTO t VALUES (1)'), options)],
  ];

  describe.each(endless)('%s under way', (_name, call) => {
    test('is interrupted by its signal, with the reason as cause', async () => {
      const controller = new AbortController();
      const { signal } = controller;
      const running = call({ signal });
      setTimeout(() => controller.abort(new Error('enough')), 20);
      const error = await rejection(running);
      expect(error).toMatchObject({ code: 'ERR_ABORTED', message: 'The operation was aborted' });
      expect(error.cause).toBe(signal.reason);
      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
      expect(await count()).toBe(0);
    });

    test('is interrupted by its time limit, with a TimeoutError as cause', async () => {
      const error = await rejection(call({ timeoutMs: 20 }));
      expect(error).toMatchObject({ code: 'ERR_ABORTED', retryable: false });
      expect(error.message).toContain('"timeoutMs" of 20 ms');
      expect(error.cause).toBeInstanceOf(DOMException);
      expect(error.cause.name).toBe('TimeoutError');
      expect(await count()).toBe(0);
    });
  });

  describe.each(writing)('%s', (_name, call) => {
    test('with a signal that is aborted already does nothing', async () => {
      const reason = new Error('never mind');
      const error = await rejection(call({ signal: AbortSignal.abort(reason) }));
      expect(error).toMatchObject({ code: 'ERR_ABORTED', cause: reason });
      expect(error.message).toContain('nothing was done');
      expect(await count()).toBe(0);
    });

    test('that waits for its turn is taken out of the line, and does nothing', async () => {
      const controller = new AbortController();
      let waiting;
      await db.transaction(async () => {
        waiting = outside(() => rejection(call({ signal: controller.signal })));
        controller.abort();
        // It answers while the transaction is still open.
        expect(await waiting).toMatchObject({ code: 'ERR_ABORTED', cause: controller.signal.reason });
      });
      expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
      expect(await count()).toBe(0);
    });

    test('leaves no listener behind when it succeeds, and none when it fails', async () => {
      const { signal } = new AbortController();
      await call({ signal, timeoutMs: 60_000 });
      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
      expect(await count()).toBe(1);
      await db.exec('DROP TABLE t');
      expect((await rejection(call({ signal, timeoutMs: 60_000 }))).code).toBe('SQLITE_ERROR');
      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    });
  });

  test('a time limit counts the wait for its turn', async () => {
    await db.transaction(async () => {
      const error = await outside(() => rejection(db.run('INSERT INTO t VALUES (1)', [], { timeoutMs: 10 })));
      expect(error.cause.name).toBe('TimeoutError');
    });
    expect(await count()).toBe(0);
  });

  test('an abort that comes too late has no effect', async () => {
    const controller = new AbortController();
    const running = db.run('INSERT INTO t VALUES (1)', [], { signal: controller.signal });
    // Calls run in order: once this one is answered, the other one is through.
    await db.get('SELECT 1');
    controller.abort();
    expect(await running).toMatchObject({ changes: 1 });
    expect(await count()).toBe(1);
  });

  test('an abort ends its own call and no other', async () => {
    const controller = new AbortController();
    const calls = [
      db.run('INSERT INTO t VALUES (1)'),
      rejection(db.get(ENDLESS, [], { signal: controller.signal })),
      db.run('INSERT INTO t VALUES (2)'),
      db.run('INSERT INTO t VALUES (3)', [], { signal: new AbortController().signal }),
    ];
    await sleep(20);
    controller.abort();
    const answers = await Promise.all(calls);
    expect(answers[1].code).toBe('ERR_ABORTED');
    expect(answers[3]).toMatchObject({ changes: 1 });
    expect(await count()).toBe(3);
  });

  test('a write that is interrupted has changed nothing', async () => {
    const endlessInsert = `INSERT INTO t ${ENDLESS.replace('count(*)', 'i')}`;
    expect((await rejection(db.run(endlessInsert, [], { timeoutMs: 50 }))).code).toBe('ERR_ABORTED');
    expect(await count()).toBe(0);
    expect(await db.get('PRAGMA integrity_check')).toEqual({ integrity_check: 'ok' });
  });

  describe('inside a transaction', () => {
    const endlessInsert = `INSERT INTO t ${ENDLESS.replace('count(*)', 'i')}`;

    test('a read that is interrupted leaves the rest', async () => {
      await db.transaction(async (tx) => {
        await tx.run('INSERT INTO t VALUES (1)');
        expect((await rejection(tx.get(ENDLESS, [], { timeoutMs: 20 }))).code).toBe('ERR_ABORTED');
        await tx.run('INSERT INTO t VALUES (2)');
      });
      expect(await count()).toBe(2);
    });

    test('a write that is interrupted rolls all of it back, and later calls do not run outside', async () => {
      const failed = db.transaction(async (tx) => {
        await tx.run('INSERT INTO t VALUES (1)');
        expect((await rejection(tx.run(endlessInsert, [], { timeoutMs: 20 }))).code).toBe('ERR_ABORTED');
        await tx.run('INSERT INTO t VALUES (2)');
      });
      expect((await rejection(failed)).code).toBe('ERR_CLOSED');
      expect(await count()).toBe(0);
    });
  });

  test('a getter among the parameters that aborts is noticed', async () => {
    const controller = new AbortController();
    const params = {
      get x() {
        controller.abort();
        return 1;
      },
    };
    await db.transaction(async () => {
      const call = outside(() => db.run('INSERT INTO t VALUES (:x)', params, { signal: controller.signal }));
      expect((await rejection(call)).code).toBe('ERR_ABORTED');
    });
    expect(await count()).toBe(0);
  });

  describe('the signal of a transaction', () => {
    test('rolls it back when it is aborted before the commit', async () => {
      const controller = new AbortController();
      const { signal } = controller;
      const failed = db.transaction(
        async (tx) => {
          await tx.run('INSERT INTO t VALUES (1)');
          controller.abort();
          return 'not looking';
        },
        { signal },
      );
      const error = await rejection(failed);
      expect(error).toMatchObject({ code: 'ERR_ABORTED', cause: signal.reason });
      expect(error.message).toContain('rolled back');
      expect(await count()).toBe(0);
      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    });

    test('interrupts its calls, those of inner transactions too, and refuses later ones', async () => {
      const controller = new AbortController();
      const { signal } = controller;
      let later;
      const failed = db.transaction(
        async (tx) => {
          setTimeout(() => controller.abort(), 20);
          try {
            await tx.transaction((inner) => inner.get(ENDLESS));
          } finally {
            later = await rejection(tx.get('SELECT 1'));
          }
        },
        { signal },
      );
      expect(await rejection(failed)).toMatchObject({ code: 'ERR_ABORTED', cause: signal.reason });
      expect(later).toMatchObject({ code: 'ERR_ABORTED', cause: signal.reason });
      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
      expect(await count()).toBe(0);
    });

    test('does nothing to one that is committed', async () => {
      const controller = new AbortController();
      await db.transaction((tx) => tx.run('INSERT INTO t VALUES (1)'), { signal: controller.signal });
      controller.abort();
      expect(await count()).toBe(1);
    });
  });
});

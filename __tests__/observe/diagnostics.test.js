'use strict';

const { channel, tracingChannel } = require('node:diagnostics_channel');
const { AsyncLocalStorage } = require('node:async_hooks');

const { onEachBackend, page, runNode, startWith } = require('../helpers.js');

const sql = tracingChannel('batondb:sql');
const EVENTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'];

/** The events of what `work` does, each with its message as it was then. */
async function watch(work) {
  const seen = [];
  const subscribers = Object.fromEntries(
    EVENTS.map((event) => [event, (message) => seen.push([event, { ...message }, message])]),
  );
  sql.subscribe(subscribers);
  try {
    await work();
  } finally {
    sql.unsubscribe(subscribers);
  }
  return seen;
}

const names = (seen) => seen.map(([event]) => event);
const ends = (seen) => seen.filter(([event]) => event === 'asyncEnd').map(([, message]) => message);

onEachBackend((open) => {
  test('each method is told from its start to its end', async () => {
    const store = await open();
    const db = await store.openDatabase('a');
    const seen = await watch(async () => {
      await db.exec('CREATE TABLE t (x)');
      await db.run('INSERT INTO t VALUES (?), (?)', ['secret', 2]);
      await db.get('SELECT x FROM t');
      await db.get('SELECT x FROM t WHERE x = 9');
      await db.all('SELECT x FROM t');
      await db.batch(['SELECT x FROM t', { sql: 'DELETE FROM t WHERE x = ?', params: ['secret'] }]);
      for await (const row of db.iterate('SELECT x FROM t')) expect(row).toEqual({ x: 2 });
      const statement = await db.prepare('SELECT x FROM t');
      await statement.all();
      await db.transaction((tx) => tx.run('INSERT INTO t VALUES (3)'));
    });
    expect(ends(seen).map((end) => [end.operation, end.rowCount, end.changes])).toEqual([
      ['exec', undefined, undefined],
      ['run', undefined, 2],
      ['get', 1, undefined],
      ['get', 0, undefined],
      ['all', 2, undefined],
      ['batch', 2, expect.any(Number)],
      ['iterate', 1, undefined],
      ['prepare', undefined, undefined],
      ['all', 1, undefined],
      ['begin', undefined, undefined],
      ['run', undefined, 1],
      ['commit', undefined, undefined],
    ]);
    expect(names(seen)).toEqual(ends(seen).flatMap(() => ['start', 'end', 'asyncStart', 'asyncEnd']));
    for (const [, message] of seen) {
      expect(message).toMatchObject({ actorId: 'a', generation: 1n, sql: expect.any(String) });
      expect(JSON.stringify(Object.values(message), (_, value) => `${value}`)).not.toContain('secret');
    }
    expect(ends(seen).every(({ durationMs }) => durationMs > 0)).toBe(true);
    const [, , inserted] = seen.find(([event, { operation }]) => event === 'asyncEnd' && operation === 'all');
    expect(inserted.attributes).toEqual({
      'db.system.name': 'sqlite',
      'db.operation.name': 'all',
      'db.query.text': 'SELECT x FROM t',
      'db.namespace': 'a',
      'db.response.returned_rows': 2,
      'baton.actor.id': 'a',
      'baton.generation': '1',
    });
  });

  test('a call that fails is told with its error', async () => {
    const store = await open();
    const db = await store.openDatabase('a');
    const rejected = [];
    const fail = (call) => call.catch((error) => rejected.push(error));
    const seen = await watch(async () => {
      await fail(db.run('INSERT INTO nothing VALUES (1)'));
      await fail(db.all('SELECT ?', []));
      await fail(db.iterate('SELECT * FROM nothing').next());
      await fail(
        db.transaction(() => {
          throw new Error('no');
        }),
      );
    });
    const failed = ['start', 'end', 'error', 'asyncStart', 'asyncEnd'];
    const fine = ['start', 'end', 'asyncStart', 'asyncEnd'];
    expect(names(seen)).toEqual([...failed, ...failed, ...failed, ...fine, ...fine]);
    expect(ends(seen).map(({ error }) => error)).toEqual([...rejected.slice(0, 3), undefined, undefined]);
    expect(ends(seen).map(({ operation }) => operation)).toEqual([
      'run',
      'all',
      'iterate',
      'begin',
      'rollback',
    ]);
    expect(seen.find(([event]) => event === 'error')[2].attributes['error.type']).toBe('SQLITE_ERROR');
  });

  test('an iteration that is left ends with the rows that it gave', async () => {
    const store = await open();
    const db = await store.openDatabase('a');
    const seen = await watch(async () => {
      const rows = db.iterate(
        'WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) SELECT x FROM n',
      );
      for await (const { x } of rows) if (x === 3) break;
    });
    expect(names(seen)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    expect(ends(seen)[0].rowCount).toBe(3);
    expect(await db.get('SELECT 1 AS x')).toEqual({ x: 1 });
  });

  test('actors are told of on plain channels', async () => {
    const seen = [];
    const hear = (message, name) => seen.push([name, message]);
    const channels = ['batondb:startup', 'batondb:commit', 'batondb:fenced'].map(channel);
    channels.forEach((each) => each.subscribe(hear));
    try {
      const store = await open();
      await startWith(store, 'a', [page(1)]);
      const db = await store.openDatabase('b');
      await store.loadStartup('b');
      await db.exec('CREATE TABLE t (x)').catch((error) => error);
    } finally {
      channels.forEach((each) => each.unsubscribe(hear));
    }
    expect(seen).toEqual([
      ['batondb:startup', { actorId: 'a', outcome: 'won', generation: 1n, headTxid: 0n }],
      ['batondb:commit', { actorId: 'a', generation: 1n, txid: 1n, pages: 1 }],
      ['batondb:startup', { actorId: 'b', outcome: 'won', generation: 1n, headTxid: 0n }],
      ['batondb:startup', { actorId: 'b', outcome: 'won', generation: 2n, headTxid: 0n }],
      ['batondb:fenced', { actorId: 'b', error: expect.objectContaining({ code: 'ERR_FENCE_MISMATCH' }) }],
    ]);
  });
});

onEachBackend((open) => {
  test('what is done with the past of actors is told on plain channels, once it has succeeded', async () => {
    const seen = [];
    const hear = (message, name) => seen.push([name, message]);
    const channels = ['restore', 'fork', 'flatten', 'pin', 'unpin'].map((name) => channel(`batondb:${name}`));
    channels.forEach((each) => each.subscribe(hear));
    let made;
    try {
      const store = await open();
      await startWith(store, 'a', [page(1)]);
      const { point } = await store.pin('a', { name: 'start' });
      const restored = await store.restore('a', { to: 'start' });
      const forked = await store.fork('a', 'b', { at: 'start' });
      await store.flatten('b');
      await store.unpin('a', 'start');
      await store.unpin('a', restored.undo);
      await store.unpin('a', 'start');
      await store.restore('a', { to: 'nothing' }).catch((error) => error);
      await store.fork('a', 'b').catch((error) => error);
      await store.pin('nobody').catch((error) => error);
      made = { point, restored, forked };
    } finally {
      channels.forEach((each) => each.unsubscribe(hear));
    }
    const { point, restored, forked } = made;
    expect(seen).toEqual([
      ['batondb:pin', { actorId: 'a', point, name: 'start' }],
      ['batondb:restore', { actorId: 'a', ...restored }],
      ['batondb:fork', { actorId: 'b', from: 'a', ...forked }],
      ['batondb:flatten', { actorId: 'b' }],
      ['batondb:unpin', { actorId: 'a', point: undefined, name: 'start' }],
      ['batondb:unpin', { actorId: 'a', point: restored.undo, name: undefined }],
    ]);
  });
});

test('a store bound to the start is current while the call is dispatched', async () => {
  const { Store } = require('../..');
  const storage = new AsyncLocalStorage();
  sql.start.bindStore(storage, ({ operation }) => operation);
  const current = [];
  const subscribers = { end() {}, start: () => current.push(storage.getStore()) };
  sql.subscribe(subscribers);
  const store = await Store.open({ memory: true });
  const db = await store.openDatabase('a');
  await db.get('SELECT 1');
  sql.start.unbindStore(storage);
  sql.unsubscribe(subscribers);
  expect(current).toEqual(['get']);
  await store.close();
});

test('a subscriber that throws changes nothing about the call', async () => {
  const { stdout } = await runNode(
    '-e',
    `
    const { tracingChannel } = require('node:diagnostics_channel');
    const { Store } = require('batondb');
    let uncaught = 0;
    process.on('uncaughtException', () => { uncaught += 1; });
    const fail = () => { throw new Error('mine'); };
    tracingChannel('batondb:sql').subscribe({ start: fail, end: fail, asyncStart: fail, asyncEnd: fail, error: fail });
    (async () => {
      const store = await Store.open({ memory: true });
      const db = await store.openDatabase('a');
      const row = await db.get('SELECT 7 AS x');
      const code = await db.run('nonsense').catch((error) => error.code);
      await store.close();
      setImmediate(() => console.log(row.x, code, uncaught));
    })();
  `,
  );
  expect(stdout).toBe('7 SQLITE_ERROR 9\n');
});

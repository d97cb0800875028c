// The past of actors: points, pins, restores, forks, reads and exports of what was.

'use strict';

const { join } = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { DatabaseSync } = process.getBuiltinModule?.('node:sqlite') ?? {};

const { BatonError, isBatonError } = require('../..');
const { onEachBackend, temporaryDirectory } = require('../helpers.js');

const directory = temporaryDirectory();
let files = 0;

const codeOf = (promise) =>
  promise.then(
    () => 'resolved',
    (error) => error.code,
  );

const collect = async (iterable) => {
  const found = [];
  for await (const each of iterable) found.push(each);
  return found;
};

onEachBackend((openStore) => {
  let store;
  beforeEach(async () => {
    store = await openStore();
  });

  const openWith = async (id, texts) => {
    const db = await store.openDatabase(id);
    await db.exec('CREATE TABLE IF NOT EXISTS notes (text TEXT NOT NULL)');
    for (const text of texts) {
      // Each has a time of its own.
      await sleep(2);
      await db.run('INSERT INTO notes VALUES (?)', [text]);
    }
    return db;
  };
  const texts = (db) =>
    db.all('SELECT text FROM notes ORDER BY rowid').then((rows) => rows.map((row) => row.text));
  const read = async (id, at) => {
    const db = await store.openDatabase(id, { readOnly: true, at });
    try {
      return await texts(db);
    } finally {
      await db.close();
    }
  };

  test('a mistake is undone by a restore, and the restore by its undo point', async () => {
    const owner = await openWith('agent', ['plan']);
    await store.setHistory('agent', { keepAll: '1h' });
    const before = await owner.point();
    await owner.run('DELETE FROM notes');
    await owner.run("INSERT INTO notes VALUES ('nonsense')");
    const { generation, point, undo, time } = await store.restore('agent', { to: before });
    expect([generation, point, time <= new Date()]).toEqual([2n, before, true]);
    // The owner is fenced: what it does now does not count.
    expect(await codeOf(owner.run("INSERT INTO notes VALUES ('more nonsense')"))).toBe('ERR_FENCE_MISMATCH');
    const next = await store.openDatabase('agent');
    expect(await texts(next)).toEqual(['plan']);
    await next.run("INSERT INTO notes VALUES ('better')");
    expect(await read('agent', undo)).toEqual(['nonsense']);
    await next.close();
    await store.restore('agent', { to: undo });
    expect(await read('agent', undefined)).toEqual(['nonsense']);
  });

  test('points are listed, found by time, and read as they were', async () => {
    await store.setHistory((await openWith('a', [])).actorId, { keepAll: Infinity });
    const db = await openWith('a', ['one', 'two', 'three']);
    const points = await collect(store.points('a'));
    expect(points.map((point) => point.kind)).toEqual(['commit', 'commit', 'commit', 'commit']);
    expect(points.map((point) => point.point)).toEqual(
      points
        .map((point) => point.point)
        .toSorted()
        .reverse(),
    );
    expect(points[0].point).toBe(await db.point());
    expect(await read('a', points[1].point)).toEqual(['one', 'two']);
    expect(await read('a', points[2].time)).toEqual(['one']);
    expect(await store.pointAt('a', points[2].time)).toEqual({
      point: points[2].point,
      time: points[2].time,
    });
    expect((await store.pointAt('a', { ago: 0 })).point).toBe(points[0].point);
    expect(await collect(store.points('a', { limit: 1 }))).toEqual([points[0]]);
    expect(await collect(store.points('a', { from: points[1].point, to: points[1].point }))).toEqual([
      points[1],
    ]);
    expect(await collect(store.points('a', { from: points[1].time }))).toEqual(points.slice(0, 2));
    const early = await store.pointAt('a', new Date(0)).catch((error) => error);
    expect(isBatonError(early, 'ERR_NOT_RETAINED')).toBe(true);
    expect([early.actor, early.oldest]).toEqual(['a', points[3].point]);
    await db.close();
  });

  test('a reader of the past stays where it is while the owner goes on', async () => {
    const owner = await openWith('a', ['one']);
    const { point } = await store.pin('a', { name: 'start' });
    const past = await store.openDatabase('a', { readOnly: true, at: 'start' });
    for (let count = 0; count < 20; count += 1) await owner.run("INSERT INTO notes VALUES ('more')");
    expect(await texts(past)).toEqual(['one']);
    expect(await past.point()).toBe(point);
    expect(await codeOf(past.run("INSERT INTO notes VALUES ('x')"))).toMatch(
      /^SQLITE_READONLY|ERR_READ_ONLY/,
    );
    await past.close();
    expect(await store.unpin('a', 'start')).toBe(true);
    expect(await store.unpin('a', 'start')).toBe(false);
    expect(await codeOf(read('a', 'start'))).toBe('ERR_NOT_RETAINED');
    await owner.close();
  });

  test('a reader of the past lets go of its state when it is closed', async () => {
    const owner = await openWith('a', ['one']);
    await store.setHistory('a', { keepAll: 0 });
    const point = await owner.point();
    const pins = async () => (await store.stat('a', { history: true })).history.pins;
    const readers = [];
    for (const _ of [1, 2]) readers.push(await store.openDatabase('a', { readOnly: true, at: point }));
    expect(await pins()).toBe(2);
    await owner.run("INSERT INTO notes VALUES ('two')");
    await readers[0].close();
    expect(await pins()).toBe(1);
    expect(await texts(readers[1])).toEqual(['one']);
    await readers[1].close();
    expect(await pins()).toBe(0);
    // Nor does one hold anything that could not be opened.
    await expect(store.openDatabase('a', { readOnly: true, at: 'nothing' })).rejects.toThrow();
    expect(await pins()).toBe(0);
    await owner.close();
  });

  test('a fork shares what it has not changed, and both go their own ways', async () => {
    const owner = await openWith('live', ['one']);
    const { generation, point } = await store.fork('live', 'trial');
    expect([generation, point]).toEqual([1n, await owner.point()]);
    const trial = await store.openDatabase('trial');
    await trial.exec('ALTER TABLE notes ADD COLUMN stars INTEGER');
    await trial.run("INSERT INTO notes VALUES ('trial', 5)");
    await owner.run("INSERT INTO notes VALUES ('two')");
    expect(await texts(owner)).toEqual(['one', 'two']);
    expect(await texts(trial)).toEqual(['one', 'trial']);
    expect(await trial.get('PRAGMA integrity_check')).toEqual({ integrity_check: 'ok' });
    await owner.close();
    // The source is gone at once; what the fork shows of it stays.
    expect(await store.delete('live')).toBe(true);
    expect(await store.stat('live')).toBeUndefined();
    expect(await texts(trial)).toEqual(['one', 'trial']);
    await store.flatten('trial');
    expect(await texts(trial)).toEqual(['one', 'trial']);
    expect(await codeOf(store.fork('trial', 'trial'))).toBe('ERR_EXISTS');
    await trial.close();
    const { ok, problems } = await store.verify({ deep: true });
    expect([ok, problems]).toEqual([true, []]);
  });

  test('a point is exported as a file while the owner commits', async () => {
    const owner = await openWith('a', ['one']);
    await store.pin('a', { name: 'then' });
    await owner.run("INSERT INTO notes VALUES ('two')");
    const file = join(directory, `then-${(files += 1)}.sqlite`);
    await store.exportTo('a', file, { at: 'then' });
    if (DatabaseSync) {
      const exported = new DatabaseSync(file);
      expect(
        exported
          .prepare('SELECT text FROM notes')
          .all()
          .map((row) => row.text),
      ).toEqual(['one']);
      exported.close();
    }
    await store.importFrom('copy', file);
    expect(await read('copy', undefined)).toEqual(['one']);
    await owner.close();
  });

  test('what the past holds is said of an actor and of the store', async () => {
    const owner = await openWith('a', ['one']);
    await openWith('plain', ['none']);
    const whole = await store.stat('a', { history: true });
    expect(whole.history).toMatchObject({ points: 0, pins: 0, rows: 0, bytes: 0, ancestors: [] });
    expect(whole.history).not.toHaveProperty('oldest');
    expect(whole.history.ownBytes).toBeGreaterThan(0);
    expect(await store.stat('a')).not.toHaveProperty('history');

    const { point } = await store.pin('a', { name: 'then' });
    await owner.run("INSERT INTO notes VALUES ('two')");
    await store.fork('a', 'trial', { at: 'then' });
    const { history } = await store.stat('a', { history: true });
    expect(history).toMatchObject({ points: 2, pins: 2, oldest: point, ancestors: [], sharedBytes: 0 });
    expect(history.oldestTime).toEqual((await collect(store.points('a'))).at(-1).time);
    // Two points, two pins, and each page that the second commit replaced.
    expect(history.rows).toBeGreaterThanOrEqual(5);
    expect(history.bytes).toBeGreaterThan(0);
    const { history: inspected, rows } = await store.inspect('a');
    const { oldest, pins, points, rows: held, bytes } = history;
    expect(inspected).toEqual({ oldest, pins, points, rows: held, bytes, ancestors: [] });
    expect(rows.pagesLive.keyBytes + rows.pagesLive.valueBytes).toBe(history.ownBytes);

    const trial = (await store.stat('trial', { history: true })).history;
    expect(trial).toMatchObject({ ancestors: ['a'], ownBytes: 0, sharedBytes: expect.any(Number) });
    const before = store.metrics().history.flattenings.bytes;
    await store.flatten('trial');
    const copied = store.metrics().history.flattenings.bytes - before;
    // The keys of the copies have another actor's name in them.
    const named = (await store.inspect('trial')).rows.pagesLive.rows * ('trial'.length - 'a'.length);
    expect(copied).toBe(trial.sharedBytes + named);

    await store.setHistory('trial', { keepAll: '1h' });
    const seen = [];
    const usage = await store.historyUsage({ onProgress: (progress) => seen.push(progress) });
    const [own, fork] = await Promise.all(
      ['a', 'trial'].map(async (id) => (await store.stat(id, { history: true })).history),
    );
    expect(usage).toEqual({
      actors: 3,
      withHistory: 2,
      points: own.points + fork.points,
      pins: own.pins + fork.pins,
      rows: own.rows + fork.rows,
      bytes: own.bytes + fork.bytes,
      ownBytes: own.ownBytes + fork.ownBytes,
      sharedBytes: 0,
      oldestTime: own.oldestTime,
      largest: [
        { actorId: 'a', points: own.points, bytes: own.bytes, sharedBytes: 0 },
        { actorId: 'trial', points: fork.points, bytes: fork.bytes, sharedBytes: 0 },
      ],
    });
    expect(seen.at(-1)).toMatchObject({ actors: 3, withHistory: 2 });
    expect((await store.verify()).history).toEqual({
      actors: 2,
      points: usage.points,
      pins: usage.pins,
      rows: usage.rows,
      bytes: usage.bytes,
    });
    expect(await store.historyUsage({ prefix: 'pl' })).toEqual({
      actors: 1,
      withHistory: 0,
      points: 0,
      pins: 0,
      rows: 0,
      bytes: 0,
      ownBytes: 0,
      sharedBytes: 0,
      largest: [],
    });

    // What two forks share counts for each: flattening would copy it twice.
    await store.fork('a', 'shares/one');
    await store.fork('a', 'shares/two');
    const sharing = await store.historyUsage({ prefix: 'shares/' });
    const { sharedBytes } = (await store.stat('shares/one', { history: true })).history;
    expect(sharedBytes).toBe(own.ownBytes);
    expect(sharing).toMatchObject({ withHistory: 2, ownBytes: 0, sharedBytes: 2 * sharedBytes });
    expect(sharing.largest.map((actor) => actor.sharedBytes)).toEqual([sharedBytes, sharedBytes]);
    await owner.close();
  });

  test('what only a fork shows of a deleted actor is nobody else’s business', async () => {
    const owner = await openWith('a', ['one']);
    const { point: first } = await store.pin('a', { name: 'mine' });
    await owner.run("INSERT INTO notes VALUES ('two')");
    const { point: second } = await store.fork('a', 'trial');
    await store.delete('a');
    const listed = async () => (await collect(store.points('a'))).map(({ point }) => point);
    expect(await listed()).toEqual([first]);
    const isGone = async () => {
      for (const call of [
        () => store.openDatabase('a', { readOnly: true, at: second }),
        () => store.fork('a', 'another', { at: second }),
        () => store.pin('a', { at: second }),
        () => store.exportTo('a', join(directory, 'gone.sqlite'), { at: second }),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: 'ERR_NOT_RETAINED', oldest: first });
      }
    };
    await isGone();
    // Nor under the new actor of that id, which may go back to what was pinned.
    const again = await openWith('a', ['three']);
    expect((await listed()).at(-1)).toBe(first);
    expect(await listed()).not.toContain(second);
    await isGone();
    await expect(store.restore('a', { to: second })).rejects.toMatchObject({ code: 'ERR_NOT_RETAINED' });
    await again.close();
    await store.restore('a', { to: 'mine' });
    const back = await store.openDatabase('a');
    expect(await back.all('SELECT * FROM notes')).toEqual([{ text: 'one' }]);
    const trial = await store.openDatabase('trial');
    expect(await trial.all('SELECT * FROM notes')).toEqual([{ text: 'one' }, { text: 'two' }]);
    await Promise.all([back.close(), trial.close()]);
  });

  test('what counts the past can be stopped, and refuses what it does not know', async () => {
    await openWith('a', ['one']);
    const signal = AbortSignal.abort();
    for (const [call, code] of [
      [() => store.historyUsage({ signal }), 'ERR_ABORTED'],
      [() => store.stat('a', { history: true, signal }), 'ERR_ABORTED'],
      [() => store.stat('a', { history: 1 }), 'ERR_INVALID_ARG'],
      [() => store.stat('a', { past: true }), 'ERR_INVALID_ARG'],
      [() => store.historyUsage({ prefix: 7 }), 'ERR_INVALID_ARG'],
      [() => store.historyUsage({ onProgress: 'often' }), 'ERR_INVALID_ARG'],
      [() => store.historyUsage(7), 'ERR_INVALID_ARG'],
    ]) {
      expect([String(call), await codeOf(call())]).toEqual([String(call), code]);
    }
    expect(await store.stat('nobody', { history: true })).toBeUndefined();
    const stop = new Error('enough');
    const onProgress = () => {
      throw stop;
    };
    await expect(store.historyUsage({ onProgress })).rejects.toBe(stop);
    let closing;
    const close = () => (closing ??= store.close());
    await store.setHistory('a', { keepAll: '1h' });
    expect(await codeOf(store.historyUsage({ onProgress: close }))).toBe('ERR_CLOSED');
    await closing;
  });

  test('an actor whose owner commits all the time is copied, serialized and verified', async () => {
    const owner = await store.openDatabase('busy');
    await owner.exec(`
      CREATE TABLE counter (n INTEGER);
      INSERT INTO counter VALUES (0);
      CREATE TABLE filler (bytes BLOB);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
      INSERT INTO filler SELECT randomblob(3000) FROM n;
    `);
    await store.setHistory('busy', { keepAll: '1h' });
    const count = (id) =>
      store.openDatabase(id, { readOnly: true }).then(async (db) => {
        const { n } = await db.get('SELECT n FROM counter');
        await db.close();
        return n;
      });
    let isDone = false;
    const committing = (async () => {
      while (!isDone) await owner.run('UPDATE counter SET n = n + 1');
    })();
    try {
      const { source, target } = await store.copyTo('busy', store, { as: 'copy', verify: true });
      expect(target.sizePages).toBe(source.sizePages);
      const bytes = await store.serialize('busy');
      await store.importFrom('imported', bytes);
      const [copied, imported] = [await count('copy'), await count('imported')];
      expect(copied).toBeLessThanOrEqual(imported);
      // Nobody holds a state for what has ended.
      expect((await store.inspect('busy')).history.pins).toBe(0);
      const report = await store.verify({ prefix: 'bus' });
      expect(report).toMatchObject({ ok: true, actors: 1, databases: 1, problems: [], busy: [] });
    } finally {
      isDone = true;
      await committing;
    }
    expect(await store.verify()).toMatchObject({ ok: true, databases: 3, problems: [] });
    await owner.close();
  });

  test('a database that moves under its check is checked at its last point', async () => {
    await openWith('a', ['one']);
    const { openDatabase } = store;
    const opened = [];
    store.openDatabase = function (id, options) {
      opened.push(options);
      const busy = new BatonError('SQLITE_BUSY', 'moved');
      return options.at === undefined ? Promise.reject(busy) : openDatabase.call(this, id, options);
    };
    expect(await store.verify()).toMatchObject({ ok: true, databases: 0, busy: ['a'] });
    const { point } = await store.pin('a');
    expect(await store.verify()).toMatchObject({ ok: true, databases: 1, busy: [] });
    expect(opened.at(-1)).toEqual({ readOnly: true, at: point });
  });

  test('bad input is named, and nothing has changed', async () => {
    const owner = await openWith('a', ['one']);
    const before = await store.stat('a');
    for (const [call, code] of [
      [() => store.setHistory('a', { keepAll: 'soon' }), 'ERR_INVALID_ARG'],
      [() => store.setHistory('a', { keepAll: -1 }), 'ERR_OUT_OF_RANGE'],
      [() => store.setHistory('a', { keepAll: 1, then: [{ every: 0, for: 5 }] }), 'ERR_OUT_OF_RANGE'],
      [() => store.setHistory('a', { keepAll: 9, then: [{ every: 1, for: 5 }] }), 'ERR_OUT_OF_RANGE'],
      [() => store.setHistory('a', true), 'ERR_INVALID_ARG'],
      [() => store.setHistory('nobody', false), 'ERR_NOT_FOUND'],
      [() => store.restore('a', {}), 'ERR_INVALID_ARG'],
      [() => store.restore('a', { to: 7 }), 'ERR_INVALID_ARG'],
      [() => store.restore('a', { to: new Date(NaN) }), 'ERR_INVALID_ARG'],
      [() => store.restore('a', { to: '00000000000000ff' }), 'ERR_NOT_RETAINED'],
      [() => store.restore('a', { to: 'no such name' }), 'ERR_NOT_RETAINED'],
      [() => store.restore('nobody', { to: 'x' }), 'ERR_NOT_FOUND'],
      [() => store.pin('a', { name: '' }), 'ERR_INVALID_ARG'],
      [() => store.pin('a', { name: '0123456789abcdef' }), 'ERR_INVALID_ARG'],
      [() => store.pin('a', { expires: 0 }), 'ERR_OUT_OF_RANGE'],
      [() => store.fork('nobody', 'b'), 'ERR_NOT_FOUND'],
      [() => store.fork('a', 'b', { at: '00000000000000ff' }), 'ERR_NOT_RETAINED'],
      [() => store.pointAt('a', 'noon'), 'ERR_INVALID_ARG'],
      [() => collect(store.points('a', { limit: 0 })), 'ERR_OUT_OF_RANGE'],
      [() => collect(store.points('nobody')), 'ERR_NOT_FOUND'],
      [() => store.openDatabase('a', { at: 'x' }), 'ERR_INVALID_ARG'],
    ]) {
      expect([String(call), await codeOf(call())]).toEqual([String(call), code]);
    }
    expect(await store.stat('a')).toEqual(before);
    expect(await store.stat('b')).toBeUndefined();
    await owner.run("INSERT INTO notes VALUES ('two')");
    await owner.close();
  });
});

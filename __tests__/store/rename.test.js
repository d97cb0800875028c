// Actors that get another id, and deletions and copies that know whom they are for.

'use strict';

const { spawnSync } = require('node:child_process');
const { join } = require('node:path');

const { Store } = require('../..');
const { ROOT, onEachBackend, page, startWith, temporaryDirectory } = require('../helpers.js');

const codeOf = (promise) =>
  promise.then(
    () => 'resolved',
    (error) => error.code,
  );

onEachBackend((openStore) => {
  let store;
  beforeEach(async () => {
    store = await openStore();
  });

  /** An actor with a table, and its open database. */
  const actorWith = async (id, text) => {
    const db = await store.openDatabase(id);
    await db.exec('CREATE TABLE t(x)');
    await db.run('INSERT INTO t VALUES (?)', [text]);
    return db;
  };
  const content = async (id) => {
    const db = await store.openDatabase(id, { readOnly: true });
    try {
      return await db.all('SELECT x FROM t');
    } finally {
      await db.close();
    }
  };

  test('an actor is renamed, and its owner is fenced for good', async () => {
    const owner = await actorWith('old', 'mine');
    const meta = await store.rename('old', 'new');
    expect(meta).toEqual(await store.stat('new'));
    expect(await content('new')).toEqual([{ x: 'mine' }]);
    expect(await store.stat('old')).toBeUndefined();
    expect(await codeOf(owner.run("INSERT INTO t VALUES ('late')"))).toMatch(
      /^ERR_(FENCE_MISMATCH|NOT_FOUND)$/,
    );
    // Made again, it is another one, and still not that owner's.
    const again = await store.openDatabase('old');
    expect(again.startup.meta.sizePages).toBe(0);
    expect(await codeOf(owner.run("INSERT INTO t VALUES ('late')"))).toMatch(
      /^ERR_(FENCE_MISMATCH|NOT_FOUND)$/,
    );
    expect(await content('new')).toEqual([{ x: 'mine' }]);
  });

  test('what cannot be renamed is left alone, and its owner as well', async () => {
    const owner = await actorWith('a', 'mine');
    await actorWith('b', 'other');
    await expect(store.rename('a', 'b')).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: expect.stringContaining('actor "b" has 2 pages already'),
    });
    await expect(store.rename('a', 'a')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    await expect(store.rename('nobody', 'c')).rejects.toMatchObject({
      code: 'ERR_NOT_FOUND',
      actor: 'nobody',
    });
    await expect(store.rename('a', '')).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: expect.stringContaining('newActorId'),
    });
    await expect(store.rename('a', 'c', { verify: true })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    await expect(store.rename('a', 'c', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
    await owner.run("INSERT INTO t VALUES ('still mine')");
    expect(await store.stat('c')).toBeUndefined();
    expect(await store.stat('nobody')).toBeUndefined();
  });

  test('who starts the actor while it is renamed keeps it', async () => {
    await actorWith('a', 'mine');
    let next;
    const renaming = store.rename('a', 'b', {
      onProgress: async () => {
        if (next !== undefined) return;
        next = await store.openDatabase('a');
        await next.run("INSERT INTO t VALUES ('more')");
      },
    });
    await expect(renaming).rejects.toMatchObject({
      code: 'ERR_CONCURRENT_TAKEOVER',
      retryable: true,
      actor: 'a',
    });
    expect(await store.stat('b')).toBeUndefined();
    expect((await content('a')).length).toBeGreaterThan(1);
    await next.run("INSERT INTO t VALUES ('and more')");
  });

  test('an owner deletes only what it holds', async () => {
    const owner = await actorWith('a', 'mine');
    const { generation } = owner.startup;
    const { headTxid } = await store.stat('a');
    await owner.run("INSERT INTO t VALUES ('more')");
    expect(await codeOf(store.delete('a', { generation, headTxid }))).toBe('ERR_FENCE_MISMATCH');
    await store.openDatabase('a');
    await expect(store.delete('a', { generation })).rejects.toMatchObject({
      code: 'ERR_FENCE_MISMATCH',
      actor: 'a',
      held: generation,
      current: generation + 1n,
    });
    expect((await content('a')).length).toBe(2);
    expect(await store.delete('a', { generation: generation + 1n })).toBe(true);
    expect(await store.delete('a', { generation: generation + 1n })).toBe(false);
    expect(await codeOf(store.delete('a', { headTxid: 1n }))).toBe('ERR_INVALID_ARG');
    expect(await codeOf(store.delete('a', { generation: 1 }))).toBe('ERR_INVALID_ARG');
  });

  test('a copy gets an id of its own, also in its own store', async () => {
    const owner = await actorWith('a', 'mine');
    const { target } = await store.copyTo('a', store, { as: 'b', verify: true });
    expect(target.generation).toBe(1n);
    expect(await content('b')).toEqual([{ x: 'mine' }]);
    await owner.run("INSERT INTO t VALUES ('more')");
    expect(await content('b')).toEqual([{ x: 'mine' }]);
    const other = await Store.open({ memory: true });
    await store.copyTo('a', other, { as: 'c' });
    expect((await other.stat('c')).sizePages).toBe(2);
    await other.close();
    expect(await codeOf(store.copyTo('a', store, { as: 'a', replace: true }))).toBe('ERR_INVALID_ARG');
    expect(await codeOf(store.copyTo('a', store, { as: 'b' }))).toBe('ERR_INVALID_ARG');
  });
});

const path = join(temporaryDirectory(), 'data');

test('a rename whose process is killed half way leaves the actor under its old id', async () => {
  const before = await Store.open({ path });
  await startWith(
    before,
    'old',
    Array.from({ length: 1_500 }, (_, index) => page(index % 250)),
  );
  await before.close();
  const script = `
    const { Store } = require(${JSON.stringify(join(ROOT, 'index.js'))});
    Store.open({ path: ${JSON.stringify(path)} }).then((store) =>
      store.rename('old', 'new', {
        onProgress: ({ pagesDone }) => void (pagesDone > 0 && process.kill(process.pid, 'SIGKILL')),
      }));`;
  expect(spawnSync(process.execPath, ['-e', script])).toMatchObject({ signal: 'SIGKILL' });
  const store = await Store.open({ path });
  expect(await store.list()).toEqual([{ actorId: 'old' }]);
  expect((await store.stat('old')).sizePages).toBe(1_500);
  expect((await store.rename('old', 'new')).sizePages).toBe(1_500);
  expect(await store.list()).toEqual([{ actorId: 'new' }]);
  expect(await store.verify({ deep: false })).toMatchObject({ ok: true });
  await store.close();
});

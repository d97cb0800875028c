'use strict';

const { randomBytes } = require('node:crypto');
const { appendFileSync, existsSync, readFileSync, readdirSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const { Store } = require('..');
const { addressOf, batondb, jsonOf, start, succeed } = require('./cli-helpers.js');
const {
  describeOnCluster,
  clusterPlace,
  expectBytes,
  page,
  rejection,
  startWith,
  temporaryDirectory,
} = require('./helpers.js');

const directory = temporaryDirectory();
let places = 0;

function embeddedPlace() {
  places += 1;
  return { path: join(directory, `store-${places}`), durability: 'relaxed' };
}

function stateFile() {
  places += 1;
  return join(directory, `state-${places}.jsonl`);
}

/** All pages of an actor. */
async function allPages(store, actorId) {
  const { generation, sizePages } = await store.stat(actorId);
  return await store.getPages(actorId, {
    generation,
    pages: Array.from({ length: sizePages }, (_, at) => at + 1),
  });
}

async function expectSame(source, target, actorId) {
  const [one, other] = await Promise.all([allPages(source, actorId), allPages(target, actorId)]);
  expect([...other.pages]).toEqual([...one.pages]);
  expect(other.pageSize).toBe(one.pageSize);
  expectBytes(other.data, one.data);
}

/** A page with incompressible bytes. */
const noise = () => randomBytes(4096);

const WAYS = [['embedded to embedded', embeddedPlace, embeddedPlace]];
const CLUSTER_WAYS = [
  ['embedded to a cluster', embeddedPlace, clusterPlace],
  ['a cluster to embedded', clusterPlace, embeddedPlace],
];

function suite(ways) {
  describe.each(ways)('from %s', (_, fromPlace, toPlace) => {
    let source;
    let target;
    let args;
    let state;

    beforeEach(async () => {
      const [from, to] = [fromPlace(), toPlace()];
      source = await Store.open(from);
      target = await Store.open(to);
      state = stateFile();
      args = ['copy', addressOf(from), addressOf(to), '--state', state];
    });
    afterEach(() => Promise.all([source.close(), target.close()]));

    test('actors of all kinds arrive byte for byte, and a second run copies what has changed', async () => {
      const database = await source.openDatabase('sql');
      await database.exec('CREATE TABLE t (x); INSERT INTO t VALUES (randomblob(300000))');
      await database.close();
      await startWith(source, 'raw', [page(1, 512), page(2, 512)]);
      const holes = await source.loadStartup('holes');
      const commit = {
        generation: holes.generation,
        headTxid: 0n,
        sizePages: 9,
        pages: [1, 4].map((number) => ({ page: number, data: noise() })),
      };
      const { txid } = await source.commit('holes', commit);
      await source.loadStartup('fresh');
      await startWith(source, 'gone', [page(1)]);
      await source.delete('gone');

      expect(await jsonOf([...args, '--verify'])).toMatchObject({
        copied: 4,
        unchanged: 0,
        failed: [],
        state,
      });
      for (const actorId of ['sql', 'raw', 'holes']) await expectSame(source, target, actorId);
      expect(await target.stat('fresh')).toMatchObject({ sizePages: 0, generation: 1n });
      expect(await target.stat('gone')).toBeUndefined();
      expect(await target.inspect('holes')).toMatchObject({ pagesNeverWritten: 7, problems: [] });
      expect((await source.stat('sql')).generation).toBe(1n);

      expect(await jsonOf([...args, '--verify'])).toMatchObject({ copied: 0, unchanged: 4 });
      await source.commit('holes', { ...commit, headTxid: txid, pages: [{ page: 5, data: noise() }] });
      expect(await jsonOf(args)).toMatchObject({ copied: 1, unchanged: 3 });
      await expectSame(source, target, 'holes');
      expect(await target.verify()).toMatchObject({ ok: true });
    });

    test('what is in the target and not from this copy is left alone, unless told', async () => {
      await startWith(source, 'a', [noise(), noise()]);
      await startWith(source, 'b', [noise()]);
      const { generation } = await startWith(target, 'a', [page(9)]);
      const { code, stderr, stdout } = await batondb([...args, '--json']);
      expect(code).toBe(1);
      expect(stderr).toContain('actor "a": it is in the target and not from this copy; pass --replace');
      expect(JSON.parse(stdout)).toMatchObject({
        copied: 1,
        failed: [{ actorId: 'a', code: 'ERR_INVALID_ARG' }],
      });
      expect(await target.stat('a')).toMatchObject({ generation, sizePages: 1 });
      expect(await jsonOf([...args, '--replace'])).toMatchObject({ copied: 1, unchanged: 1 });
      await expectSame(source, target, 'a');

      // Used in the target: not brought back to what it was, and not replaced when the source changes.
      const used = await startWith(target, 'b', [page(7)]);
      expect(await jsonOf(args)).toMatchObject({ copied: 0, unchanged: 2 });
      await startWith(source, 'b', [noise()]);
      expect(await batondb(args)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('was used in the target'),
      });
      expect(await target.stat('b')).toMatchObject({ generation: used.generation });
    });

    test('killed anywhere, the same command goes on and completes', async () => {
      const pages = Array.from({ length: 600 }, noise);
      for (let actor = 0; actor < 6; actor += 1) await startWith(source, `actor-${actor}`, pages);
      let kills = 0;
      for (let round = 0; kills < 4 && round < 40; round += 1) {
        const child = start([...args, '--parallel', '2']);
        const ended = new Promise((resolve) => child.on('close', resolve));
        const before = existsSync(state) ? readFileSync(state).length : 0;
        // As soon as it has noted something, and a little later each time.
        while (child.exitCode === null && (!existsSync(state) || readFileSync(state).length === before)) {
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
        await new Promise((resolve) => setTimeout(resolve, round * 7));
        if (child.exitCode === null) kills += 1;
        child.kill('SIGKILL');
        await ended;
        if (child.exitCode === 0) break;
      }
      expect(kills).toBeGreaterThan(0);
      // A kill may also cut off the last note.
      appendFileSync(state, '{"actorId":"actor-');
      expect(await jsonOf([...args, '--verify'])).toMatchObject({ failed: [] });
      for (let actor = 0; actor < 6; actor += 1) await expectSame(source, target, `actor-${actor}`);
      expect(await target.verify()).toMatchObject({ ok: true, problems: [] });
      expect(await jsonOf(args)).toMatchObject({ copied: 0, unchanged: 6 });
    }, 60_000);

    test('Ctrl-C stops, and the same command goes on', async () => {
      for (let actor = 0; actor < 3; actor += 1)
        await startWith(source, `a-${actor}`, Array.from({ length: 500 }, noise));
      const child = start([...args, '--parallel', '1']);
      const ended = new Promise((resolve) => child.on('close', resolve));
      while (!existsSync(state) || readFileSync(state, 'utf8').split('\n').length < 3) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      child.kill('SIGINT');
      expect(await ended).toBe(130);
      await succeed([...args, '--verify']);
      for (let actor = 0; actor < 3; actor += 1) await expectSame(source, target, `a-${actor}`);
    });

    test('one actor alone, or those of a prefix', async () => {
      for (const id of ['a', 'room-1', 'room-2']) await startWith(source, id, [noise()]);
      expect(await jsonOf([...args.slice(0, 3), 'a', '--state', state])).toMatchObject({ copied: 1 });
      expect(await jsonOf([...args, '--prefix', 'room-'])).toMatchObject({ copied: 2 });
      expect((await target.list()).map(({ actorId }) => actorId)).toEqual(['a', 'room-1', 'room-2']);
      expect(await batondb([...args.slice(0, 3), 'nobody', '--state', state])).toMatchObject({ code: 1 });
    });

    test('copyTo tells how far it is, can be stopped, and shows all or nothing', async () => {
      await startWith(source, 'a', Array.from({ length: 3_000 }, noise));
      const steps = [];
      const stopping = new AbortController();
      const onProgress = (step) => {
        steps.push(step);
        if (steps.length === 2) stopping.abort();
      };
      const stopped = source.copyTo('a', target, { signal: stopping.signal, onProgress });
      expect(await rejection(stopped)).toMatchObject({ code: 'ERR_ABORTED' });
      expect(steps[0]).toMatchObject({
        actorId: 'a',
        pagesDone: 0,
        pages: 3_000,
        target: { generation: 1n },
      });
      expect(steps[1].pagesDone).toBeGreaterThan(0);
      expect(await target.stat('a')).toMatchObject({ headTxid: 0n, sizePages: 0 });
      const { source: from, target: to } = await source.copyTo('a', target);
      expect(from).toMatchObject(await source.stat('a'));
      expect(to).toEqual(await target.stat('a'));
      await expectSame(source, target, 'a');
      expect(await rejection(source.copyTo('a', target))).toMatchObject({ code: 'ERR_INVALID_ARG' });
    });
  });
}

suite(WAYS);
describeOnCluster('with a cluster', () => suite(CLUSTER_WAYS));

describe('the state', () => {
  let from;
  let to;

  beforeAll(async () => {
    from = embeddedPlace();
    to = embeddedPlace();
    const store = await Store.open(from);
    await startWith(store, 'a', [noise()]);
    await store.close();
  });

  test('goes to a file of its own in the working directory unless told', async () => {
    const { state } = await jsonOf(['copy', from.path, to.path], { cwd: directory });
    expect(state).toMatch(/^batondb-copy-[0-9a-f]{8}\.jsonl$/);
    expect(readdirSync(directory)).toContain(state);
    expect(await jsonOf(['copy', from.path, to.path], { cwd: directory })).toMatchObject({
      unchanged: 1,
      state,
    });
  });

  test('of another copy, or what is no state, is refused', async () => {
    const state = stateFile();
    await succeed(['copy', from.path, to.path, '--state', state, '--replace']);
    const other = await batondb(['copy', from.path, embeddedPlace().path, '--state', state]);
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('is not of a copy from') });
    const text = stateFile();
    writeFileSync(text, 'my letter\nto you\n');
    const refused = await batondb(['copy', from.path, to.path, '--state', text]);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('is not the state of a copy') });
    expect(readFileSync(text, 'utf8')).toBe('my letter\nto you\n');
  });
});

test('memory does not grow with the size of a database', async () => {
  const [from, to] = [embeddedPlace(), embeddedPlace()];
  const store = await Store.open(from);
  let held = await startWith(store, 'large', [noise()]);
  for (let part = 0; part < 10; part += 1) {
    const pages = Array.from({ length: 2_560 }, (_, at) => ({ page: 2 + part * 2_560 + at, data: noise() }));
    const sizePages = pages.at(-1).page;
    held = { ...held, headTxid: (await store.commit('large', { ...held, sizePages, pages })).txid };
  }
  await store.close();
  const child = start(['copy', from.path, to.path, '--state', stateFile(), '--verify']);
  let most = 0;
  const watching = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      most = Math.max(most, Number(/RssAnon:\s+(\d+)/.exec(status)?.[1] ?? 0));
    } catch {
      // It has ended, or this system does not tell.
    }
  }, 10);
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
  clearInterval(watching);
  // 100 MB of pages. What is not said by the system is no failure.
  expect(most).toBeLessThan(90_000);
}, 60_000);

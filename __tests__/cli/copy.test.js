'use strict';

const { randomBytes } = require('node:crypto');
const {
  appendFileSync,
  existsSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} = require('node:fs');
const { join } = require('node:path');

const { Store } = require('../..');
const { compare } = require('../../lib/cli/compare.js');
const { addressOf, batondb, jsonOf, start, succeed } = require('./helpers.js');
const {
  describeOnCluster,
  clusterPlace,
  expectBytes,
  page,
  rejection,
  startWith,
  temporaryDirectory,
} = require('../helpers.js');

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
        // What is there is there as a whole.
        const there = (await target.list()).map(({ actorId }) => actorId);
        for (const actorId of there) await expectSame(source, target, actorId);
        expect(await target.verify()).toMatchObject({ ok: true, problems: [] });
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
      const there = (await target.list()).map(({ actorId }) => actorId);
      expect(there.length).toBeLessThan(3);
      for (const actorId of there) await expectSame(source, target, actorId);
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
      expect(await target.stat('a')).toBeUndefined();
      expect(await target.list()).toEqual([]);
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
    for (const letter of ['my letter\nto you\n', 'my letter\nto you', 'my letter', '{"batondbCopy":2']) {
      writeFileSync(text, letter);
      const refused = await batondb(['copy', from.path, to.path, '--state', text]);
      expect(refused).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('is not the state of a copy'),
      });
      expect(readFileSync(text, 'utf8')).toBe(letter);
    }
    // One whose very first line was cut off is one that has not begun.
    writeFileSync(text, '{"batondbCopy":1,"fr');
    await succeed(['copy', from.path, to.path, '--state', text, '--replace']);
  });
});

describe('of an owner at work', () => {
  /** An actor of 20 MB whose owner commits without a pause until it is told to stop. */
  async function busy(store, actorId) {
    let held = await startWith(store, actorId, [noise()]);
    const sizePages = 5_000;
    const pages = Array.from({ length: sizePages }, (_, at) => ({ page: at + 1, data: noise() }));
    held = { ...held, headTxid: (await store.commit(actorId, { ...held, sizePages, pages })).txid };
    const owner = { commits: 0, stopped: false };
    const done = (async () => {
      while (!owner.stopped) {
        const changed = [1, 2_500, sizePages].map((number) => ({ page: number, data: noise() }));
        held.headTxid = (await store.commit(actorId, { ...held, sizePages, pages: changed })).txid;
        owner.commits += 1;
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    return { owner, stop: () => ((owner.stopped = true), done) };
  }

  test('each copy has one of its heads, and is compared with that one', async () => {
    const [from, to] = [embeddedPlace(), embeddedPlace()];
    const [source, target] = [await Store.open(from), await Store.open(to)];
    const { owner, stop } = await busy(source, 'busy');
    try {
      const args = ['copy', from.path, to.path, '--state', stateFile(), '--verify'];
      for (let round = 0; round < 3; round += 1) {
        const before = owner.commits;
        expect(await jsonOf(args)).toMatchObject({ copied: 1, unchanged: 0, failed: [] });
        expect(owner.commits).toBeGreaterThan(before + 8);
      }
      const before = await source.stat('busy');
      const copied = await source.copyTo('busy', target, { replace: true, verify: true });
      expect(copied.source.headTxid).toBeGreaterThanOrEqual(before.headTxid);
      expect(copied.source.headTxid).toBeLessThan((await source.stat('busy')).headTxid);
      await stop();
      expect(await jsonOf([...args, '--replace'])).toMatchObject({ copied: 1 });
      await expectSame(source, target, 'busy');
      expect(await jsonOf(args)).toMatchObject({ copied: 0, unchanged: 1 });
      expect(await target.verify()).toMatchObject({ ok: true, problems: [] });
    } finally {
      await stop();
      await Promise.all([source.close(), target.close()]);
    }
  }, 120_000);

  test('a copy that was made before is copied again where it cannot be compared any more', async () => {
    const store = await Store.open(embeddedPlace());
    const target = await Store.open(embeddedPlace());
    await startWith(store, 'a', [noise(), noise()]);
    const { source, target: made } = await store.copyTo('a', target);
    const heads = { source: source.headTxid, target: made.headTxid };
    const call = { source: store, target, actorId: 'a', signal: new AbortController().signal };
    expect(await compare(call, heads)).toBe(true);
    expect(await compare(call, { ...heads, source: heads.source + 1n })).toBe(false);
    // Between the question for the head and the pages.
    const moving = Object.create(store, {
      stat: { value: (id) => store.stat(id) },
      getPages: {
        value: (id, request) => startWith(store, id, [noise()]).then(() => store.getPages(id, request)),
      },
    });
    expect(await compare({ ...call, source: moving }, heads)).toBe(false);
    await Promise.all([store.close(), target.close()]);
  });
});

describe('of a store onto itself', () => {
  test.each(['/', '/.', '/../alias'])('is refused as a call, by the name %s as well', async (name) => {
    const { path } = embeddedPlace();
    const store = await Store.open({ path, durability: 'strict' });
    const { generation, headTxid } = await startWith(store, 'a', [noise()]);
    const alias = join(directory, 'alias');
    rmSync(alias, { force: true });
    symlinkSync(path, alias);
    const state = stateFile();
    for (const to of [`${path}${name}`, alias]) {
      const refused = await batondb(['copy', path, to, '--replace', '--state', state]);
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('are of the same store') });
    }
    expect(existsSync(state)).toBe(false);
    expect(await store.stat('a')).toMatchObject({ generation });
    await store.commit('a', { generation, headTxid, sizePages: 1, pages: [{ page: 1, data: noise() }] });
    await store.close();
  });

  test('is refused from code, also through two handles', async () => {
    const { path } = embeddedPlace();
    const store = await Store.open({ path });
    const alias = join(directory, 'second-alias');
    symlinkSync(path, alias);
    const same = await Store.open({ path: alias });
    const other = await Store.open(embeddedPlace());
    const { generation } = await startWith(store, 'a', [noise()]);
    expect([store.isSameAs(store), store.isSameAs(same), same.isSameAs(store)]).toEqual([true, true, true]);
    expect([store.isSameAs(other), other.isSameAs(same)]).toEqual([false, false]);
    for (const target of [store, same]) {
      const refused = await rejection(store.copyTo('a', target, { replace: true }));
      expect(refused).toMatchObject({ code: 'ERR_INVALID_ARG', retryable: false });
    }
    expect(await store.stat('a')).toMatchObject({ generation });
    for (const wrong of [undefined, null, 7, {}, Store]) {
      expect(() => store.isSameAs(wrong)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG' }));
    }
    await Promise.all([store.close(), same.close(), other.close()]);
  });

  test('stores in memory are not the same', async () => {
    const [one, other] = [await Store.open({ memory: true }), await Store.open({ memory: true })];
    expect([one.isSameAs(one), one.isSameAs(other)]).toEqual([true, false]);
    await Promise.all([one.close(), other.close()]);
  });
});

describe('what is killed half way', () => {
  /** Runs a command until the actor's rows are being staged, and kills it then. */
  async function killedHalfWay(args, target, actorId) {
    const child = start(args);
    const ended = new Promise((resolve) => child.on('close', resolve));
    for (;;) {
      const staged = (await target.inspect(actorId))?.rows.pagesStaged.rows ?? 0;
      if (staged > 0 || child.exitCode !== null) break;
    }
    child.kill('SIGKILL');
    await ended;
    return child.exitCode === null;
  }

  test.each(['copy', 'import'])(
    '%s shows nothing of an actor that was not there',
    async (command) => {
      const [from, to] = [embeddedPlace(), embeddedPlace()];
      const [source, target] = [await Store.open(from), await Store.open(to)];
      const database = await source.openDatabase('large');
      await database.exec(`CREATE TABLE t (x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
      WHERE i < 2000) INSERT INTO t SELECT randomblob(10000) FROM n`);
      await database.close();
      const file = join(directory, `${command}.sqlite`);
      await source.exportTo('large', file);
      const args =
        command === 'copy'
          ? ['copy', from.path, to.path, 'large', '--state', stateFile()]
          : ['import', to.path, 'large', file];
      let killed = false;
      for (let round = 0; !killed && round < 10; round += 1) {
        killed = await killedHalfWay(args, target, 'large');
        if (!killed) await target.delete('large');
      }
      expect(killed).toBe(true);
      expect(await target.list()).toEqual([]);
      expect(await target.stat('large')).toBeUndefined();
      expect((await target.inspect('large')).rows.pagesStaged.rows).toBeGreaterThan(0);
      for (const reading of [['stat'], ['doctor'], ['sql', '-c', 'SELECT 1']]) {
        const [name, ...more] = reading;
        expect(await batondb([name, to.path, 'large', ...more])).toMatchObject({
          code: 1,
          stderr: expect.stringContaining('does not exist (ERR_NOT_FOUND)'),
        });
      }
      expect(await target.verify()).toMatchObject({ ok: true, problems: [] });
      // What is left of it goes by its name, or with the next attempt.
      if (command === 'copy') {
        expect(await batondb(['delete', to.path, 'large', '--yes'])).toMatchObject({ code: 1 });
        expect((await target.inspect('large')).rows.pagesStaged.rows).toBe(0);
      }
      await succeed(args);
      await expectSame(source, target, 'large');
      await Promise.all([source.close(), target.close()]);
    },
    60_000,
  );
});

test('a copy that cannot be finished leaves nothing in the target', async () => {
  const [from, to] = [embeddedPlace(), embeddedPlace()];
  const store = await Store.open(from);
  const marked = noise();
  await startWith(store, 'damaged', [...Array.from({ length: 2_000 }, noise), marked]);
  await startWith(store, 'sound', [noise()]);
  await store.close();
  const file = join(from.path, 'data.mdb');
  const bytes = readFileSync(file);
  // Every copy of it: a page that is not used any more may have one, too.
  const needle = marked.subarray(100, 200);
  const places = [];
  for (let at = bytes.indexOf(needle); at !== -1; at = bytes.indexOf(needle, at + 1)) {
    places.push(at);
  }
  expect(places).not.toEqual([]);
  for (const at of places) {
    bytes[at] ^= 1;
  }
  writeFileSync(file, bytes);
  const { code, stdout, stderr } = await batondb([
    'copy',
    from.path,
    to.path,
    '--state',
    stateFile(),
    '--json',
  ]);
  expect(code).toBe(1);
  expect(stderr).toContain('ERR_CORRUPT');
  expect(JSON.parse(stdout)).toMatchObject({ copied: 1, failed: [{ actorId: 'damaged' }] });
  expect(await succeed(['list', to.path])).toBe('sound\n');
  expect(await jsonOf(['doctor', to.path, '--shallow'])).toMatchObject({ ok: true });
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

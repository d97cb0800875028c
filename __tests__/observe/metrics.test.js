'use strict';

const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const { BatonError, Store } = require('../..');
const { ROOT, expectRefusal, onEachBackend, page, rejection, temporaryDirectory } = require('../helpers.js');
const { parse } = require('./prometheus-text.js');

const temporary = temporaryDirectory();

/** The numbers of an object by their place, of histograms how many values they have. */
function flat(value, at = '') {
  return Object.entries(value).flatMap(([name, inner]) => {
    const path = at === '' ? name : `${at}.${name}`;
    if (typeof inner === 'number') {
      return [[path, inner]];
    }
    return Array.isArray(inner?.buckets) ? [[path, inner.count]] : flat(inner, path);
  });
}

test('a durable commit is one record of the journal, and calls in flight share it', async () => {
  const store = await Store.open({ path: join(temporary, 'journal') });
  const db = await store.openDatabase('a', { preload: { hints: false } });
  await db.exec('CREATE TABLE t(n)');
  const { file: before } = store.metrics();
  await db.run('INSERT INTO t VALUES (0)');
  const { file: alone } = store.metrics();
  expect(alone.journalRecords - before.journalRecords).toBe(1);
  expect(alone.journalFlushes - before.journalFlushes).toBe(1);
  expect(alone.journalBytes - before.journalBytes).toBeGreaterThanOrEqual(4096);
  await Promise.all(Array.from({ length: 64 }, (_, n) => db.run('INSERT INTO t VALUES (?)', [n])));
  const { file: shared } = store.metrics();
  expect(shared.journalRecords - alone.journalRecords).toBeLessThan(32);
  expect(shared.checkpoints).toBeGreaterThan(0);
  await store.close();
});

onEachBackend((open) => {
  test('a store counts what it does', async () => {
    const store = await open();
    // A file has its size from the beginning.
    const counted = flat(store.metrics()).filter(([path]) => !path.startsWith('file.'));
    expect(new Set(counted.map(([, number]) => number))).toEqual(new Set([0]));
    const { generation, meta } = await store.loadStartup('a');
    const commit = { generation, headTxid: meta.headTxid, sizePages: 2 };
    const pages = [1, 2].map((number) => ({ page: number, data: page(number) }));
    await store.commit('a', { ...commit, pages });
    expect((await rejection(store.commit('a', { ...commit, pages }))).code).toBe('ERR_FENCE_MISMATCH');
    await store.getPages('a', { generation, pages: [1, 2, 3] });
    await store.delete('a');
    const metrics = store.metrics();
    expect(metrics).toMatchObject({
      startups: { won: 1, lost: 0, failed: 0, pages: 0 },
      commits: { small: 1, staged: 0, failed: 1, pages: 2, pageBytes: 8192, rollbacks: 0 },
      reads: { answered: 1, pages: 2 },
      attempts: { lostAnswers: { resolved: 0, resolvedLater: 0, unknown: 0 } },
      fenceMismatches: 1,
      deletions: 1,
    });
    expect(metrics.commits.storedBytes).toBeGreaterThan(0);
    expect(metrics.commits.storedBytes).toBeLessThan(8192);
    const { count, sum, buckets } = metrics.commits.smallSeconds;
    expect(count).toBe(1);
    expect(sum).toBeGreaterThan(0);
    expect(sum).toBeLessThan(60);
    expect(buckets.at(-1)).toEqual({ le: Infinity, count: 1 });
    const inside = buckets.findIndex(({ le }) => le >= sum);
    expect(buckets.map((bucket) => bucket.count)).toEqual(buckets.map((_, index) => Number(index >= inside)));
  });

  test('a store counts what it does with the past of its actors', async () => {
    const store = await open();
    const { generation, meta } = await store.loadStartup('a');
    const pages = [1, 2, 3].map((number) => ({ page: number, data: page(number) }));
    await store.commit('a', { generation, headTxid: meta.headTxid, sizePages: 3, pages });
    await store.pin('a', { name: 'then' });
    await store.restore('a', { to: 'then' });
    await store.fork('a', 'b');
    expect((await rejection(store.fork('a', 'b'))).code).toBe('ERR_EXISTS');
    await store.flatten('b');
    const { history } = store.metrics();
    expect(history).toMatchObject({
      restores: { completed: 1, failed: 0 },
      forks: { completed: 1, failed: 1 },
      flattenings: { call: 1, background: 0, failed: 0, pages: 3 },
      pins: { made: { user: 1, undo: 1, reader: 0 }, expired: { user: 0, undo: 0, reader: 0 } },
    });
    expect(history.flattenings.bytes).toBeGreaterThan(0);
  });

  test('databases count what their SQL costs, and are gauges while they are open', async () => {
    const store = await open();
    const db = await store.openDatabase('a', { readAhead: false });
    expect(store.metrics().sql).toMatchObject({ openDatabases: 1, calls: 0, waiting: 0, running: 0 });
    await db.exec(`
      CREATE TABLE t(n INTEGER PRIMARY KEY, c);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
      INSERT INTO t SELECT i, hex(zeroblob(100)) FROM n;
    `);
    await db.close();
    const closed = store.metrics();
    expect(closed.sql.openDatabases).toBe(0);

    const again = await store.openDatabase('a', { readAhead: false, preload: { hints: false } });
    const before = store.metrics();
    expect(before.preload.pages).toBe(1);
    await again.get('SELECT c FROM t WHERE n = 1500');
    const after = store.metrics();
    expect(after.sql.calls - before.sql.calls).toBe(1);
    expect(after.sql.roundTrips - before.sql.roundTrips).toBe(2);
    expect(after.cache.misses - before.cache.misses).toBe(2);
    expect(after.sql.callRoundTrips.sum - before.sql.callRoundTrips.sum).toBe(2);
    expect(after.preload.hits).toBe(1);
    expect(after.cache.hits).toBe(closed.cache.hits + again.stats().cacheHits);

    const all = again.all('SELECT count(*) FROM t a, t b WHERE a.n + b.n < 0');
    const waiting = again.get('SELECT 1');
    const { sql } = store.metrics();
    expect(sql.waiting + sql.running).toBeGreaterThan(0);
    await Promise.all([all, waiting]);
    expect(store.metrics().sql).toMatchObject({ waiting: 0, calls: after.sql.calls + 2 });
    await again.close();
    expect(store.metrics().cache.hits).toBeGreaterThanOrEqual(after.cache.hits);
  });

  test('the text says the same as the object', async () => {
    const store = await open();
    const db = await store.openDatabase('a');
    await db.exec('CREATE TABLE t(n); INSERT INTO t VALUES (1)');
    const metrics = store.metrics();
    const families = parse(metrics.toPrometheus());
    const find = (name, labels = {}) => {
      const { samples } = families.get(name.replace(/_(bucket|sum|count)$/, '')) ?? families.get(name);
      const wanted = JSON.stringify(labels);
      return samples.find((one) => one.name === name && JSON.stringify(one.labels) === wanted).value;
    };
    expect(find('baton_startups_total', { outcome: 'won' })).toBe(1);
    expect(find('baton_commits_total', { kind: 'small' })).toBe(metrics.commits.small);
    expect(find('baton_open_databases')).toBe(1);
    expect(find('baton_cache_bytes')).toBe(metrics.cache.bytes);
    expect(find('baton_commit_duration_seconds_sum', { kind: 'small' })).toBe(
      metrics.commits.smallSeconds.sum,
    );
    for (const { le, count } of metrics.sql.callSeconds.buckets) {
      const bound = le === Infinity ? '+Inf' : String(le);
      expect(find('baton_sql_call_duration_seconds_bucket', { le: bound })).toBe(count);
    }
    // Every number of the object is in the text once, a histogram with its buckets, sum and count.
    const histograms = flat(metrics).filter(([path]) =>
      /^(?!file\.).*(Seconds$|\.seconds$|callRoundTrips$)/.test(path),
    );
    const samples = [...families.values()].flatMap((family) => family.samples);
    const plain = samples.filter(({ name }) => !/_(bucket|sum|count)$/.test(name));
    expect(plain).toHaveLength(flat(metrics).length - histograms.length);
    expect(samples.filter(({ name }) => name.endsWith('_sum'))).toHaveLength(histograms.length);
  });

  test('a closed store still says what it has done', async () => {
    const store = await open();
    await store.loadStartup('a');
    const db = await store.openDatabase('b');
    await db.exec('CREATE TABLE t(n)');
    const open_ = store.metrics();
    await store.close();
    const closed = store.metrics();
    expect(closed.startups).toEqual(open_.startups);
    expect(closed.sql).toMatchObject({ calls: 1, openDatabases: 0, memoryBytes: 0 });
    expect(closed.queues).toEqual({ commit: 0, background: 0 });
    expect(parse(closed.toPrometheus()).size).toBeGreaterThan(30);
  });
});

describe('one store of several', () => {
  const opened = [];
  afterEach(() => Promise.all(opened.splice(0).map((store) => store.close())));
  const open = async (options) => {
    const store = await Store.open(options);
    opened.push(store);
    return store;
  };

  test('has numbers of its own, also on the same directory', async () => {
    const path = join(temporary, 'shared');
    const [one, other] = [await open({ path }), await open({ path })];
    await one.loadStartup('a');
    expect([one.metrics().startups.won, other.metrics().startups.won]).toEqual([1, 0]);
  });

  test('is told apart by labels, and stores of one text by theirs', async () => {
    const [one, other] = [await open({ memory: true }), await open({ memory: true })];
    await one.loadStartup('a');
    const texts = [one, other].map((store, index) =>
      store.metrics().toPrometheus({ labels: { store: `s${index}`, pod_1: 'a "b"\\c\nd, {e}=\u{1F600}' } }),
    );
    for (const [index, text] of texts.entries()) {
      for (const { samples } of parse(text).values()) {
        for (const { labels } of samples) {
          expect(labels).toMatchObject({ store: `s${index}`, pod_1: 'a "b"\\c\nd, {e}=\u{1F600}' });
        }
      }
    }
  });

  test('goes by the prefix that it is given', async () => {
    const store = await open({ memory: true });
    for (const prefix of ['', 'app:baton_', '_x9']) {
      const names = [...parse(store.metrics().toPrometheus({ prefix })).keys()];
      expect(names.every((name) => name.startsWith(prefix))).toBe(true);
      expect(names).toContain(`${prefix}startups_total`);
    }
  });

  test('is not changed by whoever changes the object', async () => {
    const store = await open({ memory: true });
    const metrics = store.metrics();
    const text = metrics.toPrometheus();
    metrics.startups.won = 7;
    expect(metrics.toPrometheus()).toBe(text);
    expect(store.metrics().startups.won).toBe(0);
    expect(JSON.parse(JSON.stringify(store.metrics())).commits.smallSeconds.buckets.at(-1)).toEqual({
      le: null,
      count: 0,
    });
  });

  test('refuses labels and prefixes that no scraper takes, by their names', async () => {
    const metrics = (await open({ memory: true })).metrics();
    const hole = Object.defineProperty({}, 'toString', { get: () => expect.fail() });
    for (const [options, ...fragments] of [
      [1, '"options"', '1'],
      [null, '"options"', 'null'],
      [[], '"options"'],
      [{ label: {} }, 'label', 'Known are "prefix", "labels"'],
      [{ prefix: 7 }, '"options.prefix"', '7'],
      [{ prefix: '9a' }, '"options.prefix"', '9a'],
      [{ prefix: 'a-b' }, '"options.prefix"', 'a-b'],
      [{ prefix: 'a\n' }, '"options.prefix"', 'a\\n'],
      [{ labels: 'a' }, '"options.labels"', "'a'"],
      [{ labels: ['a'] }, '"options.labels"'],
      [{ labels: null }, '"options.labels"', 'null'],
      [{ labels: { '9a': 'b' } }, '"options.labels"', '9a'],
      [{ labels: { '': 'b' } }, '"options.labels"', "''"],
      [{ labels: { 'a\n': 'b' } }, '"options.labels"', 'a\\n'],
      [{ labels: { __name__: 'b' } }, '"options.labels"', '__name__'],
      [{ labels: { 'a:b': 'b' } }, '"options.labels"', 'a:b'],
      [{ labels: { le: 'b' } }, '"options.labels"', 'le', 'already'],
      [{ labels: { outcome: 'b' } }, '"options.labels"', 'outcome', 'already'],
      [{ labels: { a: 1 } }, '"options.labels.a"', '1'],
      [{ labels: { a: undefined } }, '"options.labels.a"', 'undefined'],
      [{ labels: { a: Symbol('s') } }, '"options.labels.a"', 'Symbol(s)'],
      [{ labels: { a: '\uD800' } }, '"options.labels.a"', 'surrogate'],
      [{ labels: { a: hole } }, '"options.labels.a"'],
    ]) {
      await expectRefusal(async () => metrics.toPrometheus(options), 'ERR_INVALID_ARG', ...fragments);
    }
    expect(() => metrics.toPrometheus({ prefix: '-' })).toThrow(BatonError);
  });
});

test('the declarations have every number at its place, and no other', async () => {
  const text = readFileSync(join(ROOT, 'types', 'metrics.d.ts'), 'utf8').replace(/\/\*[^]*?\*\//g, '');
  const [, members] = /interface StoreMetrics \{([^]*?)\n\}/.exec(text);
  const [declared, at] = [[], []];
  for (const [token, name] of members.matchAll(/(\w+): (?:number|Histogram|\{)|\}/g)) {
    if (token === '}') at.pop();
    else if (token.endsWith('{')) at.push(name);
    else declared.push([...at, name].join('.'));
  }
  const store = await Store.open({ memory: true });
  const found = flat(store.metrics()).map(([path]) => path);
  await store.close();
  expect(found.toSorted()).toEqual(declared.toSorted());
});

test('the documentation has every metric, and no other', async () => {
  const store = await Store.open({ memory: true });
  const text = store.metrics().toPrometheus();
  await store.close();
  const told = [...parse(text).values()].map(({ name, type, samples }) => {
    const own = samples.flatMap(({ labels }) => Object.keys(labels)).filter((label) => label !== 'le');
    return [name, type, [...new Set(own)].join()];
  });
  const markdown = readFileSync(join(ROOT, 'docs', 'observability.md'), 'utf8');
  const rows = markdown.matchAll(/^\| `(baton_\w+)` +\| (\w+) +\| (.*?) *\|/gm);
  const documented = [...rows].map(([, name, type, label]) => [name, type, /`(\w+)`/.exec(label)?.[1] ?? '']);
  expect(documented).toEqual(told);
  // With the values of the labels, too.
  for (const { name, samples } of parse(text).values()) {
    const row = markdown.split('\n').find((line) => line.startsWith(`| \`${name}\``));
    for (const value of samples
      .flatMap(({ labels }) => Object.entries(labels))
      .filter(([label]) => label !== 'le')) {
      expect(row).toContain(value[1]);
    }
  }
});

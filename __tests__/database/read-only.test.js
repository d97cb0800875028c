'use strict';

const { join } = require('node:path');

const { expectRefusal, onEachBackend, rejection, temporaryDirectory } = require('../helpers.js');

const FILL = `
  CREATE TABLE one(n INTEGER PRIMARY KEY, v INTEGER, c);
  CREATE TABLE two(n INTEGER PRIMARY KEY, v INTEGER, c);
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
  INSERT INTO one SELECT i, 0, hex(randomblob(1500)) FROM n;
  INSERT INTO two SELECT n, v, c FROM one`;

const SUMS = 'SELECT (SELECT sum(v) FROM one) AS one, (SELECT sum(v) FROM two) AS two';

function shift(owner) {
  return owner.batch(['UPDATE one SET v = v + 1 WHERE n <= 9', 'UPDATE two SET v = v - 1 WHERE n <= 9']);
}

const directory = temporaryDirectory();

onEachBackend((open) => {
  async function owned() {
    const store = await open();
    const owner = await store.openDatabase('a');
    await owner.exec(FILL);
    return { store, owner };
  }

  test('takes nothing over, and sees what the owner commits', async () => {
    const { store, owner } = await owned();
    const before = await store.stat('a');
    const reader = await store.openDatabase('a', { readOnly: true });
    expect(reader.startup).toEqual({
      outcome: 'read-only',
      generation: before.generation,
      meta: before,
      preloadedPages: 0,
    });
    for (const sum of [9, 18, 27]) {
      await shift(owner);
      expect(await reader.get(SUMS)).toEqual({ one: sum, two: -sum });
    }
    expect(await reader.all('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    await reader.close();
    expect(await store.stat('a')).toEqual({ ...before, headTxid: before.headTxid + 3n });
    await shift(owner);
  });

  test('an actor that does not exist is not made', async () => {
    const store = await open();
    const error = await rejection(store.openDatabase('nobody', { readOnly: true }));
    expect(error.code).toBe('ERR_NOT_FOUND');
    expect(await store.stat('nobody')).toBeUndefined();
  });

  test('refuses to write, whatever the way', async () => {
    const { store, owner } = await owned();
    const { headTxid } = await store.stat('a');
    const reader = await store.openDatabase('a', { readOnly: true });
    const sql = 'INSERT INTO one(v) VALUES (1)';
    const statement = await reader.prepare(sql);
    for (const write of [
      () => reader.run(sql),
      () => reader.get(`${sql} RETURNING n`),
      () => reader.all(`${sql} RETURNING n`),
      () => reader.iterate(`${sql} RETURNING n`).next(),
      () => reader.exec(`SELECT 1; ${sql}`),
      () => reader.batch(['SELECT 1', sql]),
      () => reader.transaction((tx) => tx.run(sql)),
      () => reader.transaction((tx) => tx.run(sql), { behavior: 'immediate' }),
      () => statement.run(),
      () => reader.run('DROP TABLE one'),
      () => reader.run('VACUUM'),
      () => reader.run('PRAGMA user_version = 3'),
    ]) {
      await expectRefusal(write, 'SQLITE_READONLY');
    }
    expect((await store.stat('a')).headTxid).toBe(headTxid);
    await owner.run(sql);
  });

  test('refuses options of owners', async () => {
    const { store } = await owned();
    const onFenced = () => {};
    for (const [options, name] of [
      [{ onFenced }, 'onFenced'],
      [{ preload: {} }, 'preload'],
    ]) {
      const opening = () => store.openDatabase('a', { readOnly: true, ...options });
      await expectRefusal(opening, 'ERR_INVALID_ARG', `options.${name}`, 'readOnly');
    }
    await expectRefusal(
      () => store.openDatabase('a', { readOnly: 1 }),
      'ERR_INVALID_ARG',
      'options.readOnly',
    );
  });

  test('goes on through takeovers and deletions', async () => {
    const { store } = await owned();
    const reader = await store.openDatabase('a', { readOnly: true });
    const next = await store.openDatabase('a');
    await shift(next);
    expect(await reader.get(SUMS)).toEqual({ one: 9, two: -9 });
    await store.delete('a');
    expect((await rejection(reader.get(SUMS))).code).toBe('ERR_NOT_FOUND');
    expect(reader.fencedBy).toBeUndefined();
    await (await store.openDatabase('a')).exec('CREATE TABLE fresh(a)');
    expect(await reader.all('SELECT name FROM sqlite_schema')).toEqual([{ name: 'fresh' }]);
  });

  test('every sum is of one commit beside an owner that never rests', async () => {
    const { store, owner } = await owned();
    const reader = await store.openDatabase('a', { readOnly: true });
    let stopped = false;
    const writing = (async () => {
      while (!stopped) {
        await shift(owner);
      }
    })();
    const seen = new Set();
    for (let round = 0; round < 15 || seen.size < 4; round += 1) {
      try {
        const { one, two } = await reader.get(SUMS);
        expect(one + two).toBe(0);
        seen.add(one);
      } catch (error) {
        expect(error).toMatchObject({
          code: 'SQLITE_BUSY',
          extendedCode: 'SQLITE_BUSY_SNAPSHOT',
          retryable: true,
        });
      }
    }
    stopped = true;
    await writing;
  });

  test('an iteration ends when its head is gone, and the next one is whole', async () => {
    const { store, owner } = await owned();
    const reader = await store.openDatabase('a', { readOnly: true, readAhead: false });
    const rows = reader.iterate('SELECT v, c FROM one');
    expect((await rows.next()).value.v).toBe(0);
    await owner.run('UPDATE one SET v = 1');
    const rest = async () => {
      for await (const { v } of rows) {
        expect(v).toBe(0);
      }
    };
    expect(await rejection(rest())).toMatchObject({
      code: 'SQLITE_BUSY',
      extendedCode: 'SQLITE_BUSY_SNAPSHOT',
      retryable: true,
    });
    let sum = 0;
    for await (const { v } of reader.iterate('SELECT v FROM one')) {
      sum += v;
    }
    expect(sum).toBe(300);
  });

  test('a transaction whose head is gone is over', async () => {
    const { store, owner } = await owned();
    const reader = await store.openDatabase('a', { readOnly: true, readAhead: false });
    const work = reader.transaction(async (tx) => {
      await tx.get('SELECT v FROM one WHERE n = 1');
      await owner.run('UPDATE one SET v = 1');
      return tx.get(SUMS);
    });
    expect(await rejection(work)).toMatchObject({ code: 'SQLITE_BUSY', retryable: true });
    expect(await reader.get(SUMS)).toEqual({ one: 300, two: 0 });
  });

  test('a signal and a time limit stop a query, and close ends the database', async () => {
    const { store } = await owned();
    const reader = await store.openDatabase('a', { readOnly: true });
    const forever = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n';
    expect((await rejection(reader.get(forever, [], { timeoutMs: 50 }))).code).toBe('ERR_ABORTED');
    const signal = AbortSignal.timeout(50);
    expect((await rejection(reader.get(forever, [], { signal }))).code).toBe('ERR_ABORTED');
    expect(await reader.get('SELECT 1 AS a')).toEqual({ a: 1 });
    await reader.close();
    expect((await rejection(reader.get('SELECT 1'))).code).toBe('ERR_CLOSED');
  });

  test('another database in its place, with pages of another size', async () => {
    const { store } = await owned();
    const reader = await store.openDatabase('a', { readOnly: true });
    expect((await reader.all(SUMS)).length).toBe(1);
    const other = await store.openDatabase('b');
    await other.exec('PRAGMA page_size = 16384');
    await other.exec("CREATE TABLE fresh(a); INSERT INTO fresh VALUES ('here')");
    const file = join(directory, `${Math.random()}.sqlite`);
    await store.exportTo('b', file);
    await store.importFrom('a', file, { replace: true });
    expect(await reader.get('SELECT a FROM fresh')).toEqual({ a: 'here' });
    expect(await reader.get('PRAGMA page_size')).toEqual({ page_size: 16384 });
  });
});

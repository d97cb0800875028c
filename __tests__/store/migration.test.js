// migrateV1, prepareV1Migration, invalidateV1Migration: what they answer, and what they leave behind.

'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const { Store, setLogger } = require('../..');
const {
  chunkEntry,
  databaseBytes,
  fileEntries,
  interruptedDatabase,
  sizeEntry,
} = require('../fixtures/v1-data.js');
const {
  expectBytes,
  onEachBackend,
  onEachSharedBackend,
  page,
  rejection,
  startWith,
  temporaryDirectory,
} = require('../helpers.js');

const directory = temporaryDirectory();
const SOUND = databaseBytes(directory);
const entries = fileEntries('main', SOUND);

/** What an actor's database holds, as a file. */
async function exported(store, actorId) {
  const file = join(directory, `${Math.random()}.out`);
  await store.exportTo(actorId, file);
  return readFileSync(file);
}

/** The answer to an import into an actor that has data: it will be the same the next time. */
const OCCUPIED = { code: 'ERR_CONCURRENT_TAKEOVER', retryable: false };

async function code(promise) {
  return (await rejection(promise)).code;
}

/** A source that waits, after some entries, until it is let go on. */
function pausing(after) {
  const reached = Promise.withResolvers?.() ?? deferred();
  const goOn = Promise.withResolvers?.() ?? deferred();
  async function* source() {
    yield* entries.slice(0, after);
    reached.resolve();
    await goOn.promise;
    yield* entries.slice(after);
  }
  return { source: source(), reached: reached.promise, goOn: goOn.resolve };
}

/** Bytes that another thread has been given. */
function detached() {
  const bytes = new Uint8Array(4096);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

function deferred() {
  let resolve;
  const promise = new Promise((settle) => (resolve = settle));
  return { promise, resolve };
}

onEachBackend((open) => {
  test('a v1 database becomes the content of an actor', async () => {
    const store = await open();
    const meta = await store.migrateV1('a', entries);
    expect(meta).toMatchObject({
      origin: 'migrated-from-v1',
      generation: 1n,
      pageSize: 4096,
      sizePages: SOUND.length / 4096,
    });
    expect(await store.stat('a')).toEqual(meta);
    expectBytes(await exported(store, 'a'), SOUND);
    const db = await store.openDatabase('a');
    expect(db.startup).toMatchObject({ outcome: 'won', generation: 2n });
    expect(await db.get('SELECT count(*) AS n, sum(length(v)) AS bytes FROM t')).toEqual({
      n: 500,
      bytes: 150_000,
    });
    await db.run('DELETE FROM t WHERE id > 10');
    expect((await store.stat('a')).origin).toBe('migrated-from-v1');
  });

  test('entries may come in any order, from a sync or an async source, among others', async () => {
    const store = await open();
    const others = [
      { key: Uint8Array.of(1), value: Buffer.from('persisted state') },
      { key: Uint8Array.of(7, 1, 0, 0), value: Buffer.alloc(0) },
    ];
    await store.migrateV1('backwards', [...others, ...entries].reverse());
    async function* source() {
      for (const { key, value } of entries) {
        // One buffer for all entries, as a cursor may have it.
        const shared = new Uint8Array(4096).fill(255);
        shared.set(value);
        yield {
          key: Uint8Array.from(key).buffer,
          value: new DataView(shared.buffer, 0, value.length),
          extra: 1,
        };
        await null;
        shared.fill(255);
      }
    }
    await store.migrateV1('async', source());
    expectBytes(await exported(store, 'backwards'), SOUND);
    expectBytes(await exported(store, 'async'), SOUND);
  });

  test.each([512, 8192, 65_536])('pages of %i bytes', async (pageSize) => {
    const store = await open();
    const bytes = databaseBytes(directory, { pageSize });
    expect(await store.migrateV1('a', fileEntries('main', bytes))).toMatchObject({ pageSize });
    expectBytes(await exported(store, 'a'), bytes);
  });

  test('a hot journal is rolled back by SQLite', async () => {
    const store = await open();
    const { before, main, journal } = interruptedDatabase(directory);
    expect(Buffer.compare(main, before)).not.toBe(0);
    await store.migrateV1('a', [...fileEntries('main', main), ...fileEntries('journal', journal)]);
    const db = await store.openDatabase('a');
    const counts = 'SELECT count(*) AS n, sum(v = zeroblob(300)) AS zeros FROM t';
    expect(await db.get(counts)).toEqual({ n: 500, zeros: 0 });
    expect(await db.all('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  });

  test('an empty database, and one whose header says that it has a log', async () => {
    const store = await open();
    const empty = [sizeEntry('main', 0), sizeEntry('journal', 0), sizeEntry('wal', 0)];
    expect(await store.migrateV1('empty', empty)).toMatchObject({
      sizePages: 0,
      origin: 'migrated-from-v1',
    });
    const db = await store.openDatabase('empty');
    await db.exec('CREATE TABLE t (x)');
    const logged = databaseBytes(directory, { setup: 'PRAGMA journal_mode = WAL' });
    expect(logged[18]).toBe(2);
    await store.migrateV1('logged', fileEntries('main', logged));
    const bytes = await exported(store, 'logged');
    expect([bytes[18], bytes[19]]).toEqual([1, 1]);
  });

  test('what is no v1 database is refused, and the actor is as it was', async () => {
    const store = await open();
    const damaged = Buffer.from(SOUND);
    damaged.fill(0xaa, 4096, 3 * 4096);
    const noDatabase = Buffer.alloc(8192, 7);
    const cases = [
      [[], 'ERR_INVALID_ARG', 'there is no v1 database'],
      [entries.slice(1), 'ERR_INVALID_ARG', 'not its size'],
      [entries.slice(0, -1), 'ERR_INVALID_ARG', 'missing'],
      [[...entries, entries[3]], 'ERR_INVALID_ARG', 'chunk 2 of the database comes twice'],
      [[...entries, chunkEntry('wal', 0, page(1))], 'ERR_INVALID_ARG', 'write-ahead log'],
      [[...entries, sizeEntry('shm', 32_768)], 'ERR_INVALID_ARG', 'shared memory'],
      [[...entries, { key: Uint8Array.of(8, 2, 0, 0), value: page(1) }], 'ERR_INVALID_ARG', '08, 02'],
      [fileEntries('main', noDatabase), 'ERR_INVALID_ARG', 'not a database'],
      [fileEntries('main', SOUND.subarray(0, SOUND.length - 4096)), 'ERR_CORRUPT', 'quick_check'],
      [fileEntries('main', damaged), 'ERR_CORRUPT', 'quick_check'],
      [[sizeEntry('main', 128 * 1024 * 1024 + 1)], 'ERR_TOO_LARGE', '134217728'],
      [[chunkEntry('main', 32_768, page(1))], 'ERR_TOO_LARGE', '134217728'],
    ];
    for (const [given, expected, fragment] of cases) {
      const error = await rejection(store.migrateV1('a', given));
      expect({ code: error.code, message: error.message }).toEqual({
        code: expected,
        message: expect.stringContaining(fragment),
      });
      expect(await store.stat('a')).toBeUndefined();
    }
    // None of them stands in the way of a start or, before it, of another import.
    expect((await store.migrateV1('a', entries)).origin).toBe('migrated-from-v1');
    expect(await code(store.migrateV1('b', []))).toBe('ERR_INVALID_ARG');
    expect((await store.loadStartup('b')).outcome).toBe('won');
  });

  test('what is no iterable, no entry or no bytes is named', async () => {
    const store = await open();
    for (const [given, fragment] of [
      [undefined, '"entries"'],
      ['0801', '"entries"'],
      [[...entries.slice(0, 2), null], '"entries[2]"'],
      [[{ key: 'a', value: page(1) }], '"entries[0].key"'],
      [[{ key: page(1), value: [1, 2] }], '"entries[0].value"'],
      [[{ key: Uint8Array.of(8, 1, 1, 0, 0, 0, 0, 0), value: detached() }], 'detached'],
      [[{ key: detached().buffer, value: page(1) }], 'detached'],
    ]) {
      const error = await rejection(store.migrateV1('a', given));
      expect(error).toMatchObject({ code: 'ERR_INVALID_ARG', message: expect.stringContaining(fragment) });
    }
    expect(await code(store.migrateV1('', entries))).toBe('ERR_INVALID_ARG');
    expect(await code(store.migrateV1('a', entries, { signal: 1 }))).toBe('ERR_INVALID_ARG');
    expect(await store.stat('a')).toBeUndefined();
  });

  test('what the source throws is thrown, and the actor is as it was', async () => {
    const store = await open();
    const boom = new Error('the cursor was closed');
    async function* source() {
      yield entries[0];
      throw boom;
    }
    await expect(store.migrateV1('a', source())).rejects.toBe(boom);
    expect(await store.stat('a')).toBeUndefined();
    const controller = new AbortController();
    const { source: paused, reached, goOn } = pausing(3);
    const aborted = rejection(store.migrateV1('a', paused, { signal: controller.signal }));
    await reached;
    controller.abort();
    goOn();
    expect((await aborted).code).toBe('ERR_ABORTED');
    expect((await store.loadStartup('a')).generation).toBeGreaterThan(1n);
  });

  test('while it is under way nobody starts, reads, writes or exports the actor', async () => {
    const store = await open();
    const { source, reached, goOn } = pausing(20);
    const migrated = store.migrateV1('a', source);
    await reached;
    const { generation, headTxid, origin, sizePages } = await store.stat('a');
    expect({ origin, sizePages }).toEqual({ origin: 'migrating-from-v1', sizePages: 0 });
    const change = { generation, headTxid, sizePages: 1, pages: [{ page: 1, data: page(9) }] };
    const file = join(directory, 'sound.sqlite');
    writeFileSync(file, SOUND);
    for (const attempt of [
      () => store.loadStartup('a'),
      () => store.openDatabase('a'),
      () => store.getPages('a', { generation, pages: [1] }),
      () => store.commit('a', change),
      () => store.exportTo('a', join(directory, 'half.sqlite')),
      () => store.importFrom('a', file, { replace: true }),
      () => store.migrateV1('a', entries),
      () => store.prepareV1Migration('a'),
    ]) {
      const error = await rejection(attempt());
      expect(error).toMatchObject({ code: 'ERR_MIGRATION_INCOMPLETE', actor: 'a', retryable: true });
    }
    goOn();
    expect(await migrated).toMatchObject({ generation, origin: 'migrated-from-v1' });
    expectBytes(await exported(store, 'a'), SOUND);
  });

  test('operators are told how imports end', async () => {
    const store = await open();
    const told = [];
    const logger = setLogger({ filter: 'baton::migrate=debug' }, ({ name, level, fields }) => {
      told.push([name, level, fields.actor]);
    });
    await store.migrateV1('a', entries);
    await store.migrateV1('b', []).catch(() => {});
    const { source, reached, goOn } = pausing(2);
    const displaced = rejection(store.migrateV1('c', source));
    await reached;
    await store.invalidateV1Migration('c');
    goOn();
    expect((await displaced).code).toBe('ERR_CONCURRENT_TAKEOVER');
    await logger.flush();
    logger.close();
    expect(told).toEqual([
      ['migrate.begun', 'debug', 'a'],
      ['migrate.done', 'info', 'a'],
      ['migrate.begun', 'debug', 'b'],
      ['migrate.failed', 'debug', 'b'],
      ['migrate.begun', 'debug', 'c'],
      ['migrate.reset', 'info', 'c'],
      ['migrate.failed', 'info', 'c'],
    ]);
    expect(store.metrics().migrations).toEqual({ completed: 1, failed: 2, invalidated: 1 });
  });

  test('of two imports at once one wins', async () => {
    const store = await open();
    const ended = await Promise.allSettled([1, 2, 3].map(() => store.migrateV1('a', entries)));
    expect(ended.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
    for (const { reason } of ended.filter(({ status }) => status === 'rejected')) {
      expect(['ERR_MIGRATION_INCOMPLETE', 'ERR_CONCURRENT_TAKEOVER']).toContain(reason.code);
    }
    expectBytes(await exported(store, 'a'), SOUND);
  });

  test('a finished import is not done again, and its source is not read', async () => {
    const store = await open();
    await store.migrateV1('a', entries);
    const db = await store.openDatabase('a');
    await db.run('DELETE FROM t');
    const now = await store.stat('a');
    const source = {
      [Symbol.iterator]() {
        throw new Error('nobody should ask');
      },
    };
    expect(await store.migrateV1('a', source)).toEqual(now);
    expect(await store.invalidateV1Migration('a')).toBe(false);
    expect(await rejection(store.prepareV1Migration('a'))).toMatchObject(OCCUPIED);
    expect(await store.stat('a')).toEqual(now);
    expect(await db.get('SELECT count(*) AS n FROM t')).toEqual({ n: 0 });
  });

  test('an actor with data of its own is never touched', async () => {
    const store = await open();
    const held = await startWith(store, 'a', [page(1), page(2)]);
    await store.loadStartup('started only');
    for (const actorId of ['a', 'started only']) {
      const before = await store.stat(actorId);
      for (const refused of [store.migrateV1(actorId, entries), store.prepareV1Migration(actorId)]) {
        expect(await rejection(refused)).toMatchObject({ ...OCCUPIED, actor: actorId });
      }
      expect(await store.invalidateV1Migration(actorId)).toBe(false);
      expect(await store.stat(actorId)).toEqual(before);
    }
    const change = { ...held, sizePages: 2, pages: [{ page: 1, data: page(3) }] };
    expect((await store.commit('a', change)).txid).toBe(held.headTxid + 1n);
  });

  test('a prepared actor waits for its import', async () => {
    const store = await open();
    const prepared = await store.prepareV1Migration('a');
    expect(prepared).toMatchObject({ origin: 'migrating-from-v1', generation: 1n, sizePages: 0 });
    expect(await code(store.loadStartup('a'))).toBe('ERR_MIGRATION_INCOMPLETE');
    expect(await store.invalidateV1Migration('a')).toBe(false);
    expect(await store.stat('a')).toEqual(prepared);
    expect((await store.prepareV1Migration('a')).generation).toBe(2n);
    // A failed import leaves it prepared.
    expect(await code(store.migrateV1('a', []))).toBe('ERR_INVALID_ARG');
    expect((await store.stat('a')).origin).toBe('migrating-from-v1');
    expect((await store.migrateV1('a', entries)).origin).toBe('migrated-from-v1');
    expectBytes(await exported(store, 'a'), SOUND);
    // So does a deletion not.
    await store.prepareV1Migration('b');
    expect(await store.delete('b')).toBe(true);
    expect((await store.loadStartup('b')).outcome).toBe('won');
    expect(await store.invalidateV1Migration('nobody')).toBe(false);
    expect(await store.stat('nobody')).toBeUndefined();
  });

  test('an importer that was reset, replaced or deleted writes nothing any more', async () => {
    const store = await open();
    for (const [actorId, displace] of [
      ['reset', () => store.invalidateV1Migration('reset')],
      ['deleted', () => store.delete('deleted')],
    ]) {
      const { source, reached, goOn } = pausing(20);
      const displaced = rejection(store.migrateV1(actorId, source));
      await reached;
      expect(await displace()).toBe(true);
      expect(await store.invalidateV1Migration(actorId)).toBe(false);
      expect((await store.migrateV1(actorId, entries)).origin).toBe('migrated-from-v1');
      goOn();
      expect((await displaced).code).toBe('ERR_CONCURRENT_TAKEOVER');
      expectBytes(await exported(store, actorId), SOUND);
    }
  });
});

onEachSharedBackend((place) => {
  test('closing the store while an import begins leaves the actor free', async () => {
    const options = place();
    const store = await Store.open(options);
    const never = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) };
    store.migrateV1('a', never).catch(() => {});
    await store.close();
    const again = await Store.open(options);
    expect(await again.stat('a')).toBeUndefined();
    await again.close();
  });

  test('closing the store gives up an import whose source waits', async () => {
    const options = place();
    const store = await Store.open(options);
    const { source, reached, goOn } = pausing(2);
    const ended = rejection(store.migrateV1('a', source));
    await reached;
    await store.close();
    const again = await Store.open(options);
    expect(await again.stat('a')).toBeUndefined();
    goOn();
    expect((await ended).code).toBe('ERR_CLOSED');
    expect((await again.migrateV1('a', entries)).origin).toBe('migrated-from-v1');
    await again.close();
  });

  test.each([0, 1, 40])(
    'an importer killed after %i entries leaves nothing that anybody sees',
    async (count) => {
      const options = place();
      const file = join(directory, `${Math.random()}.sqlite`);
      writeFileSync(file, databaseBytes(directory, { rows: 3_000 }));
      const importer = join(__dirname, '..', 'fixtures', 'v1-importer.js');
      const args = [importer, JSON.stringify(options), 'a', file, String(count)];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(child.stdout, 'data');
      child.kill('SIGKILL');
      await once(child, 'exit');

      const store = await Store.open(options);
      expect(await code(store.loadStartup('a'))).toBe('ERR_MIGRATION_INCOMPLETE');
      // Its lease is not over.
      expect(await code(store.migrateV1('a', entries))).toBe('ERR_MIGRATION_INCOMPLETE');
      expect(await store.invalidateV1Migration('a')).toBe(true);
      expect(await store.invalidateV1Migration('a')).toBe(false);
      expect(await code(store.loadStartup('a'))).toBe('ERR_MIGRATION_INCOMPLETE');
      expect((await store.migrateV1('a', entries)).origin).toBe('migrated-from-v1');
      expectBytes(await exported(store, 'a'), SOUND);
      await store.close();
    },
  );
});

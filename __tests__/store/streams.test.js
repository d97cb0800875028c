// Databases that come from bytes and streams and go to them, and files that are there.

'use strict';

const { chmodSync, existsSync, readFileSync, readdirSync, statSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { PassThrough, Readable, Writable } = require('node:stream');
const { pathToFileURL } = require('node:url');

const Sqlite = require('libsql');

const { Store } = require('../..');
const { storeOptions } = require('../../lib/arguments/store-options.js');
const { batondb, succeed } = require('../cli/helpers.js');
const { onEachBackend, rejection, temporaryDirectory } = require('../helpers.js');

const directory = temporaryDirectory();
const INVALID = 'ERR_INVALID_ARG';
let names = 0;
const fresh = () => join(directory, `file-${(names += 1)}.sqlite`);

/** The bytes of a database of a few megabytes. */
const DATABASE = (() => {
  const file = fresh();
  const database = new Sqlite(file);
  database.exec(`CREATE TABLE t (a, b); WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 3000)
    INSERT INTO t SELECT n, randomblob(900) FROM c`);
  database.close();
  return readFileSync(file);
})();

/** @param {Uint8Array} bytes */
function same(bytes) {
  return Buffer.from(bytes).equals(DATABASE);
}

function* cut(size, bytes = DATABASE) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const rows = async (store, actorId) => {
  const database = await store.openDatabase(actorId, { readOnly: true });
  const { n } = await database.get('SELECT count(*) AS n FROM t');
  await database.close();
  return n;
};

onEachBackend((openStore) => {
  let store;
  beforeEach(async () => {
    store = await openStore();
  });
  afterEach(async () => {
    await store.close();
  });

  test.each([
    ['a Buffer', () => DATABASE],
    ['an ArrayBuffer', () => Uint8Array.from(DATABASE).buffer],
    ['a DataView', () => new DataView(Uint8Array.from([0, ...DATABASE]).buffer, 1)],
    [
      'a SharedArrayBuffer',
      () => {
        const shared = new SharedArrayBuffer(DATABASE.length);
        new Uint8Array(shared).set(DATABASE);
        return shared;
      },
    ],
    ['a Readable', () => Readable.from(cut(65_536))],
    ['a web stream', () => new Blob([DATABASE]).stream()],
    ['an iterable of small pieces', () => cut(999)],
    [
      'an async iterable of one piece',
      async function* () {
        yield DATABASE;
      },
    ],
  ])('%s is imported', async (_, make) => {
    const source = make();
    const given = typeof source === 'function' ? source() : source;
    const meta = await store.importFrom('a', given);
    expect(meta).toMatchObject({ generation: 1n, sizePages: DATABASE.length / 4096, pageSize: 4096 });
    expect(await rows(store, 'a')).toBe(3_000);
    expect(same(await store.serialize('a'))).toBe(true);
  });

  test('bytes are copied at once', async () => {
    const bytes = Uint8Array.from(DATABASE);
    const importing = store.importFrom('a', bytes);
    bytes.fill(0);
    await importing;
    expect(same(await store.serialize('a'))).toBe(true);
  });

  test('a source may use its buffer again', async () => {
    const source = async function* () {
      const buffer = new Uint8Array(10_000);
      for (const piece of cut(buffer.length)) {
        buffer.set(piece);
        yield buffer.subarray(0, piece.length);
        buffer.fill(7);
      }
    };
    await store.importFrom('a', source());
    expect(same(await store.serialize('a'))).toBe(true);
  });

  test('what is no database is refused, and no actor is taken over', async () => {
    for (const bytes of [Buffer.from('text'), Buffer.alloc(8192, 1), DATABASE.subarray(0, 99)]) {
      for (const source of [bytes, [bytes], Readable.from([bytes])]) {
        expect(await rejection(store.importFrom('a', source))).toMatchObject({
          code: INVALID,
          message: expect.stringContaining('not a SQLite database'),
        });
      }
    }
    expect(await store.stat('a')).toBeUndefined();
    const cutShort = await rejection(store.importFrom('a', DATABASE.subarray(0, -1)));
    expect(cutShort.message).toContain('cut short');
    expect(await store.stat('a')).toBeUndefined();
  });

  test('an error of the source is what the import fails with, and nothing is visible', async () => {
    const broken = new Error('the line is down');
    const sources = {
      generator: async function* () {
        yield* cut(100_000, DATABASE.subarray(0, 1_500_000));
        throw broken;
      },
      readable: () => Readable.from(sources.generator()),
      web: () => ReadableStream.from(sources.generator()),
    };
    for (const make of Object.values(sources)) {
      await expect(store.importFrom('a', make())).rejects.toBe(broken);
    }
    expect(await store.stat('a')).toBeUndefined();
    expect((await store.list()).length).toBe(0);
  });

  test('pieces that are no bytes are named', async () => {
    for (const piece of ['text', 5, null, undefined, {}]) {
      const error = await rejection(store.importFrom('a', [DATABASE.subarray(0, 5000), piece]));
      expect(error).toMatchObject({ code: INVALID, message: expect.stringContaining('"file[1]"') });
    }
    const detached = Uint8Array.from(DATABASE);
    structuredClone(detached, { transfer: [detached.buffer] });
    expect(await rejection(store.importFrom('a', detached))).toMatchObject({ code: INVALID });
    const read = Readable.from([DATABASE]);
    for await (const _ of read);
    expect(await rejection(store.importFrom('a', read))).toMatchObject({ code: INVALID });
    const locked = new Blob([DATABASE]).stream();
    locked.getReader();
    expect(await rejection(store.importFrom('a', locked))).toMatchObject({ code: INVALID });
    expect(await store.stat('a')).toBeUndefined();
  });

  test('a source that never goes on ends with its signal, and with the store', async () => {
    const silent = async function* () {
      yield DATABASE.subarray(0, 8192);
      await new Promise(() => {});
    };
    const readable = new PassThrough();
    readable.write(DATABASE.subarray(0, 8192));
    let cancelled;
    const web = new ReadableStream({ cancel: (reason) => (cancelled = reason) });
    for (const source of [silent(), readable, web]) {
      const controller = new AbortController();
      const importing = rejection(store.importFrom('a', source, { signal: controller.signal }));
      setTimeout(() => controller.abort('enough'), 20);
      expect(await importing).toMatchObject({ code: 'ERR_ABORTED', cause: 'enough' });
    }
    expect(readable.destroyed).toBe(true);
    expect(cancelled).toMatchObject({ code: 'ERR_ABORTED' });
    const importing = rejection(store.importFrom('a', silent()));
    const exporting = rejection(store.importFrom('b', silent()));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await store.close();
    expect((await importing).code).toBe('ERR_CLOSED');
    expect((await exporting).code).toBe('ERR_CLOSED');
  });

  test('pages are replaced only when told to', async () => {
    await store.importFrom('a', DATABASE);
    expect(await rejection(store.importFrom('a', DATABASE))).toMatchObject({ code: INVALID });
    expect(await store.importFrom('a', cut(5_000), { replace: true })).toMatchObject({ generation: 2n });
    expect(await store.importFrom('a', new Uint8Array(), { replace: true })).toMatchObject({ sizePages: 0 });
  });

  test('streams are written and ended', async () => {
    await store.importFrom('a', DATABASE);
    const through = new PassThrough();
    const gathered = through.toArray();
    const meta = await store.exportTo('a', through);
    expect(meta).toMatchObject({ sizePages: DATABASE.length / 4096 });
    expect(same(Buffer.concat(await gathered))).toBe(true);

    const { readable, writable } = new TransformStream();
    const exporting = store.exportTo('a', writable);
    expect(same(Buffer.concat(await Readable.fromWeb(readable).toArray()))).toBe(true);
    await exporting;
  });

  test('a slow stream is waited for, and one that takes nothing ends with its signal', async () => {
    await store.importFrom('a', DATABASE);
    let most = 0;
    let waiting = 0;
    const slow = new Writable({
      highWaterMark: 1,
      write(chunk, _, done) {
        waiting += 1;
        most = Math.max(most, waiting);
        setTimeout(() => {
          waiting -= 1;
          done();
        }, 5);
      },
    });
    await store.exportTo('a', slow);
    expect(most).toBe(1);

    const stuck = new Writable({ highWaterMark: 1, write() {} });
    const web = new WritableStream({ write: () => new Promise(() => {}) });
    for (const target of [stuck, web]) {
      const controller = new AbortController();
      setTimeout(() => controller.abort('enough'), 20);
      const error = await rejection(store.exportTo('a', target, { signal: controller.signal }));
      expect(error).toMatchObject({ code: 'ERR_ABORTED', cause: 'enough' });
    }
    expect(stuck.destroyed).toBe(true);
  });

  test('a database that is committed to while it goes out is of one commit, or not there', async () => {
    const owner = await store.openDatabase('a');
    await owner.exec(`CREATE TABLE t (a, b); WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 11000)
      INSERT INTO t SELECT 0, randomblob(1000) FROM c`);
    let commits = 0;
    const commit = async () => {
      commits += 1;
      await owner.exec('UPDATE t SET a = a + 1 WHERE rowid IN (1, 5000, 11000)');
    };
    const isOfOneCommit = async (bytes) => {
      await store.importFrom('copy', bytes, { replace: true });
      const copy = await store.openDatabase('copy', { readOnly: true });
      const { kinds } = await copy.get(
        'SELECT count(DISTINCT a) AS kinds FROM t WHERE rowid IN (1, 5000, 11000)',
      );
      const { integrity_check: sound } = await copy.get('PRAGMA integrity_check');
      await copy.close();
      return kinds === 1 && sound === 'ok';
    };

    const gathered = [];
    const target = new Writable({
      highWaterMark: 1,
      write: (chunk, _, done) => {
        gathered.push(Buffer.from(chunk));
        commit().then(() => done(), done);
      },
    });
    const exported = await store.exportTo('a', target).catch((error) => error);
    if (exported instanceof Error) {
      // A backend that keeps no older state, and what was written cannot be taken back.
      expect(exported).toMatchObject({ code: 'ERR_UNAVAILABLE', retryable: true });
      expect(target.destroyed).toBe(true);
    } else {
      expect(await isOfOneCommit(Buffer.concat(gathered))).toBe(true);
    }
    expect(commits).toBeGreaterThan(0);

    const serializing = store.serialize('a');
    await commit();
    expect(await isOfOneCommit(await serializing)).toBe(true);
    await owner.close();
  });

  test('an error of the target is what the export fails with', async () => {
    await store.importFrom('a', DATABASE);
    const full = new Error('no room');
    const node = new Writable({ write: (_, __, done) => done(full) });
    await expect(store.exportTo('a', node)).rejects.toBe(full);
    const web = new WritableStream({
      write() {
        throw full;
      },
    });
    await expect(store.exportTo('a', web)).rejects.toBe(full);
    expect(await rejection(store.exportTo('nobody', new PassThrough()))).toMatchObject({
      code: 'ERR_NOT_FOUND',
    });
    for (const wrong of [node, {}, 5, new PassThrough().end()]) {
      expect(await rejection(store.exportTo('a', wrong))).toMatchObject({ code: INVALID });
    }
    const overwrite = store.exportTo('a', new PassThrough(), { overwrite: true });
    expect(await rejection(overwrite)).toMatchObject({ code: INVALID });
  });

  test('a database serializes what was done before', async () => {
    const database = await store.openDatabase('a');
    expect((await database.serialize()).length).toBe(0);
    database.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)');
    const bytes = await database.serialize();
    expect(same(bytes)).toBe(false);
    expect(Buffer.from(bytes).equals(Buffer.from(await store.serialize('a')))).toBe(true);
    await store.importFrom('b', bytes);
    expect(await rows(store, 'b')).toBe(1);
    // As in better-sqlite3, what a transaction of BEGIN has changed so far is in it.
    await database.exec('BEGIN; INSERT INTO t VALUES (2)');
    const open = await database.serialize();
    await database.exec('ROLLBACK');
    await store.importFrom('c', open);
    expect(await rows(store, 'c')).toBe(2);
    const reader = await store.openDatabase('a', { readOnly: true });
    expect(Buffer.from(await reader.serialize()).equals(Buffer.from(bytes))).toBe(true);
    expect((await rejection(database.serialize({ signal: AbortSignal.abort() }))).code).toBe('ERR_ABORTED');
    await database.close();
    expect((await rejection(database.serialize())).code).toBe('ERR_CLOSED');
  });

  test('an actor without pages goes out and comes in as nothing', async () => {
    await store.loadStartup('empty');
    const file = fresh();
    await store.exportTo('empty', file);
    expect(statSync(file).size).toBe(0);
    expect((await store.serialize('empty')).length).toBe(0);
    expect(await store.importFrom('of-file', file)).toMatchObject({ sizePages: 0 });
    expect(await store.importFrom('of-bytes', Readable.from([]))).toMatchObject({ sizePages: 0 });
    expect(await store.importFrom('of-file', file)).toMatchObject({ sizePages: 0, generation: 2n });
    expect((await store.list()).map(({ actorId }) => actorId)).toEqual(['empty', 'of-bytes', 'of-file']);
    const database = await store.openDatabase('of-file');
    await database.exec('CREATE TABLE t (a)');
    await database.close();
    expect(await rejection(store.importFrom('of-file', file))).toMatchObject({ code: INVALID });
    expect(await store.importFrom('of-file', file, { replace: true })).toMatchObject({ sizePages: 0 });
  });

  test('bytes behind the last page are passed over, as by SQLite', async () => {
    for (const behind of [1, 100, 4096, 5000, 2_000_000]) {
      const bytes = Buffer.concat([DATABASE, Buffer.alloc(behind, 0xab)]);
      const file = fresh();
      writeFileSync(file, bytes);
      const sqlite = new Sqlite(file);
      expect(sqlite.prepare('SELECT count(*) AS n FROM t').get().n).toBe(3_000);
      sqlite.close();
      for (const source of [file, bytes, cut(7_777, bytes)]) {
        const meta = await store.importFrom('a', source, { replace: true });
        expect(meta.sizePages).toBe(DATABASE.length / 4096);
        expect(same(await store.serialize('a'))).toBe(true);
      }
    }
  });

  test('where the header does not know the size, the length of the file counts', async () => {
    const stale = Buffer.from(DATABASE);
    stale.writeUInt32BE(stale.readUInt32BE(24) + 1, 24);
    const odd = Buffer.concat([stale, Buffer.alloc(10, 1)]);
    const file = fresh();
    writeFileSync(file, odd);
    for (const source of [file, odd]) {
      const { sizePages } = await store.importFrom('a', source, { replace: true });
      expect(sizePages).toBe(DATABASE.length / 4096 + 1);
      const padded = Buffer.concat([odd, Buffer.alloc(4086)]);
      expect(Buffer.from(await store.serialize('a')).equals(padded)).toBe(true);
    }
  });

  test('a file that is there is replaced only when told to, and keeps its mode', async () => {
    await store.importFrom('a', DATABASE);
    const file = fresh();
    writeFileSync(file, 'precious');
    chmodSync(file, 0o640);
    const error = await rejection(store.exportTo('a', file));
    expect(error).toMatchObject({ code: INVALID, message: expect.stringContaining(file) });
    expect(error.message).toContain('overwrite');
    expect(await rejection(store.exportTo('a', file, { overwrite: false }))).toMatchObject({ code: INVALID });
    expect(readFileSync(file, 'utf8')).toBe('precious');
    await store.exportTo('a', file, { overwrite: true });
    expect(same(readFileSync(file))).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o640);
    const both = fresh();
    const two = await Promise.allSettled([store.exportTo('a', both), store.exportTo('a', both)]);
    expect(two.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(same(readFileSync(both))).toBe(true);
    expect(readdirSync(directory).filter((name) => name.includes('partial'))).toEqual([]);
  });

  test('file URLs are paths', async () => {
    const file = join(directory, `with space ${(names += 1)}.sqlite`);
    await store.importFrom('a', DATABASE);
    await store.exportTo('a', pathToFileURL(file));
    await store.exportTo('a', pathToFileURL(file).href, { overwrite: true });
    expect(same(readFileSync(file))).toBe(true);
    await store.importFrom('b', pathToFileURL(file));
    await store.importFrom('c', pathToFileURL(file).href);
    expect(await rows(store, 'c')).toBe(3_000);
  });
});

test('a store is opened by a file URL', async () => {
  const path = join(directory, 'a store');
  await (await Store.open({ path: pathToFileURL(path) })).close();
  await (await Store.open({ path: pathToFileURL(path).href, create: false })).close();
  expect(existsSync(path)).toBe(true);
});

test('the files of a cluster are named by URLs, too', () => {
  const url = pathToFileURL(join(directory, 'fdb.cluster'));
  const { foundationdb } = storeOptions({
    foundationdb: { prefix: 'x', clusterFile: url, clientLibrary: url.href },
  });
  expect(foundationdb).toMatchObject({
    clusterFile: join(directory, 'fdb.cluster'),
    clientLibrary: join(directory, 'fdb.cluster'),
  });
});

test('the command line: an empty actor goes out and comes in, and URLs are paths', async () => {
  const path = join(directory, 'of the command line');
  const address = pathToFileURL(path).href;
  const store = await Store.open({ path });
  await store.loadStartup('empty');
  await store.close();
  const file = fresh();
  await succeed(['export', address, 'empty', file]);
  expect(await batondb(['export', address, 'empty', pathToFileURL(file).href])).toMatchObject({ code: 1 });
  await succeed(['export', address, 'empty', pathToFileURL(file).href, '--force']);
  expect(await succeed(['import', address, 'again', file])).toContain('actor again: 0 B');
  // In a directory of its own, since a copy notes there how far it is.
  const copied = ['copy', address, pathToFileURL(join(directory, 'a copy')).href];
  expect(await batondb(copied, { cwd: directory })).toMatchObject({ code: 0 });
  expect(await succeed(['list', join(directory, 'a copy')])).toBe('again\nempty\n');
});

'use strict';

const { spawn } = require('node:child_process');
const { randomBytes } = require('node:crypto');
const { closeSync, openSync, readFileSync, writeSync } = require('node:fs');
const { join } = require('node:path');

const Sqlite = require('libsql');

const { BatonError, Store } = require('../..');
const { addressOf, batondb, jsonOf, succeed } = require('./helpers.js');
const {
  onEachBackend,
  onEachSharedBackend,
  page,
  rejection,
  startWith,
  temporaryDirectory,
} = require('../helpers.js');

const directory = temporaryDirectory();

function sqliteFile() {
  const file = join(directory, `${Math.random()}.sqlite`);
  const database = new Sqlite(file);
  database.exec(`CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT); CREATE INDEX by_text ON notes (text);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
    INSERT INTO notes SELECT i, 'note ' || i FROM n`);
  database.close();
  return file;
}

/** The key of an actor's fence, as the engine stores it. */
function fenceKey(actorId) {
  return Buffer.from(`\u0001\u0002${actorId}\u0000`);
}

/** Changes bytes of a store's file, at `offset` behind each place where `needle` is. */
function change(path, needle, offset, bytes) {
  const file = join(path, 'data.mdb');
  const content = readFileSync(file);
  const descriptor = openSync(file, 'r+');
  let places = 0;
  for (let at = content.indexOf(needle); at !== -1; at = content.indexOf(needle, at + 1)) {
    writeSync(descriptor, bytes, 0, bytes.length, at + offset);
    places += 1;
  }
  closeSync(descriptor);
  expect(places).toBeGreaterThan(0);
}

/** A store with some sound actors, closed. */
async function storeWith(work) {
  const path = join(directory, `store-${Math.random()}`);
  const store = await Store.open({ path, durability: 'relaxed' });
  await store.importFrom('sound-1', sqliteFile());
  await store.importFrom('sound-2', sqliteFile());
  await work(store);
  await store.close();
  return path;
}

const problem = (fields) => ({ severity: 'error', detail: expect.any(String), ...fields });

onEachSharedBackend((place) => {
  test('a sound store is sound while an owner commits in another process', async () => {
    const options = place();
    const store = await Store.open(options);
    await store.importFrom('a', sqliteFile());
    await startWith(store, 'raw', [page(1), page(2)]);
    await store.loadStartup('fresh');
    await startWith(store, 'gone', [page(1)]);
    await store.delete('gone');
    const program = `
      const { Store } = require('batondb');
      (async () => {
        const store = await Store.open(${JSON.stringify(options)});
        const db = await store.openDatabase('a');
        process.stdout.write('ready');
        for (let i = 0; i < 1e9; i += 1) {
          await db.run("UPDATE notes SET text = 'round ' || ? || id WHERE id % 7 = ?", [i, i % 7]);
        }
      })();`;
    const owner = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => owner.stdout.once('data', resolve));
    try {
      for (let round = 0; round < 3; round += 1) {
        const report = await jsonOf(['doctor', addressOf(options)]);
        expect(report).toMatchObject({ ok: true, actors: 4, problems: [], problemsOmitted: 0 });
        expect(report.databases).toBe(1);
      }
    } finally {
      owner.kill('SIGKILL');
      await new Promise((resolve) => owner.on('close', resolve));
    }
    expect(await succeed(['doctor', addressOf(options), 'a'])).toMatch(
      /^no problem in 1 actor, 1 database, /,
    );
    expect(await succeed(['doctor', addressOf(options), '--prefix', 'r', '--shallow'])).toMatch(
      /^no problem in 1 actor, 0 databases, /,
    );
    await store.close();
  }, 60_000);
});

test('stat shows the journal of a killed process, and doctor finds its damage', async () => {
  const path = join(directory, `killed-${Math.random()}`);
  const program = `
    const { Store } = require('batondb');
    (async () => {
      const store = await Store.open({ path: ${JSON.stringify(path)} });
      const db = await store.openDatabase('a');
      await db.exec('CREATE TABLE t (x)');
      await db.run('INSERT INTO t VALUES (1)');
      process.kill(process.pid, 'SIGKILL');
    })();`;
  const owner = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'ignore', 'inherit'] });
  await new Promise((resolve) => owner.on('close', resolve));
  const { journal } = await jsonOf(['stat', path]);
  expect(journal.checkpoint + journal.records).toBe(journal.newest);
  const shown = await succeed(['stat', path]);
  expect(shown).toMatch(
    new RegExp(`^journal +1 segment \\(.*\\), ${journal.records} records since the checkpoint`, 'm'),
  );
  expect(shown).toMatch(
    new RegExp(`^checkpoint +commit ${journal.checkpoint} of ${journal.newest}, [\\d.]+ s old$`, 'm'),
  );
  expect(await succeed(['doctor', path])).toMatch(/^no problem/);

  const file = openSync(join(path, 'journal-1'), 'r+');
  writeSync(file, Buffer.alloc(1, 0xff), 0, 1, 4096 + 40);
  closeSync(file);
  const { code, stdout } = await batondb(['doctor', path]);
  const next = journal.checkpoint + 1;
  expect(stdout).toMatch(
    new RegExp(`^error: journal: the record of commit ${next} in journal-1 is damaged: a loss of power`, 'm'),
  );
  expect(code).toBe(1);
  const { problems } = JSON.parse((await batondb(['doctor', path, '--json'])).stdout);
  expect(problems).toEqual([problem({ kind: 'journal' })]);
  // Writing makes a checkpoint, after which the journal is not needed.
  const store = await Store.open({ path });
  await store.loadStartup('a');
  await store.close();
  expect(await succeed(['doctor', path])).toMatch(/^no problem/);
});

onEachBackend((open) => {
  test('a page row that is gone is found by SQLite, and a report knows its types', async () => {
    const store = await open();
    await store.importFrom('whole', sqliteFile());
    const { generation, sizePages } = await store.stat('whole');
    const pages = await store.getPages('whole', {
      generation,
      pages: Uint32Array.from({ length: sizePages }, (_, index) => index + 1),
    });
    // What is left when a row is lost that is not the first: the page reads as zeros.
    for (const [actorId, lost] of [
      ['lost-1', 1],
      ['lost-5', 5],
    ]) {
      const started = await store.loadStartup(actorId);
      await store.commit(actorId, {
        generation: started.generation,
        headTxid: 0n,
        sizePages,
        pages: [...pages]
          .filter(([number]) => number !== lost)
          .map(([number, data]) => ({ page: number, data })),
      });
    }
    const steps = [];
    const report = await store.verify({ onProgress: (step) => steps.push(step) });
    expect(report).toMatchObject({ ok: false, actors: 3, busy: [] });
    expect(new Set(report.problems.map(({ actorId, kind }) => `${actorId} ${kind}`))).toEqual(
      new Set(['lost-1 integrity', 'lost-5 integrity']),
    );
    expect(steps.at(-1)).toMatchObject({ actors: 3, rows: report.rows, bytes: report.bytes });
    expect(steps.map(({ actorId }) => actorId).filter((id) => id)).toEqual(['lost-1', 'lost-5', 'whole']);
    expect(await store.verify({ deep: false })).toMatchObject({ ok: true, databases: 0, problems: [] });
    expect(await store.verify({ actorId: 'whole' })).toMatchObject({ ok: true, actors: 1, databases: 1 });
    expect(await store.inspect('lost-5')).toMatchObject({ pagesNeverWritten: 1, head: { txid: 1n } });

    const stopping = new AbortController();
    const stopped = store.verify({ signal: stopping.signal, onProgress: () => stopping.abort() });
    expect(await rejection(stopped)).toMatchObject({ code: 'ERR_ABORTED' });
  });
});

test('a flipped byte of a page is told with its place, and other actors are looked at all the same', async () => {
  const data = randomBytes(2048);
  const path = await storeWith((store) => startWith(store, 'broken', [page(7, 2048), data]));
  change(path, data, 100, Buffer.from([data[100] ^ 1]));
  const { code, stdout } = await batondb(['doctor', path]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^error: actor "broken", page, page 2, txid 1: page row fails its checksum/);
  expect(stdout).toMatch(/^1 error, 0 warnings in 3 actors, 2 databases, /m);
  const report = JSON.parse((await batondb(['doctor', path, '--json'])).stdout);
  expect(report).toMatchObject({ ok: false, actors: 3, databases: 2 });
  expect(report.problems).toEqual([problem({ actorId: 'broken', kind: 'page', page: 2, txid: 1 })]);
  expect(await batondb(['inspect', path, 'broken'])).toMatchObject({ code: 1 });
  expect(await batondb(['doctor', path, '--prefix', 'sound'])).toMatchObject({ code: 0 });
  expect(await batondb(['doctor', path, 'broken', '--shallow'])).toMatchObject({ code: 1 });
});

test('a fence of another format is told, though a listing fails at it', async () => {
  const path = await storeWith((store) => startWith(store, 'older', [page(1)]));
  const key = fenceKey('older');
  // Behind the key LMDB has the value: a byte of the backend, then the version.
  change(path, key, key.length + 1, Buffer.from([0]));
  expect(await batondb(['list', path])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('(ERR_CORRUPT)'),
  });
  const { code, stdout } = await batondb(['doctor', path, '--json']);
  expect(code).toBe(1);
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({ actors: 3, databases: 2 });
  expect(report.problems).toEqual([problem({ actorId: 'older', kind: 'fence' })]);
  expect(report.problems[0].detail).toContain('format version 0');
  expect(await batondb(['inspect', path, 'older'])).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/^fence +none that can be read$/m),
  });
});

test('rows without a fence are told', async () => {
  const path = await storeWith((store) => startWith(store, 'lost-a', [page(1)]));
  // The fence now is that of another actor, which has no rows, and does not go with its key.
  change(path, fenceKey('lost-a'), 'lost-a'.length + 1, Buffer.from('b'));
  const report = JSON.parse((await batondb(['doctor', path, '--json'])).stdout);
  expect(report.problems).toEqual([
    problem({ actorId: 'lost-a', kind: 'fence', detail: '2 rows of an actor that has no fence' }),
    problem({ actorId: 'lost-b', kind: 'fence', detail: expect.stringContaining('checksum') }),
  ]);
  expect(report).toMatchObject({ ok: false, actors: 4, databases: 2 });
});

test('warnings alone are no failure unless they are to count', async () => {
  const path = await storeWith((store) => startWith(store, 'hinted', [page(1)]));
  // A page and a half of hints would come from a database; here the row is made by one that is closed.
  const store = await Store.open({ path, durability: 'relaxed' });
  const db = await store.openDatabase('sound-1');
  await db.all('SELECT count(*) FROM notes');
  await db.close();
  await store.close();
  const key = Buffer.from('\u0002\u0002sound-1\u0000\u0004');
  change(path, key, key.length + 4, Buffer.from([0xff, 0xee]));
  const { code, stdout } = await batondb(['doctor', path]);
  expect(stdout).toMatch(/^warning: actor "sound-1", hints: .* ignores it/);
  expect(code).toBe(0);
  expect(await batondb(['doctor', path, '--strict'])).toMatchObject({ code: 1 });
});

test('an actor that is not there is an error for every command that is asked for it', async () => {
  const path = await storeWith(async (store) => {
    await store.loadStartup('deleted');
    await store.delete('deleted');
  });
  for (const actorId of ['nobody', 'deleted']) {
    const calls = [
      ['doctor', path, actorId],
      ['doctor', path, actorId, '--shallow', '--json'],
      ['stat', path, actorId],
      ['sql', path, actorId, '-c', 'SELECT 1'],
      ['sql', path, actorId, '--write', '-c', 'SELECT 1'],
      ['export', path, actorId, join(directory, 'exported')],
      ['delete', path, actorId, '--yes'],
      ['copy', path, join(directory, 'copied'), actorId, '--state', join(directory, 'state.jsonl')],
    ];
    for (const args of calls) {
      const { code, stderr } = await batondb(args);
      const told = `batondb: actor "${actorId}" does not exist (ERR_NOT_FOUND)\n`;
      expect({ args, code, stderr }).toEqual({ args, code: 1, stderr: told });
    }
  }
  expect(await batondb(['inspect', path, 'nobody'])).toMatchObject({ code: 1 });
  const { stdout } = await batondb(['doctor', path, 'nobody', '--json']);
  expect(JSON.parse(stdout)).toMatchObject({ ok: false, rows: 0 });
});

test('arguments of verify and copyTo are checked', async () => {
  const store = await Store.open({ memory: true });
  const other = await Store.open({ memory: true });
  for (const options of [
    { deep: 1 },
    { prefix: 'a', actorId: 'a' },
    { onProgress: 1 },
    { actorId: '' },
    { depp: true },
  ]) {
    expect(await rejection(store.verify(options))).toMatchObject({ code: 'ERR_INVALID_ARG' });
  }
  for (const target of [undefined, {}, store]) {
    expect(await rejection(store.copyTo('a', target))).toMatchObject({ code: 'ERR_INVALID_ARG' });
  }
  for (const options of [{ replace: 'yes' }, { verify: 1 }, { verfy: true }]) {
    expect(await rejection(store.copyTo('a', other, options))).toMatchObject({ code: 'ERR_INVALID_ARG' });
  }
  expect(await rejection(store.copyTo('a', other))).toMatchObject({ code: 'ERR_NOT_FOUND', actor: 'a' });
  await other.close();
  expect(await rejection(store.copyTo('a', other))).toMatchObject({ code: 'ERR_CLOSED' });
  await store.close();
  expect(await rejection(store.verify())).toMatchObject({ code: 'ERR_CLOSED' });
});

test('a database that never rests is busy, and one whose header is wrong is damaged', async () => {
  const store = await Store.open({ memory: true });
  await store.importFrom('a', sqliteFile());
  const { generation, headTxid, sizePages } = await store.stat('a');
  const pages = await store.getPages('a', { generation, pages: [1] });
  // Of a database with more pages than there are.
  const header = Buffer.from(pages.get(1));
  header.writeUInt32BE(sizePages + 7, 28);
  await store.commit('a', { generation, headTxid, sizePages, pages: [{ page: 1, data: header }] });
  const { problems } = await store.verify();
  expect(problems).toMatchObject([{ actorId: 'a', kind: 'integrity', severity: 'error' }]);

  store.getPages = () =>
    Promise.reject(new BatonError('ERR_FENCE_MISMATCH', 'moved', { actor: 'a', held: 1n, current: 2n }));
  expect(await store.verify()).toMatchObject({ ok: true, databases: 0, busy: ['a'], problems: [] });
  store.ping = () => Promise.reject(new BatonError('ERR_UNAVAILABLE', 'away'));
  expect(await rejection(store.verify())).toMatchObject({ code: 'ERR_UNAVAILABLE' });
  await store.close();
});

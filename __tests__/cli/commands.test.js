'use strict';

const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const Sqlite = require('libsql');

const { Store } = require('../..');
const { addressOf, batondb, jsonOf, succeed } = require('./helpers.js');
const { onEachSharedBackend, page, rejection, startWith, temporaryDirectory } = require('../helpers.js');

const directory = temporaryDirectory();

function sqliteFile(rows) {
  const file = join(directory, `${Math.random()}.sqlite`);
  const database = new Sqlite(file);
  database.exec('CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT, data BLOB)');
  const insert = database.prepare('INSERT INTO notes (text, data) VALUES (?, ?)');
  database.exec('BEGIN');
  for (let row = 1; row <= rows; row += 1) insert.run(`note ${row}`, Buffer.from([row % 256]));
  database.exec('COMMIT');
  database.close();
  return file;
}

onEachSharedBackend((place) => {
  let address;
  let store;

  beforeEach(async () => {
    const options = place();
    address = addressOf(options);
    store = await Store.open(options);
  });
  afterEach(() => store.close());

  test('list shows ids in their order, in pages, in full and as JSON', async () => {
    expect(await succeed(['list', address])).toBe('');
    expect(await jsonOf(['list', address])).toEqual([]);
    for (const id of ['room-2', 'a\n\u001b[2J', 'room-1', 'gone']) await store.loadStartup(id);
    await store.delete('gone');
    await startWith(store, 'room-3', [page(1), page(2)]);
    expect(await succeed(['list', address])).toBe('a\\n\\u001b[2J\nroom-1\nroom-2\nroom-3\n');
    expect(await succeed(['list', address, '--prefix', 'room-', '--limit', '1', '--after', 'room-1'])).toBe(
      'room-2\n',
    );
    expect(await jsonOf(['list', address])).toEqual(
      ['a\n\u001b[2J', 'room-1', 'room-2', 'room-3'].map((actorId) => ({ actorId })),
    );
    const long = await succeed(['list', address, '-l', '--prefix', 'room-3']);
    expect(long).toMatch(/^MADE +SIZE  GENERATION +HEAD  ACTOR\n\S+Z +8\.0 KiB +1 +1  room-3\n$/);
    expect(await jsonOf(['list', address, '-l', '--prefix', 'room-3'])).toEqual([
      {
        actorId: 'room-3',
        generation: 1,
        headTxid: 1,
        sizePages: 2,
        pageSize: 4096,
        createdAt: expect.any(String),
        origin: 'native',
      },
    ]);
  });

  test('stat tells of the store and of an actor, and takes nothing over', async () => {
    const held = await startWith(store, 'a', [page(1), page(2)]);
    expect(await succeed(['stat', address])).toContain('available  ');
    expect(await jsonOf(['stat', address])).toMatchObject({ available: true, latencyMs: expect.any(Number) });
    expect(await succeed(['stat', address, 'a'])).toContain('2 pages of 4,096 bytes, 8.0 KiB');
    expect(await jsonOf(['stat', address, 'a'])).toMatchObject({ actorId: 'a', generation: 1, headTxid: 1 });
    expect(await batondb(['stat', address, 'nobody'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'batondb: actor "nobody" does not exist (ERR_NOT_FOUND)\n',
    });
    expect(await store.stat('a')).toMatchObject(held);
  });

  test('inspect counts the rows of live, fresh and deleted actors', async () => {
    await startWith(store, 'a', [page(1), page(2), page(3)]);
    await store.loadStartup('fresh');
    const text = await succeed(['inspect', address, 'a']);
    expect(text).toMatch(/^state +live$/m);
    expect(text).toMatch(/^head +1, the next commit is 2$/m);
    expect(text).toMatch(/^pages, live +3 /m);
    const inspection = await jsonOf(['inspect', address, 'a']);
    expect(inspection).toMatchObject({
      actorId: 'a',
      fence: { generation: 1, firstGeneration: 1, deleted: false, origin: 'native' },
      head: { txid: 1, nextTxid: 2, sizePages: 3, pageSize: 4096, unswept: false, recentCommits: 1 },
      pagesNeverWritten: 0,
      problems: [],
    });
    expect(inspection.rows.pagesLive).toMatchObject({ rows: 3 });
    expect(await succeed(['inspect', address, 'fresh'])).toMatch(/^head +none: nothing was committed yet$/m);
    await store.delete('a');
    expect(await succeed(['inspect', address, 'a'])).toMatch(/^state +deleted$/m);
    expect(await batondb(['inspect', address, 'nobody'])).toMatchObject({ code: 1 });
    // The same in JavaScript, with the types of JavaScript.
    expect(await store.inspect('nobody')).toBeUndefined();
    expect((await store.inspect('a')).fence).toMatchObject({
      generation: 2n,
      createdAt: expect.any(Date),
      deleted: true,
    });
  });

  test('import and export bring a file in and out, and replace nothing unasked', async () => {
    const file = sqliteFile(2_000);
    const copy = `${file}.copy`;
    expect(await jsonOf(['import', address, 'a', file])).toMatchObject({ actorId: 'a', generation: 1, file });
    const refused = await batondb(['import', address, 'a', file]);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('(ERR_INVALID_ARG)');
    expect(await succeed(['import', address, 'a', file, '--replace'])).toContain('generation 2');

    expect(await succeed(['export', address, 'a', copy])).toContain(copy);
    expect(readFileSync(copy).equals(readFileSync(file))).toBe(true);
    writeFileSync(copy, 'precious');
    expect(await batondb(['export', address, 'a', copy])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--force'),
    });
    expect(readFileSync(copy, 'utf8')).toBe('precious');
    expect(await jsonOf(['export', address, 'a', copy, '--force'])).toMatchObject({
      headTxid: expect.any(Number),
    });
    expect(readFileSync(copy).equals(readFileSync(file))).toBe(true);
    expect((await store.stat('a')).generation).toBe(2n);
  });

  test('delete needs a yes, and says what it has deleted', async () => {
    await startWith(store, 'a', [page(1)]);
    expect(await batondb(['delete', address, 'a'])).toMatchObject({ code: 2 });
    expect(await store.stat('a')).toBeDefined();
    expect(await succeed(['delete', address, 'a', '--yes'])).toBe(
      'deleted actor a (4.0 KiB, generation 1)\n',
    );
    expect(await store.stat('a')).toBeUndefined();
    expect(await batondb(['delete', address, 'a', '--yes'])).toMatchObject({ code: 1 });
  });

  test('sql reads beside the owner, and takes over only when told to write', async () => {
    await store.importFrom('a', sqliteFile(3));
    const owner = await store.openDatabase('a');
    const { generation } = owner.startup;
    const select = ['sql', address, 'a', '-c', 'SELECT id, text, data, NULL AS n FROM notes'];
    expect(await succeed(select)).toBe(
      "id  text    data   n\n 1  note 1  x'01'  NULL\n 2  note 2  x'02'  NULL\n 3  note 3  x'03'  NULL\n",
    );
    expect(await jsonOf(select)).toEqual(
      [1, 2, 3].map((id) => ({ id, text: `note ${id}`, data: `0${id}`, n: null })),
    );
    const script = '.mode csv\nSELECT id, \'a,"b\' AS "x,y" FROM notes WHERE id < 3; -- done\n';
    expect(await succeed(['sql', address, 'a'], { input: script })).toBe('id,"x,y"\n1,"a,""b"\n2,"a,""b"\n');
    expect(await succeed(['sql', address, 'a'], { input: '.tables\n.schema notes\n' })).toMatch(
      /^notes\nCREATE TABLE notes \(.*\);\n$/,
    );
    const refused = await batondb(['sql', address, 'a', '-c', 'DELETE FROM notes']);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('SQLITE_READONLY') });
    const wrong = await batondb(['sql', address, 'a', '-c', 'SELECT 1; SELEKT 2; SELECT 3']);
    expect(wrong).toMatchObject({
      code: 1,
      stdout: '1\n1\n',
      stderr: expect.stringContaining('SQLITE_ERROR'),
    });
    await owner.run("UPDATE notes SET text = 'mine'");
    expect((await store.stat('a')).generation).toBe(generation);

    expect(await succeed(['sql', address, 'a', '--write', '-c', 'DELETE FROM notes WHERE id = 1'])).toBe(
      '1 changed\n',
    );
    expect(await rejection(owner.run('DELETE FROM notes'))).toMatchObject({ code: 'ERR_FENCE_MISMATCH' });
    expect(await succeed(['sql', address, 'a', '-c', 'SELECT count(*) AS n FROM notes'])).toBe('n\n2\n');
    await owner.close();
  });

  test('sql says that a script has left a transaction open, and not instead of its error', async () => {
    const write = (script) => batondb(['sql', address, 'open', '--write', '--create', '-c', script]);
    expect(await write('CREATE TABLE t (x); BEGIN; INSERT INTO t VALUES (1); COMMIT')).toMatchObject({
      code: 0,
    });
    const left = await write('BEGIN; INSERT INTO t VALUES (2)');
    expect(left.code).toBe(1);
    expect(left.stderr).toContain('COMMIT');
    const wrong = await write('BEGIN; INSERT INTO t VALUES (3); SELEKT 4');
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain('SELEKT');
    const rows = await succeed(['sql', address, 'open', '--mode', 'csv', '-c', 'SELECT x FROM t']);
    expect(rows).toBe('x\n1\n');
  });

  test('sql makes no actor unless told to', async () => {
    expect(await batondb(['sql', address, 'b', '--write', '-c', 'SELECT 1'])).toMatchObject({ code: 1 });
    expect(await store.stat('b')).toBeUndefined();
    await succeed([
      'sql',
      address,
      'b',
      '--write',
      '--create',
      '-c',
      'CREATE TABLE t (x); INSERT INTO t VALUES (1)',
    ]);
    expect(await succeed(['sql', address, 'b', '-c', 'SELECT x FROM t'])).toBe('x\n1\n');
  });

  test('bench measures and leaves nothing', async () => {
    const { measured, pageBytes } = await jsonOf(['bench', address, '--seconds', '1']);
    expect(pageBytes).toBe(4096);
    expect(measured.map(({ what }) => what)).toHaveLength(7);
    expect(
      measured.every(({ perSecond, p50Ms, p99Ms }) => perSecond > 0 && p50Ms > 0 && p99Ms >= p50Ms),
    ).toBe(true);
    expect(await store.list()).toEqual([]);
  });
});

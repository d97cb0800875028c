'use strict';

const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

// A SQLite that this project did not build: it says whether a file is a sound database.
const Database = require('libsql');

const { onEachBackend, rejection, startWith, page, temporaryDirectory } = require('../helpers.js');

const directory = temporaryDirectory();

/** A database of a few hundred pages, at rest. */
function writeDatabase(name, pageSize = 4096) {
  const file = join(directory, name);
  const database = new Database(file);
  database.exec(`PRAGMA page_size = ${pageSize}; CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)`);
  const insert = database.prepare('INSERT INTO notes (text) VALUES (?)');
  database.exec('BEGIN');
  for (let row = 0; row < 2_000; row += 1) {
    insert.run(`note ${row} ${'.'.repeat(row % 300)}`);
  }
  database.exec('COMMIT');
  database.close();
  return file;
}

onEachBackend((open) => {
  test.each([512, 4096, 65_536])(
    'a file with pages of %i bytes comes out as it went in',
    async (pageSize) => {
      const store = await open();
      const file = writeDatabase(`in-${Math.random()}.sqlite`, pageSize);
      const size = readFileSync(file).length;
      const imported = await store.importFrom('a', file);
      expect(imported).toMatchObject({
        generation: 1n,
        pageSize,
        sizePages: size / pageSize,
        origin: 'native',
      });

      const { outcome, pages } = await store.loadStartup('a');
      expect(outcome).toBe('won');
      expect(Buffer.from(pages.get(1).subarray(0, 16)).toString()).toBe('SQLite format 3\0');

      const copy = `${file}.copy`;
      const exported = await store.exportTo('a', copy);
      expect(exported).toMatchObject({ headTxid: imported.headTxid, sizePages: imported.sizePages });
      expect(Buffer.compare(readFileSync(copy), readFileSync(file))).toBe(0);
      const database = new Database(copy);
      expect(database.prepare('PRAGMA integrity_check').get().integrity_check).toBe('ok');
      expect(database.prepare('SELECT count(*) AS rows FROM notes').get().rows).toBe(2_000);
      database.close();
    },
  );

  test('an import fences the owner, and replaces pages only when told to', async () => {
    const store = await open();
    const file = writeDatabase(`replace-${Math.random()}.sqlite`);
    const held = await startWith(store, 'a', [page(1)]);
    expect((await rejection(store.importFrom('a', file))).code).toBe('ERR_INVALID_ARG');
    const { generation } = await store.importFrom('a', file, { replace: true });
    expect(generation).toBeGreaterThan(held.generation);
    const late = store.commit('a', { ...held, sizePages: 1, pages: [{ page: 1, data: page(2) }] });
    expect(await rejection(late)).toMatchObject({ code: 'ERR_FENCE_MISMATCH', current: generation });
  });

  test('an import refuses what is not a database at rest, by name', async () => {
    const store = await open();
    const text = join(directory, 'text.sqlite');
    writeFileSync(text, 'not a database '.repeat(1_000));
    const error = await rejection(store.importFrom('a', text));
    expect(error.code).toBe('ERR_INVALID_ARG');
    expect(error.message).toContain(text);

    const hot = writeDatabase(`hot-${Math.random()}.sqlite`);
    writeFileSync(`${hot}-wal`, Buffer.alloc(4152, 1));
    expect((await rejection(store.importFrom('a', hot))).message).toContain('wal');
    const missing = await rejection(store.importFrom('a', join(directory, 'missing.sqlite')));
    expect(missing.message).toContain('missing.sqlite');
    expect(await store.stat('a')).toBeUndefined();
  });

  test('an export of an actor that does not exist writes no file', async () => {
    const store = await open();
    const file = join(directory, 'none.sqlite');
    expect(await rejection(store.exportTo('nobody', file))).toMatchObject({
      code: 'ERR_NOT_FOUND',
      actor: 'nobody',
    });
    expect(() => readFileSync(file)).toThrow('ENOENT');
  });
});

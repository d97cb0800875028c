'use strict';

const { execFileSync } = require('node:child_process');
const { writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');

const { onEachBackend, rejection, temporaryDirectory } = require('../helpers.js');

/** What SQLite's loadable extensions begin with, by hand: an entry point that does nothing, and one that fails. */
const LIBRARY = `
  int sqlite3_nothing_init(void *db, char **message, const void *api) { return 0; }
  int fails(void *db, char **message, const void *api) { return 1; }
`;

const directory = temporaryDirectory();

/** A library, if there is a C compiler. */
function library() {
  const source = join(directory, 'nothing.c');
  const file = join(directory, 'libnothing.so');
  writeFileSync(source, LIBRARY);
  execFileSync('cc', ['-shared', '-fPIC', '-o', file, source]);
  return file;
}

onEachBackend((open) => {
  let store;
  beforeEach(async () => {
    store = await open();
  });

  const withVectors = (id, options) => store.openDatabase(id, { extensions: ['vec'], ...options });

  describe('sqlite-vec', () => {
    const nearest = async (db) =>
      (await db.all('SELECT rowid FROM doc WHERE v MATCH ? ORDER BY distance LIMIT 2', ['[1, 1, 0]'])).map(
        ({ rowid }) => rowid,
      );
    const fill = async (db) => {
      await db.exec('CREATE VIRTUAL TABLE doc USING vec0 (v float[3])');
      for (const [id, v] of [
        [1, '[1, 0, 0]'],
        [2, '[1, 1, 0.1]'],
        [3, '[0, 0, 9]'],
      ]) {
        await db.run('INSERT INTO doc (rowid, v) VALUES (?, ?)', [id, v]);
      }
    };

    test('is there if it is asked for, and only then', async () => {
      const db = await withVectors('a');
      expect((await db.get('SELECT vec_version() AS v')).v).toMatch(/^v0\./);
      const plain = await store.openDatabase('b');
      expect((await rejection(plain.get('SELECT vec_version()'))).code).toBe('SQLITE_ERROR');
      await fill(db);
      expect(await nearest(db)).toEqual([2, 1]);
    });

    test('takes part in transactions, and is there after the next start', async () => {
      const db = await withVectors('a');
      await fill(db);
      await expect(
        db.transaction(async (tx) => {
          await tx.run('DELETE FROM doc WHERE rowid = 2');
          throw new Error('no');
        }),
      ).rejects.toThrow('no');
      const next = await withVectors('a');
      expect(await nearest(next)).toEqual([2, 1]);
      expect((await rejection(db.run('DELETE FROM doc'))).code).toBe('ERR_FENCE_MISMATCH');
      const reader = await withVectors('a', { readOnly: true });
      expect(await nearest(reader)).toEqual([2, 1]);
    });

    test('goes through forks, restores and exports', async () => {
      const db = await withVectors('a');
      await fill(db);
      await store.pin('a', { name: 'filled' });
      await store.fork('a', 'fork');
      const fork = await withVectors('fork');
      await fork.run('DELETE FROM doc WHERE rowid = 2');
      expect([await nearest(fork), await nearest(db)]).toEqual([
        [1, 3],
        [2, 1],
      ]);
      await db.run('DELETE FROM doc');
      await store.restore('a', { to: 'filled' });
      expect(await nearest(await withVectors('a'))).toEqual([2, 1]);
      const bytes = await (await withVectors('a')).serialize();
      await store.importFrom('copy', bytes);
      expect(await nearest(await withVectors('copy'))).toEqual([2, 1]);
    });
  });

  describe('a library', () => {
    test('is loaded by its path, and SQL can load none', async () => {
      const path = library();
      for (const each of [
        { path },
        { path: pathToFileURL(path) },
        { path, entryPoint: 'sqlite3_nothing_init' },
      ]) {
        const db = await store.openDatabase('a', { extensions: [each] });
        const error = await rejection(db.get('SELECT load_extension(?)', [path]));
        expect(error).toMatchObject({
          code: 'SQLITE_ERROR',
          message: expect.stringContaining('not authorized'),
        });
      }
    });

    test('that cannot be loaded fails the opening by name', async () => {
      const path = library();
      for (const [each, why] of [
        [{ path: join(directory, 'missing.so') }, 'missing.so'],
        [{ path, entryPoint: 'absent' }, 'absent'],
        [{ path, entryPoint: 'fails' }, 'error during initialization'],
      ]) {
        const error = await rejection(store.openDatabase('a', { extensions: [each] }));
        expect(error).toMatchObject({ code: 'SQLITE_ERROR', message: expect.stringContaining(why) });
      }
      expect(await (await store.openDatabase('a')).get('SELECT 1 AS one')).toEqual({ one: 1 });
    });

    test.each([
      ['no array', 'vec'],
      ['another name', ['fts9']],
      ['a path alone', ['./vec.so']],
      ['no path', [{}]],
      ['another property', [{ path: 'x', file: 'y' }]],
      ['an entry point that is none', [{ path: 'x', entryPoint: 7 }]],
    ])('is refused as %s', async (_, extensions) => {
      expect((await rejection(store.openDatabase('a', { extensions }))).code).toBe('ERR_INVALID_ARG');
    });
  });
});

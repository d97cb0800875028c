// What of a schema that needs functions and collations works where they are not defined.

'use strict';

const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const { onEachBackend, rejection, temporaryDirectory } = require('../helpers.js');

const directory = temporaryDirectory();
const { compare } = new Intl.Collator('de');

function define(db) {
  db.collation('german', compare);
  db.function('slug', { deterministic: true }, (text) => text.toLowerCase());
  return db;
}

onEachBackend((open) => {
  let store;
  let owner;
  beforeEach(async () => {
    store = await open();
    owner = define(await store.openDatabase('a', { allowBlocking: true }));
    owner.execSync(`
      CREATE TABLE plain (x); INSERT INTO plain VALUES (1);
      CREATE TABLE slugs (x); CREATE INDEX slug ON slugs (slug(x)); INSERT INTO slugs VALUES ('A'), ('b');
      CREATE TABLE "in ""order" (x TEXT COLLATE german PRIMARY KEY) WITHOUT ROWID;
      INSERT INTO "in ""order" VALUES ('ä'), ('z'), ('b')`);
  });

  const warned = (report) =>
    report.problems.map(({ severity, detail }) => `${severity}: ${detail.split(';')[0]}`);

  test('a verification says what it could not check, and finds no damage', async () => {
    const report = await store.verify();
    expect(report).toMatchObject({ ok: true, databases: 1 });
    expect(warned(report)).toEqual([
      'warning: table slugs: the entries of its indexes were not checked: unknown function: slug()',
      'warning: table in "order: it was not checked: no such collation sequence: german',
    ]);
    expect((await store.verify({ deep: false })).problems).toEqual([]);
  });

  test('a verification goes on finding what is damaged', async () => {
    await owner.exec(`
      CREATE TABLE bad (x, y);
      CREATE INDEX bad_x ON bad (x);
      INSERT INTO bad VALUES (1, 2);
      PRAGMA writable_schema = ON;
      UPDATE sqlite_schema SET sql = 'CREATE INDEX bad_x ON bad (y)' WHERE name = 'bad_x';
      PRAGMA writable_schema = RESET`);
    const report = await store.verify();
    expect(report.ok).toBe(false);
    expect(
      report.problems.filter(({ severity }) => severity === 'error').map(({ detail }) => detail),
    ).toEqual(['row 1 missing from index bad_x']);
  });

  test('an export, a fork and an import keep the schema, and the order of its indexes', async () => {
    await owner.close();
    const file = join(directory, `${Math.random()}.sqlite`);
    await store.exportTo('a', file);
    await store.importFrom('b', file);
    const copy = define(await store.openDatabase('b', { allowBlocking: true }));
    expect(copy.allSync('SELECT x FROM "in ""order" ORDER BY x').map(({ x }) => x)).toEqual(['ä', 'b', 'z']);
    expect(copy.allSync('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    expect(Buffer.from(copy.serializeSync()).equals(readFileSync(file))).toBe(true);
  });

  test('a VACUUM needs them, and leaves all as it is without them', async () => {
    const refused = await rejection(owner.exec('VACUUM'));
    expect(refused).toMatchObject({ code: 'ERR_INVALID_ARG', message: expect.stringContaining('german') });
    owner.execSync('VACUUM');
    expect(owner.allSync('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  });

  test('a read-only database keeps its own when the actor gets another text encoding', async () => {
    const reader = define(await store.openDatabase('a', { readOnly: true, allowBlocking: true }));
    const sql = "SELECT slug('X') AS slug, 'ä' < 'z' COLLATE german AS less";
    expect(reader.getSync(sql)).toEqual({ slug: 'x', less: 1 });
    const source = await store.openDatabase('wide', { allowBlocking: true });
    source.execSync("PRAGMA encoding = 'UTF-16le'; CREATE TABLE wide (x); INSERT INTO wide VALUES ('ä')");
    const bytes = source.serializeSync();
    await source.close();
    await owner.close();
    const file = join(directory, `${Math.random()}.sqlite`);
    writeFileSync(file, bytes);
    await store.importFrom('a', file, { replace: true });
    expect(reader.getSync('SELECT slug(x) AS x FROM wide')).toEqual({ x: 'ä' });
    expect(reader.getSync(sql)).toEqual({ slug: 'x', less: 1 });
    expect(await rejection(reader.get(sql))).toMatchObject({ code: 'ERR_INVALID_ARG' });
  });
});

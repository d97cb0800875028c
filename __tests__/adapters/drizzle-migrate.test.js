'use strict';

const { createHash } = require('node:crypto');
const { mkdirSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');

const { drizzle, migrate } = require('../../adapters/drizzle.js');
const { journal, migrations } = require('./drizzle-schema.js');
const { onEachBackend, rejection, temporaryDirectory } = require('../helpers.js');

const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const tables = async (client) =>
  (
    await client.all(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    )
  ).map(({ name }) => name);
const applied = (client) =>
  client.all('SELECT id, hash, created_at FROM __drizzle_migrations ORDER BY created_at');

/** As drizzle-kit writes it. */
function writeFolder(directory, { entries }, sqlOf) {
  mkdirSync(join(directory, 'meta'), { recursive: true });
  const journal = { version: '7', dialect: 'sqlite', entries };
  writeFileSync(join(directory, 'meta', '_journal.json'), JSON.stringify(journal));
  entries.forEach(({ idx, tag }) => writeFileSync(join(directory, `${tag}.sql`), sqlOf[`m000${idx}`]));
}

const home = temporaryDirectory();

onEachBackend((openStore) => {
  async function open() {
    const client = await (await openStore()).openDatabase('a');
    return { client, db: drizzle(client) };
  }

  test('what is missing is applied, once, and recorded as Drizzle does', async () => {
    const { client, db } = await open();
    await migrate(db, { journal: journal(1), migrations });
    expect(await tables(client)).toEqual(['__drizzle_migrations', 'room']);
    await migrate(db, { journal: journal(2), migrations });
    await migrate(db, { journal: journal(2), migrations });
    expect(await tables(client)).toEqual(['__drizzle_migrations', 'kinds', 'message', 'room']);
    expect(await applied(client)).toEqual([
      { id: null, hash: sha256(migrations.m0000), created_at: 1_000 },
      { id: null, hash: sha256(migrations.m0001), created_at: 1_001 },
    ]);
    const commits = client.stats().commits;
    await migrate(db, { journal: journal(2), migrations });
    expect(client.stats().commits).toBe(commits);
  });

  test("goes on where Drizzle's own migrator has stopped, and the other way round", async () => {
    const { client, db } = await open();
    const own = (count) => {
      const { entries } = journal(count);
      return db.dialect.migrate(
        entries.map(({ when, idx }) => {
          const text = migrations[`m000${idx}`];
          return {
            sql: text.split('--> statement-breakpoint'),
            bps: true,
            folderMillis: when,
            hash: sha256(text),
          };
        }),
        db.session,
      );
    };
    await own(1);
    await migrate(db, { journal: journal(2), migrations });
    await own(2);
    expect((await applied(client)).map(({ hash }) => hash)).toEqual([
      sha256(migrations.m0000),
      sha256(migrations.m0001),
    ]);
  });

  test('a folder of files is taken as it is, by its path or its URL', async () => {
    const folder = join(home, 'drizzle files');
    writeFolder(folder, journal(1), migrations);
    const { client, db } = await open();
    await migrate(db, { migrationsFolder: folder });
    expect(await tables(client)).toEqual(['__drizzle_migrations', 'room']);
    writeFolder(folder, journal(2), migrations);
    await migrate(db, { migrationsFolder: pathToFileURL(folder), migrationsTable: '__drizzle_migrations' });
    await migrate(db, { journal: journal(2), migrations });
    expect(await applied(client)).toEqual([
      { id: null, hash: sha256(migrations.m0000), created_at: 1_000 },
      { id: null, hash: sha256(migrations.m0001), created_at: 1_001 },
    ]);
    const refused = async (config) => {
      const { code, message } = await rejection(migrate(db, config));
      expect(code).toBe('ERR_INVALID_ARG');
      return message;
    };
    expect(await refused({ migrationsFolder: join(home, 'none') })).toMatch(/none.*_journal\.json.*ENOENT/);
    expect(await refused({ migrationsFolder: 7 })).toMatch(/migrationsFolder.*7/);
    expect(await refused({ migrationsFolder: folder, journal: journal(1) })).toMatch(/migrationsFolder/);
    const broken = join(home, 'broken');
    writeFolder(broken, { entries: [] }, {});
    const write = (text) => writeFileSync(join(broken, 'meta', '_journal.json'), text);
    write(JSON.stringify({ entries: [{ idx: 0, when: 1, tag: '0000_gone' }] }));
    expect(await refused({ migrationsFolder: broken })).toMatch(/0000_gone\.sql.*ENOENT/);
    write('{');
    expect(await refused({ migrationsFolder: broken })).toMatch(/_journal\.json.*JSON/);
    write('{}');
    expect(await refused({ migrationsFolder: broken })).toMatch(/_journal\.json.*entries/);
  });

  describe('a migration that comes in late', () => {
    const entry = (idx, when) => ({ idx, when, tag: `000${idx}_x`, breakpoints: true });
    const late = (...entries) => ({
      journal: { entries },
      migrations: { m0000: 'CREATE TABLE a (x)', m0001: 'CREATE TABLE b (x)', m0002: 'CREATE TABLE c (x)' },
    });

    test('is applied, in the order of the journal, and once', async () => {
      const { client, db } = await open();
      await migrate(db, late(entry(0, 1_000), entry(1, 3_000)));
      for (let times = 0; times < 2; times += 1) {
        await migrate(db, late(entry(0, 1_000), entry(2, 2_000), entry(1, 3_000)));
      }
      expect(await tables(client)).toEqual(['__drizzle_migrations', 'a', 'b', 'c']);
      expect((await applied(client)).map(({ created_at: when }) => when)).toEqual([1_000, 2_000, 3_000]);
    });

    test('is told by its name where it cannot be applied', async () => {
      const { client, db } = await open();
      await migrate(db, late(entry(1, 3_000)));
      await client.exec('CREATE TABLE c (x)');
      const error = await migrate(db, late(entry(2, 2_000), entry(1, 3_000))).catch((reason) => reason);
      expect(error).toMatchObject({ migration: '0002_x', cause: { code: 'SQLITE_ERROR' } });
      expect(await applied(client)).toHaveLength(1);
    });

    test('is not one whose time or whose SQL was changed, and of two with the same SQL each is one', async () => {
      const { client, db } = await open();
      await migrate(db, late(entry(0, 1_000), entry(1, 3_000)));
      await migrate(db, late(entry(0, 1_500), entry(1, 3_000)));
      const { journal: same, migrations: texts } = late(entry(0, 1_000), entry(1, 3_000));
      await migrate(db, { journal: same, migrations: { ...texts, m0001: 'CREATE TABLE b (x);' } });
      expect(await applied(client)).toHaveLength(2);

      const twice = 'INSERT INTO a VALUES (1)';
      const both = { ...texts, m0002: twice, m0003: twice };
      await migrate(db, { journal: { entries: [entry(2, 4_000)] }, migrations: both });
      await migrate(db, { journal: { entries: [entry(3, 2_500), entry(2, 4_000)] }, migrations: both });
      expect(await client.all('SELECT x FROM a')).toHaveLength(2);
    });
  });

  test('a migration that fails leaves nothing behind, and a corrected one goes through', async () => {
    const { client, db } = await open();
    const broken = {
      ...migrations,
      m0001: 'CREATE TABLE message (id integer);--> statement-breakpoint\nCREATE TABLE room (x)',
    };
    const error = await migrate(db, { journal: journal(2), migrations: broken }).catch((reason) => reason);
    expect(error).toMatchObject({ query: '\nCREATE TABLE room (x)', cause: { code: 'SQLITE_ERROR' } });
    expect(await tables(client)).toEqual([]);
    await migrate(db, { journal: journal(2), migrations });
    expect(await tables(client)).toHaveLength(4);
  });

  test('two at once apply each migration once', async () => {
    const { client, db } = await open();
    const config = { journal: journal(2), migrations, migrationsTable: 'my "own"' };
    await Promise.all([migrate(db, config), migrate(drizzle(client), config), migrate(db, config)]);
    expect(await client.all('SELECT created_at FROM "my ""own"""')).toHaveLength(2);
  });

  describe('a migration that makes a table anew', () => {
    const rebuild = [
      'PRAGMA foreign_keys=OFF;',
      'CREATE TABLE `__new_room` (`id` integer PRIMARY KEY NOT NULL, `name` text);',
      'INSERT INTO `__new_room` SELECT `id`, `name` FROM `room`;',
      'DROP TABLE `room`;',
      'ALTER TABLE `__new_room` RENAME TO `room`;',
      'PRAGMA foreign_keys=ON;',
    ];

    async function filled() {
      const opened = await open();
      await migrate(opened.db, { journal: journal(2), migrations });
      await opened.client.exec(
        "INSERT INTO room VALUES (1, 'one'); INSERT INTO message VALUES (1, 1, 'kept')",
      );
      return opened;
    }
    const third = (statements) => ({
      journal: journal(3),
      migrations: { ...migrations, m0002: statements.join('--> statement-breakpoint\n') },
    });

    test('keeps the rows that refer to it, and nobody sees foreign keys off', async () => {
      const { client, db } = await filled();
      const migrating = migrate(db, third(rebuild));
      const stray = [1, 2, 3].map(async (id) => {
        await new Promise((resolve) => setImmediate(resolve));
        return await rejection(client.run('INSERT INTO message VALUES (?, 99, ?)', [id + 10, 'stray']));
      });
      await migrating;
      for (const error of await Promise.all(stray)) {
        expect(error.extendedCode).toBe('SQLITE_CONSTRAINT_FOREIGNKEY');
      }
      expect(await client.all('SELECT body FROM message')).toEqual([{ body: 'kept' }]);
      expect(await client.get('PRAGMA foreign_keys')).toEqual({ foreign_keys: 1 });
    });

    test('is refused inside of another transaction, where foreign keys stay on', async () => {
      const { client } = await filled();
      const inside = client.transaction((tx) => migrate(drizzle(tx), third(rebuild)));
      expect(await rejection(inside)).toMatchObject({ code: 'ERR_INVALID_ARG' });
      expect(await client.all('SELECT body FROM message')).toEqual([{ body: 'kept' }]);
    });

    test('is refused where it leaves references that lead nowhere', async () => {
      const { client, db } = await filled();
      const error = await rejection(migrate(db, third([rebuild[0], 'DELETE FROM room;', rebuild[5]])));
      expect(error).toMatchObject({
        code: 'SQLITE_CONSTRAINT',
        extendedCode: 'SQLITE_CONSTRAINT_FOREIGNKEY',
      });
      expect(await client.all('SELECT name FROM room')).toEqual([{ name: 'one' }]);
      expect(await client.get('PRAGMA foreign_keys')).toEqual({ foreign_keys: 1 });
      await client.exec('PRAGMA foreign_keys = OFF');
      await migrate(db, third(rebuild));
      expect(await client.get('PRAGMA foreign_keys')).toEqual({ foreign_keys: 0 });
    });
  });

  test('what is wrong is named before anything is done', async () => {
    const { client, db } = await open();
    const refused = async (config, fragment) => {
      const error = await rejection(migrate(db, config));
      expect({ code: error.code, message: error.message }).toEqual({
        code: 'ERR_INVALID_ARG',
        message: expect.stringContaining(fragment),
      });
    };
    await refused({ journal: journal(3), migrations }, 'm0002');
    await refused({ journal: {}, migrations }, 'config.journal');
    await refused({ journal: journal(1) }, 'config.migrations');
    await refused({ journal: journal(1), migrations, migrationsPath: './drizzle' }, 'migrationsPath');
    expect((await rejection(migrate(client, { journal: journal(1), migrations }))).message).toMatch(
      /drizzle/,
    );
    expect(await tables(client)).toEqual([]);
    await client.close();
    expect((await rejection(migrate(db, { journal: journal(1), migrations }))).code).toBe('ERR_CLOSED');
  });
});

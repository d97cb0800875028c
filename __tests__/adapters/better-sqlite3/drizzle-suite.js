'use strict';

// The tests of Drizzle's own driver for better-sqlite3, for each version of Drizzle that is supported.

const { mkdirSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const { isBatonError } = require('../../..');
const Database = require('../../../adapters/better-sqlite3.js');
const { onEachBackend, temporaryDirectory } = require('../../helpers.js');

/** What `drizzle-kit generate` has written, for three migrations. */
function migrationsFolder(folder) {
  mkdirSync(join(folder, 'meta'), { recursive: true });
  const entry = (idx, tag) => ({ idx, version: '6', when: 1_764_000_000_000 + idx, tag, breakpoints: true });
  const entries = [entry(0, '0000_rooms'), entry(1, '0001_messages'), entry(2, '0002_recreated')];
  writeFileSync(
    join(folder, 'meta', '_journal.json'),
    JSON.stringify({ version: '7', dialect: 'sqlite', entries }),
  );
  writeFileSync(
    join(folder, '0000_rooms.sql'),
    'CREATE TABLE `room` (`id` integer PRIMARY KEY NOT NULL, `name` text NOT NULL);\n--> statement-breakpoint\n' +
      'CREATE UNIQUE INDEX `room_name` ON `room` (`name`);',
  );
  writeFileSync(
    join(folder, '0001_messages.sql'),
    'CREATE TABLE `message` (`id` integer PRIMARY KEY NOT NULL, `room` integer REFERENCES `room` (`id`), `body` text,\n' +
      ' `sent` integer, `data` blob, `tags` text, `seen` integer);',
  );
  writeFileSync(
    join(folder, '0002_recreated.sql'),
    [
      'PRAGMA foreign_keys=OFF;',
      'CREATE TABLE `__new_room` (`id` integer PRIMARY KEY NOT NULL, `name` text NOT NULL UNIQUE);',
      'INSERT INTO `__new_room`("id", "name") SELECT "id", "name" FROM `room`;',
      'DROP TABLE `room`;',
      'ALTER TABLE `__new_room` RENAME TO `room`;',
      'PRAGMA foreign_keys=ON;',
    ].join('--> statement-breakpoint\n'),
  );
  return folder;
}

/** @param {{ orm: any, core: any, driver: any, migrator: any }} peer */
function testDrizzle({ orm, core, driver: { drizzle }, migrator: { migrate } }) {
  const { eq, relations, sql } = orm;
  const { blob, integer, sqliteTable, text } = core;

  const room = sqliteTable('room', { id: integer().primaryKey(), name: text().notNull() });
  const message = sqliteTable('message', {
    id: integer().primaryKey(),
    room: integer().references(() => room.id),
    body: text(),
    sent: integer({ mode: 'timestamp' }),
    data: blob({ mode: 'buffer' }),
    tags: text({ mode: 'json' }),
    seen: integer({ mode: 'boolean' }),
  });
  const schema = {
    room,
    message,
    roomRelations: relations(room, ({ many }) => ({ messages: many(message) })),
    messageRelations: relations(message, ({ one }) => ({
      author: one(room, { fields: [message.room], references: [room.id] }),
    })),
  };

  const folder = migrationsFolder(temporaryDirectory());

  let warn;
  beforeEach(() => {
    warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  });
  afterEach(() => warn.mockRestore());

  onEachBackend((openStore) => {
    async function open(options) {
      const client = await (await openStore()).openDatabase('a', { allowBlocking: true, ...options });
      const db = drizzle(new Database(client), { schema });
      migrate(db, { migrationsFolder: folder });
      return { client, db };
    }

    test('queries and migrations of the stock driver', async () => {
      const { client, db } = await open();
      migrate(db, { migrationsFolder: folder });
      // SQLite passes over it in the transaction of the migrator; whoever reads the log learns that.
      expect(warn).toHaveBeenCalledTimes(1);
      expect(client.allSync('SELECT count(*) AS count FROM __drizzle_migrations')).toEqual([{ count: 3 }]);
      expect(db.insert(room).values({ name: 'one' }).run()).toEqual({ changes: 1, lastInsertRowid: 1 });
      const row = {
        id: 7,
        room: 1,
        body: 'hi',
        sent: new Date(0),
        data: Buffer.from([1, 2]),
        tags: ['a'],
        seen: true,
      };
      expect(db.insert(message).values(row).returning().all()).toEqual([row]);
      expect(db.select().from(message).where(eq(message.id, 7)).get()).toEqual(row);
      expect(db.select().from(message).where(eq(message.id, 8)).get()).toBeUndefined();
      expect(
        db
          .select({ name: room.name, body: message.body })
          .from(room)
          .leftJoin(message, eq(message.room, room.id))
          .values(),
      ).toEqual([['one', 'hi']]);
      expect(db.query.room.findMany({ with: { messages: { columns: { body: true } } } }).sync()).toEqual([
        { id: 1, name: 'one', messages: [{ body: 'hi' }] },
      ]);
      const byId = db
        .select()
        .from(room)
        .where(eq(room.id, sql.placeholder('id')))
        .prepare();
      expect([byId.get({ id: 1 }), byId.all({ id: 2 })]).toEqual([{ id: 1, name: 'one' }, []]);
      expect(db.get(sql`SELECT count(*) AS count FROM ${room}`)).toEqual({ count: 1 });
      expect(db.update(room).set({ name: 'two' }).where(eq(room.id, 1)).run().changes).toBe(1);
      // Whoever awaits gets the same.
      expect(await db.select().from(room)).toEqual([{ id: 1, name: 'two' }]);
      expect(db.$count(room).sync?.() ?? (await db.$count(room))).toBe(1);
    });

    test('transactions, nested ones, and rollbacks', async () => {
      const { client, db } = await open();
      const names = () =>
        db
          .select({ name: room.name })
          .from(room)
          .all()
          .map(({ name }) => name);
      const returned = db.transaction(
        (tx) => {
          tx.insert(room).values({ name: 'outer' }).run();
          expect(() =>
            tx.transaction((inner) => {
              inner.insert(room).values({ name: 'inner' }).run();
              inner.rollback();
            }),
          ).toThrow(/rollback/i);
          tx.transaction((inner) => inner.insert(room).values({ name: 'kept' }).run());
          return 'returned';
        },
        { behavior: 'immediate' },
      );
      expect([returned, names(), client.isTransaction]).toEqual(['returned', ['outer', 'kept'], false]);
      expect(() =>
        db.transaction((tx) => (tx.insert(room).values({ name: 'x' }).run(), tx.rollback())),
      ).toThrow(/rollback/i);
      expect(() => db.transaction(async (tx) => tx.insert(room).values({ name: 'y' }).run())).toThrow(
        TypeError,
      );
      expect(names()).toEqual(['outer', 'kept']);
    });

    test('errors are what the driver makes of those of better-sqlite3', async () => {
      const { client, db } = await open();
      db.insert(room).values({ name: 'one' }).run();
      const error = (() => {
        try {
          db.insert(room).values({ name: 'one' }).run();
        } catch (thrown) {
          return thrown;
        }
      })();
      const sqlite = error instanceof Database.SqliteError ? error : error.cause;
      expect(sqlite).toBeInstanceOf(Database.SqliteError);
      expect(sqlite).toMatchObject({ code: 'SQLITE_CONSTRAINT_UNIQUE' });
      expect(isBatonError(sqlite.cause, 'SQLITE_CONSTRAINT')).toBe(true);
      expect(client.isTransaction).toBe(false);
    });

    test('writes of a database with deferred durability are there after its gate', async () => {
      const { client, db } = await open({ durability: 'deferred' });
      for (let index = 0; index < 50; index += 1)
        db.insert(room)
          .values({ name: `room ${index}` })
          .run();
      await client.flushed();
      expect(await client.get('SELECT count(*) AS count FROM room')).toEqual({ count: 50 });
    });
  });
}

module.exports = { testDrizzle };

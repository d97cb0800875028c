// Tables and relations for the tests of batondb/drizzle, made of the CommonJS build of Drizzle.

'use strict';

const { relations, sql } = require('drizzle-orm');
const { blob, customType, index, integer, real, sqliteTable, text } = require('drizzle-orm/sqlite-core');

const room = sqliteTable('room', {
  id: integer().primaryKey(),
  name: text().notNull().unique(),
});

const message = sqliteTable(
  'message',
  {
    id: integer().primaryKey({ autoIncrement: true }),
    roomId: integer('room_id')
      .notNull()
      .references(() => room.id, { onDelete: 'cascade' }),
    body: text().notNull(),
  },
  (table) => [index('by_room').on(table.roomId)],
);

const int64 = customType({ dataType: () => 'integer', fromDriver: (value) => BigInt(value) });

const kinds = sqliteTable('kinds', {
  id: integer().primaryKey(),
  flag: integer({ mode: 'boolean' }),
  second: integer({ mode: 'timestamp' }),
  milli: integer({ mode: 'timestamp_ms' }),
  json: text({ mode: 'json' }),
  bytes: blob({ mode: 'buffer' }),
  blobJson: blob('blob_json', { mode: 'json' }),
  big: blob({ mode: 'bigint' }),
  int64: int64('int64'),
  ratio: real(),
  made: text().default(sql`'now'`),
});

const roomRelations = relations(room, ({ many }) => ({ messages: many(message) }));
const messageRelations = relations(message, ({ one }) => ({
  room: one(room, { fields: [message.roomId], references: [room.id] }),
}));

/** As drizzle-kit writes them. */
const migrations = {
  m0000:
    'CREATE TABLE `room` (`id` integer PRIMARY KEY NOT NULL, `name` text NOT NULL);\n--> statement-breakpoint\nCREATE UNIQUE INDEX `room_name_unique` ON `room` (`name`);',
  m0001: [
    'CREATE TABLE `message` (`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL, `room_id` integer NOT NULL, `body` text NOT NULL, FOREIGN KEY (`room_id`) REFERENCES `room`(`id`) ON DELETE cascade);',
    'CREATE INDEX `by_room` ON `message` (`room_id`);',
    "CREATE TABLE `kinds` (`id` integer PRIMARY KEY, `flag` integer, `second` integer, `milli` integer, `json` text, `bytes` blob, `blob_json` blob, `big` blob, `int64` integer, `ratio` real, `made` text DEFAULT 'now');",
  ].join('\n--> statement-breakpoint\n'),
};

/** A journal of the first `count` migrations. */
const journal = (count) => ({
  entries: Array.from({ length: count }, (_, idx) => ({
    idx,
    when: 1_000 + idx,
    tag: `000${idx}_x`,
    breakpoints: true,
  })),
});

module.exports = { journal, kinds, message, messageRelations, migrations, room, roomRelations };

// Compiled, never run: the types of batondb/drizzle as users of ES modules see them. Drizzle's own declarations do not
// compile by themselves, so this is apart from the other tests of types (tsconfig.peers.json).

import type { RunResult, Store } from 'batondb';
import {
  drizzle,
  migrate,
  type BatonDrizzleDatabase,
  type BatonDrizzleTransaction,
  type MigrationConfig,
} from 'batondb/drizzle';
import { eq, relations, sql } from 'drizzle-orm';
import { integer, sqliteTable, text, type BaseSQLiteDatabase } from 'drizzle-orm/sqlite-core';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(..._: Equal<A, B> extends true ? [] : ['the types differ']): void;

const room = sqliteTable('room', { id: integer().primaryKey(), name: text().notNull() });
const message = sqliteTable('message', { id: integer().primaryKey(), roomId: integer().notNull() });
const roomRelations = relations(room, ({ many }) => ({ messages: many(message) }));
const messageRelations = relations(message, ({ one }) => ({
  room: one(room, { fields: [message.roomId], references: [room.id] }),
}));
const schema = { room, message, roomRelations, messageRelations };

export async function surface(store: Store, config: MigrationConfig) {
  const client = await store.openDatabase('a');
  const db = drizzle(client, { schema, logger: true, casing: 'snake_case', largeIntegers: 'bigint' });
  same<typeof db, BatonDrizzleDatabase<typeof schema>>();
  const base: BaseSQLiteDatabase<'async', RunResult, typeof schema> = db;
  await migrate(db, config);
  await migrate(drizzle(client), { ...config, migrationsTable: 'mine' });

  const rows = await db.select().from(room).where(eq(room.id, 1));
  same<typeof rows, { id: number; name: string }[]>();
  const nested = await db.query.room.findFirst({ with: { messages: true } });
  same<typeof nested, { id: number; name: string; messages: { id: number; roomId: number }[] } | undefined>();
  const ran = await db.insert(room).values({ name: 'x' });
  same<typeof ran, RunResult>();
  const [inserted, selected] = await db.batch([
    db.insert(room).values({ name: 'x' }).returning({ id: room.id }),
    db.select({ name: room.name }).from(room),
    db.run(sql`SELECT 1`),
  ]);
  same<typeof inserted, { id: number }[]>();
  same<typeof selected, { name: string }[]>();

  const count = await db.transaction(
    async (tx) => {
      same<typeof tx, BatonDrizzleTransaction<typeof schema>>();
      await tx.transaction(async (inner) => inner.query.room.findMany());
      await tx.batch([tx.select().from(room)]);
      return await tx.$count(room);
    },
    { behavior: 'immediate', timeoutMs: 5, signal: AbortSignal.timeout(5) },
  );
  same<typeof count, number>();
  // @ts-expect-error There is no cache.
  drizzle(client, { cache: {} });
  // @ts-expect-error A store is no database.
  drizzle(store);
  return base;
}

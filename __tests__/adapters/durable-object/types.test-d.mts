// Compiled, never run: Drizzle's own driver for Durable Objects on the types of batondb/durable-object.

import type { Store } from 'batondb';
import { durableObjectStorage } from 'batondb/durable-object';
import { drizzle } from 'drizzle-orm/durable-sqlite';
import { migrate } from 'drizzle-orm/durable-sqlite/migrator';
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(..._: Equal<A, B> extends true ? [] : ['the types differ']): void;

const room = sqliteTable('room', { id: integer().primaryKey(), name: text().notNull() });

export async function stockDrizzle(store: Store) {
  const storage = durableObjectStorage(await store.openDatabase('a', { durability: 'deferred' }));
  const db = drizzle(storage, { schema: { room } });
  await migrate(db, { journal: { entries: [] }, migrations: {} });
  const rows = db.select().from(room).all();
  same<typeof rows, { id: number; name: string }[]>();
  const name = db.transaction((tx) => tx.select().from(room).get()?.name);
  same<typeof name, string | undefined>();
}

// Compiled, never run: the types of batondb/kysely and batondb/durable-object as users of CommonJS see them.

import type { Store } from 'batondb';
import {
  durableObjectStorage,
  type DurableObjectStorage,
  type SqlCursor,
  type SqlStorageValue,
} from 'batondb/durable-object';
import { BatonDialect, type BatonDialectConfig } from 'batondb/kysely';
import { Kysely, type Dialect, type Generated } from 'kysely';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(..._: Equal<A, B> extends true ? [] : ['the types differ']): void;

interface Tables {
  room: { id: Generated<number>; name: string };
}

export async function kysely(store: Store) {
  const config: BatonDialectConfig = { database: () => store.openDatabase('a'), largeIntegers: 'bigint' };
  const dialect: Dialect = new BatonDialect(config);
  const db = new Kysely<Tables>({ dialect });
  const rows = await db.selectFrom('room').selectAll().execute();
  same<typeof rows, { id: number; name: string }[]>();
  new BatonDialect({
    database: await store.openDatabase('a'),
    transactionTimeoutMs: 5,
    closeOnDestroy: false,
  });
  // @ts-expect-error A store is no database.
  new BatonDialect({ database: store });
  // @ts-expect-error An option that is misspelt.
  new BatonDialect({ database: () => store.openDatabase('a'), timeoutMs: 5 });
}

export async function durableObject(store: Store) {
  const storage = durableObjectStorage(await store.openDatabase('a'), { largeIntegers: 'error' });
  same<typeof storage, DurableObjectStorage>();
  const cursor = storage.sql.exec<{ id: number }>('SELECT id FROM t WHERE id > ?', 5);
  same<typeof cursor, SqlCursor<{ id: number }>>();
  same<ReturnType<typeof cursor.one>, { id: number }>();
  const row = await storage.sql.exec('SELECT 1').one();
  same<typeof row, Record<string, SqlStorageValue>>();
  for await (const [id] of storage.sql.exec('SELECT 1').raw<[number]>()) {
    same<typeof id, number>();
  }
  for await (const { id } of storage.sql.exec<{ id: number }>('SELECT 1')) {
    same<typeof id, number>();
  }
  for (const { id } of storage.sql.exec<{ id: number }>('SELECT 1')) {
    same<typeof id, number>();
  }
  const size = storage.sql.databaseSize;
  same<typeof size, number>();
  const answer = await storage.transaction(async (txn) => {
    txn.rollback();
    return (await txn.sql.exec('SELECT 1')).columnNames;
  });
  same<typeof answer, string[]>();
  const sync = storage.transactionSync(() => storage.sql.exec<{ x: string }>('SELECT 1 AS x').one());
  same<typeof sync, { x: string }>();
  same<ReturnType<typeof storage.sync>, Promise<void>>();
  const kept = storage.kv.get<number>('key');
  same<typeof kept, number | undefined>();
  for (const [key, each] of storage.kv.list<Date>({ prefix: 'key' })) {
    same<typeof key, string>();
    same<typeof each, Date>();
  }
  const gone = storage.kv.delete('key');
  same<typeof gone, boolean>();
  await storage.put('key', 1, { allowUnconfirmed: true });
  await storage.deleteAll();
  const value = await storage.get<number>('key');
  same<typeof value, number | undefined>();
  const values = await storage.list<number>({ prefix: 'key', reverse: true });
  same<typeof values, Map<string, number>>();
  const removed = await storage.delete(['key']);
  same<typeof removed, number>();
  // @ts-expect-error Only asynchronous methods take several keys.
  storage.kv.get(['key']);
  // @ts-expect-error A Date cannot be bound.
  storage.sql.exec('SELECT ?', new Date());
}

// Compiled, never run: the types of batondb/better-sqlite3 as users of ES modules see them.

import type { Store } from 'batondb';
import Database, { SqliteError } from 'batondb/better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';

class Own extends Database {}

export async function use(store: Store) {
  const db = new Own(await store.openDatabase('a'));
  const statement: Database.Statement<[], { n: number }> = db.prepare<[], { n: number }>('SELECT 1 AS n');
  for (const { n } of statement.iterate()) console.log(n.toFixed());
  const error: Error = new SqliteError('message', 'SQLITE_ERROR');
  const kysely = new Kysely<{ room: { id: number } }>({ dialect: new SqliteDialect({ database: db }) });
  return [error, await kysely.selectFrom('room').selectAll().execute(), drizzle(db).get('SELECT 1')];
}

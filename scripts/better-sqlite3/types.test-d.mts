// Compiled, never run: a database of batondb/better-sqlite3 where the types of better-sqlite3 are asked for.

import { BetterSqlite3Adapter } from '@lucia-auth/adapter-sqlite';
import Database from 'batondb/better-sqlite3';
import { betterAuth } from 'better-auth';
import Peer from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';

export function use(db: Database): Peer.Database {
  betterAuth({ database: db });
  drizzle(db).get('SELECT 1');
  new BetterSqlite3Adapter(db, { user: 'user', session: 'session' });
  new Kysely({ dialect: new SqliteDialect({ database: db }) });
  return db;
}

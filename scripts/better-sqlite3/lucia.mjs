// Lucia with its adapter for better-sqlite3: sessions of users.

import { BetterSqlite3Adapter } from '@lucia-auth/adapter-sqlite';
import { Lucia } from 'lucia';

/** @param {any} db */
export default async function run(db) {
  db.exec(`
    CREATE TABLE user (id TEXT NOT NULL PRIMARY KEY, name TEXT);
    CREATE TABLE session (id TEXT NOT NULL PRIMARY KEY, expires_at INTEGER NOT NULL, user_id TEXT NOT NULL REFERENCES user (id));
    INSERT INTO user VALUES ('u1', 'ada');
  `);
  const lucia = new Lucia(new BetterSqlite3Adapter(db, { user: 'user', session: 'session' }));
  const session = await lucia.createSession('u1', {});
  const { user } = await lucia.validateSession(session.id);
  const sessions = await lucia.getUserSessions('u1');
  await lucia.invalidateSession(session.id);
  const after = await lucia.validateSession(session.id);
  return [user?.id, sessions.length, after.session];
}

export const expected = ['u1', 1, null];

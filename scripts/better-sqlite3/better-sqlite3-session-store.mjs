// express-session with its store: what a session is comes back, and ends.

import { EventEmitter } from 'node:events';
import { promisify } from 'node:util';

import session from 'express-session';
import makeStore from 'better-sqlite3-session-store';

/** @param {any} db */
export default async function run(db) {
  const SqliteStore = makeStore(session);
  // It sets a timer that it never stops.
  const store = new SqliteStore({ client: db, expired: { clear: true, intervalMs: 60_000 } });
  const call = (/** @type {string} */ method) => promisify(store[method].bind(store));
  const cookie = { maxAge: 60_000 };
  await call('set')('one', { cookie, user: 'ada' });
  await call('set')('two', { cookie, user: 'bob' });
  await call('touch')('one', { cookie, user: 'ada' });
  const { user } = await call('get')('one');
  await call('destroy')('two');
  const left = await call('length')();
  return [user, left, store instanceof EventEmitter];
}

export const expected = ['ada', 1, true];

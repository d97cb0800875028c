// @blackglory/better-sqlite3-migrations: up, and down again.

import { migrate } from '@blackglory/better-sqlite3-migrations';

/** @param {any} db */
export default async function run(db) {
  const migrations = [
    { version: 1, up: 'CREATE TABLE a (x); CREATE TABLE b (x)', down: 'DROP TABLE a; DROP TABLE b' },
    { version: 2, up: (/** @type {any} */ to) => to.exec('CREATE TABLE c (x)'), down: 'DROP TABLE c' },
  ];
  const tables = () => db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all();
  migrate(db, migrations);
  const up = [tables(), db.pragma('user_version', { simple: true })];
  migrate(db, migrations, 1);
  return [...up, tables()];
}

export const expected = [['a', 'b', 'c'], 2, ['a', 'b']];

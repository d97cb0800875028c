// Umzug, with the storage of its own documentation's kind: a table of the names of migrations that have run.

import { Umzug } from 'umzug';

/** @param {any} db */
export default async function run(db) {
  db.exec('CREATE TABLE migration (name TEXT PRIMARY KEY)');
  const umzug = new Umzug({
    context: db,
    logger: undefined,
    storage: {
      executed: async () => db.prepare('SELECT name FROM migration ORDER BY name').pluck().all(),
      logMigration: async ({ name }) => void db.prepare('INSERT INTO migration VALUES (?)').run(name),
      unlogMigration: async ({ name }) => void db.prepare('DELETE FROM migration WHERE name = ?').run(name),
    },
    migrations: [
      {
        name: '1',
        up: async ({ context }) => context.exec('CREATE TABLE a (x)'),
        down: async ({ context }) => context.exec('DROP TABLE a'),
      },
      {
        name: '2',
        up: async ({ context }) => context.exec('CREATE TABLE b (x)'),
        down: async ({ context }) => context.exec('DROP TABLE b'),
      },
    ],
  });
  await umzug.up();
  await umzug.down();
  return (await umzug.executed()).map(({ name }) => name);
}

export const expected = ['1'];

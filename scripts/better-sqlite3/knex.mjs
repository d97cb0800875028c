// knex with its client for better-sqlite3, whose connection is the database.

import knex from 'knex';
import Client from 'knex/lib/dialects/better-sqlite3/index.js';

/** @param {any} db */
export default async function run(db) {
  class BatonClient extends Client {
    _driver() {
      return db.constructor;
    }
    async acquireRawConnection() {
      return db;
    }
  }
  const query = knex({
    client: /** @type {any} */ (BatonClient),
    connection: { filename: 'a' },
    useNullAsDefault: true,
  });
  await query.schema.createTable('room', (table) => {
    table.increments('id');
    table.string('name').unique();
    table.boolean('open');
  });
  await query('room').insert([
    { name: 'lobby', open: true },
    { name: 'hall', open: false },
  ]);
  await query.schema.alterTable('room', (table) => table.string('colour').defaultTo('red'));
  await query
    .transaction(async (trx) => {
      await trx('room').where({ name: 'hall' }).update({ name: 'attic' });
      await trx('room').insert({ name: 'lobby' });
    })
    .catch(() => {});
  const rows = await query('room').select('name', 'open', 'colour').orderBy('id');
  await query.destroy();
  return rows;
}

export const expected = [
  { name: 'lobby', open: 1, colour: 'red' },
  { name: 'hall', open: 0, colour: 'red' },
];

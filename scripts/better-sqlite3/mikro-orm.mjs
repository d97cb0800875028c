// MikroORM 6, which takes a Knex of its own as the driver.

import { EntitySchema } from '@mikro-orm/core';
import { MikroORM } from '@mikro-orm/better-sqlite';
import dialects from '@mikro-orm/knex';
import knex from 'knex';

const Room = new EntitySchema({
  name: 'Room',
  properties: { id: { type: 'number', primary: true }, name: { type: 'string', unique: true } },
});

/** @param {any} db */
export default async function run(db) {
  class BatonDialect extends dialects.BetterSqliteKnexDialect {
    async acquireRawConnection() {
      return db;
    }
  }
  const driverOptions = knex({
    client: /** @type {any} */ (BatonDialect),
    connection: { filename: 'a' },
    useNullAsDefault: true,
  });
  const orm = await MikroORM.init({ entities: [Room], dbName: 'a', driverOptions, logger() {} });
  await orm.schema.createSchema();
  const rooms = orm.em.fork();
  rooms.create('Room', { id: 1, name: 'lobby' });
  await rooms.flush();
  await rooms.transactional(async (em) => void em.create('Room', { id: 2, name: 'hall' }));
  const again = await orm.em
    .fork()
    .insert('Room', { id: 3, name: 'hall' })
    .catch((error) => error.name);
  const found = await orm.em.fork().find('Room', {});
  return [found.map((each) => /** @type {any} */ (each).name), again];
}

export const expected = [['lobby', 'hall'], 'UniqueConstraintViolationException'];

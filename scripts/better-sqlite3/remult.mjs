// remult: entities, a filter, a transaction.

import { Entity, Fields, Remult, SqlDatabase, describeClass } from 'remult';
import { BetterSqlite3DataProvider } from 'remult/remult-better-sqlite3';

class Room {
  id = 0;
  name = '';
}
describeClass(Room, Entity('room', { allowApiCrud: true }), { id: Fields.integer(), name: Fields.string() });

/** @param {any} db */
export default async function run(db) {
  const provider = new SqlDatabase(new BetterSqlite3DataProvider(db));
  const remult = new Remult(provider);
  const rooms = remult.repo(Room);
  await provider.ensureSchema([rooms.metadata]);
  await rooms.insert([
    { id: 1, name: 'lobby' },
    { id: 2, name: 'hall' },
  ]);
  await rooms.update(2, { name: 'great hall' });
  const found = await rooms.find({ where: { name: { $contains: 'hall' } } });
  await provider
    .transaction(async (inner) => {
      await new Remult(inner).repo(Room).insert({ id: 3, name: 'undone' });
      throw new Error('no');
    })
    .catch(() => {});
  return [found.map(({ name }) => name), await rooms.count()];
}

export const expected = [['great hall'], 2];

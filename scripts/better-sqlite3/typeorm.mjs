// TypeORM with its driver for better-sqlite3. It makes the database itself, by `new driver(name)`.

import 'reflect-metadata';
import { DataSource, EntitySchema } from 'typeorm';

const Room = new EntitySchema({
  name: 'room',
  columns: { id: { type: 'integer', primary: true, generated: true }, name: { type: 'text', unique: true } },
});

/** @param {any} db */
export default async function run(db) {
  const driver = function () {
    return db;
  };
  const source = new DataSource({
    type: 'better-sqlite3',
    driver,
    database: 'room-1',
    entities: [Room],
    synchronize: true,
  });
  await source.initialize();
  const rooms = source.getRepository('room');
  await source.transaction((manager) => manager.getRepository('room').save({ name: 'lobby' }));
  const again = await rooms.save({ name: 'lobby' }).catch((error) => error.driverError.code);
  const found = await rooms.find();
  await source.destroy();
  return [again, found, db.open];
}

export const expected = ['SQLITE_CONSTRAINT_UNIQUE', [{ id: 1, name: 'lobby' }], false];

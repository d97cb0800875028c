'use strict';

// The tests of Kysely's own dialect for SQLite, for each version of Kysely that is supported.

const Database = require('../../../adapters/better-sqlite3.js');
const { onEachBackend } = require('../../helpers.js');

/** @param {{ kysely: any, Migrator: any }} peer */
function testKysely({ kysely: { Kysely, SqliteDialect, sql }, Migrator }) {
  onEachBackend((openStore) => {
    async function open() {
      const client = await (await openStore()).openDatabase('a', { allowBlocking: true });
      const kysely = new Kysely({ dialect: new SqliteDialect({ database: new Database(client) }) });
      await kysely.schema
        .createTable('room')
        .addColumn('id', 'integer', (column) => column.primaryKey())
        .addColumn('name', 'text', (column) => column.notNull().unique())
        .execute();
      return { client, kysely };
    }
    const add = (kysely, name) => kysely.insertInto('room').values({ name });
    const names = async (kysely) =>
      (await kysely.selectFrom('room').select('name').orderBy('id').execute()).map(({ name }) => name);

    test('queries of the stock dialect', async () => {
      const { kysely } = await open();
      expect(await add(kysely, 'one').executeTakeFirst()).toMatchObject({
        insertId: 1n,
        numInsertedOrUpdatedRows: 1n,
      });
      expect(await add(kysely, 'two').returning(['id', 'name']).execute()).toEqual([{ id: 2, name: 'two' }]);
      const update = kysely.updateTable('room').set({ name: 'II' }).where('id', '=', 2);
      expect(await update.executeTakeFirst()).toMatchObject({ numUpdatedRows: 1n });
      expect((await sql`SELECT ${5} + id AS sum FROM room`.execute(kysely)).rows).toEqual([
        { sum: 6 },
        { sum: 7 },
      ]);
      expect(await kysely.introspection.getTables()).toMatchObject([{ name: 'room', columns: [{}, {}] }]);
      const streamed = [];
      for await (const row of kysely.selectFrom('room').select('name').stream()) streamed.push(row.name);
      expect(streamed).toEqual(['one', 'II']);
      for await (const _ of kysely.selectFrom('room').selectAll().stream()) break;
      expect((await kysely.deleteFrom('room').executeTakeFirst()).numDeletedRows).toBe(2n);
    });

    test('transactions, savepoints and errors', async () => {
      const { client, kysely } = await open();
      await kysely.transaction().execute(async (trx) => {
        await add(trx, 'one').execute();
        expect(client.isTransaction).toBe(true);
      });
      const failing = kysely.transaction().execute(async (trx) => {
        await add(trx, 'two').execute();
        await add(trx, 'one').execute();
      });
      await expect(failing).rejects.toMatchObject({ name: 'SqliteError', code: 'SQLITE_CONSTRAINT_UNIQUE' });
      const trx = await kysely.startTransaction().execute();
      await add(trx, 'three').execute();
      const inner = await trx.savepoint('before').execute();
      await inner.deleteFrom('room').execute();
      await (await inner.rollbackToSavepoint('before').execute()).commit().execute();
      expect([await names(kysely), client.isTransaction]).toEqual([['one', 'three'], false]);
    });

    test('migrations, and the end', async () => {
      const { client, kysely } = await open();
      const migrations = {
        '1_age': { up: (db) => db.schema.alterTable('room').addColumn('age', 'integer').execute() },
        '2_index': { up: (db) => db.schema.createIndex('by_age').on('room').column('age').execute() },
      };
      const migrator = new Migrator({ db: kysely, provider: { getMigrations: async () => migrations } });
      expect(await migrator.migrateToLatest()).toMatchObject({
        results: [{ status: 'Success' }, { status: 'Success' }],
      });
      await kysely.destroy();
      expect(client.closed).toBe(true);
      await client.close();
    });
  });
}

module.exports = { testKysely };

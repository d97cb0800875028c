// The tests of batondb/kysely, for each version of Kysely that is supported. Each has a file of its own, which Jest gives
// a module registry of its own.

'use strict';

const { setTimeout: sleep } = require('node:timers/promises');

const SQLite = require('libsql');

const { Store, isBatonError } = require('../..');
const { onEachSharedBackend, onEachBackend, projectWith, rejection, runNodeIn } = require('../helpers.js');

/** More than one chunk of rows. */
const MANY_ROOMS =
  "INSERT INTO room SELECT value, 'r' || value FROM (WITH RECURSIVE c(value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM c WHERE value < 3000) SELECT value FROM c)";

/**
 * @param {object} peer
 * @param {typeof import('kysely')} peer.kysely What `require('kysely')` answers with here.
 * @param {any} peer.Migrator
 * @param {typeof import('kysely/helpers/sqlite')} peer.helpers
 * @param {string} peer.installed The name that it is installed under.
 */
function testKysely({ kysely: peer, Migrator, helpers: { jsonArrayFrom }, installed }) {
  const { Kysely, ParseJSONResultsPlugin, SqliteDialect, sql } = peer;
  const { BatonDialect } = require('../../adapters/kysely.js');

  /** A database with two tables. */
  async function open(store, config = {}) {
    const db = await store.openDatabase('a');
    const kysely = new Kysely({ dialect: new BatonDialect({ database: db, ...config }) });
    await kysely.schema
      .createTable('room')
      .addColumn('id', 'integer', (column) => column.primaryKey())
      .addColumn('name', 'text', (column) => column.notNull().unique())
      .execute();
    await kysely.schema
      .createTable('message')
      .addColumn('id', 'integer', (column) => column.primaryKey())
      .addColumn('room', 'integer', (column) => column.notNull().references('room.id'))
      .addColumn('body', 'text')
      .execute();
    return { db, kysely };
  }

  const names = async (kysely) =>
    (await kysely.selectFrom('room').select('name').orderBy('id').execute()).map((r) => r.name);
  const room = (kysely, name) => kysely.insertInto('room').values({ name });

  onEachBackend((openStore) => {
    test('queries answer rows, ids and counts', async () => {
      const { kysely } = await open(await openStore());
      expect(await room(kysely, 'one').executeTakeFirst()).toMatchObject({
        insertId: 1n,
        numInsertedOrUpdatedRows: 1n,
      });
      const again = await room(kysely, 'one')
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      expect(again).toMatchObject({ insertId: undefined, numInsertedOrUpdatedRows: 0n });
      expect(await room(kysely, 'two').returning(['id', 'name']).execute()).toEqual([{ id: 2, name: 'two' }]);
      const updated = await kysely
        .updateTable('room')
        .set({ name: sql`name || '!'` })
        .executeTakeFirst();
      expect(updated.numUpdatedRows).toBe(2n);
      const raw = await sql`UPDATE room SET name = ${'three'} WHERE id = ${2}`.execute(kysely);
      expect(raw).toMatchObject({ rows: [], numAffectedRows: 1n });
      expect((await sql`SELECT ${1} AS one`.execute(kysely)).rows).toEqual([{ one: 1 }]);
      await kysely.insertInto('message').values({ room: 1, body: 'hello' }).execute();
      const rooms = await kysely
        .withPlugin(new ParseJSONResultsPlugin())
        .selectFrom('room')
        .select((eb) => [
          'name',
          jsonArrayFrom(eb.selectFrom('message').select('body').whereRef('message.room', '=', 'room.id')).as(
            'messages',
          ),
        ])
        .orderBy('id')
        .execute();
      expect(rooms).toEqual([
        { name: 'one!', messages: [{ body: 'hello' }] },
        { name: 'three', messages: [] },
      ]);
      expect((await kysely.deleteFrom('room').where('id', '=', 2).executeTakeFirst()).numDeletedRows).toBe(
        1n,
      );
      const plan = await kysely.selectFrom('room').selectAll().explain();
      expect(plan[0].opcode).toBe('Init');
      expect(await names(kysely)).toEqual(['one!']);
    });

    test('updates and deletes have an order and a limit', async () => {
      const { kysely } = await open(await openStore());
      await kysely
        .insertInto('room')
        .values([{ name: 'one' }, { name: 'two' }, { name: 'three' }])
        .execute();
      const updated = await kysely
        .updateTable('room')
        .set({ name: 'III' })
        .orderBy('id', 'desc')
        .limit(1)
        .executeTakeFirst();
      expect(updated.numUpdatedRows).toBe(1n);
      const deleted = await kysely.deleteFrom('room').orderBy('id').limit(1).executeTakeFirst();
      expect(deleted.numDeletedRows).toBe(1n);
      expect(await names(kysely)).toEqual(['two', 'III']);
    });

    test("SQL by hand answers as with Kysely's own dialect", async () => {
      const ours = new Kysely({
        dialect: new BatonDialect({ database: await (await openStore()).openDatabase('a') }),
      });
      const own = new Kysely({ dialect: new SqliteDialect({ database: new SQLite(':memory:') }) });
      const statements = [
        sql`CREATE TABLE t (id INTEGER PRIMARY KEY, x)`,
        sql`INSERT INTO t (x) VALUES (${'one'})`,
        sql`INSERT INTO t (x) VALUES (${'two'}), ('three')`,
        sql`INSERT INTO t (x) VALUES ('four') RETURNING id`,
        sql`INSERT OR IGNORE INTO t VALUES (1, 'none')`,
        sql`WITH more (x) AS (VALUES (5)) INSERT INTO t (x) SELECT x FROM more`,
        sql`REPLACE INTO t VALUES (${2n ** 62n}, 'large')`,
        sql`UPDATE t SET x = 'changed' WHERE id < 3`,
        sql`DELETE FROM t WHERE id = 1`,
        sql`PRAGMA cache_size = -2000`,
        sql`SELECT 1 AS one WHERE 0`,
      ];
      for (const statement of statements) {
        expect(await statement.execute(ours)).toEqual(await statement.execute(own));
      }
      const raw = sql`INSERT INTO t (id, x) VALUES (${7}, 'seven')`;
      expect(await ours.executeQuery(raw.compile(ours))).toEqual({
        rows: [],
        insertId: 7n,
        numAffectedRows: 1n,
      });
      await own.destroy();
    });

    test('large integers are an error, or a bigint among numbers', async () => {
      const store = await openStore();
      const { db, kysely } = await open(store);
      await room(kysely, 'x')
        .values({ id: 2n ** 53n, name: 'x' })
        .execute();
      const tooLarge = {
        code: 'ERR_OUT_OF_RANGE',
        message: expect.stringMatching(/largeIntegers: 'bigint'.*BatonDialect/),
      };
      expect(await rejection(kysely.selectFrom('room').selectAll().execute())).toMatchObject(tooLarge);
      expect(await rejection(sql`SELECT id FROM room`.execute(kysely))).toMatchObject(tooLarge);
      expect(await rejection(kysely.selectFrom('room').selectAll().stream().next())).toMatchObject(tooLarge);
      const wide = new Kysely({ dialect: new BatonDialect({ database: db, largeIntegers: 'bigint' }) });
      const query = wide
        .selectFrom('room')
        .selectAll()
        .select(sql`7`.as('seven'));
      expect(await query.execute()).toEqual([{ id: 2n ** 53n, name: 'x', seven: 7 }]);
      for await (const row of query.stream()) {
        expect(row).toEqual({ id: 2n ** 53n, name: 'x', seven: 7 });
      }
    });

    test('a transaction takes place as a whole, and others wait for its end', async () => {
      const { kysely } = await open(await openStore());
      let outside;
      await kysely.transaction().execute(async (trx) => {
        await room(trx, 'one').execute();
        outside = names(kysely);
        await sleep(20);
        await room(trx, 'two').execute();
      });
      expect(await outside).toEqual(['one', 'two']);
      const failing = kysely.transaction().execute(async (trx) => {
        await room(trx, 'three').execute();
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      expect(await names(kysely)).toEqual(['one', 'two']);
      const constraint = kysely.transaction().execute((trx) => room(trx, 'one').execute());
      expect((await rejection(constraint)).extendedCode).toBe('SQLITE_CONSTRAINT_UNIQUE');
    });

    test('a controlled transaction has savepoints, of any name', async () => {
      const { kysely } = await open(await openStore());
      const trx = await kysely.startTransaction().execute();
      await room(trx, 'one').execute();
      const inner = await trx.savepoint('a "b"; --').execute();
      await room(inner, 'two').execute();
      await inner.rollbackToSavepoint('a "b"; --').execute();
      await inner.releaseSavepoint('a "b"; --').execute();
      await room(trx, 'three').execute();
      await trx.commit().execute();
      expect(await names(kysely)).toEqual(['one', 'three']);
      const second = await kysely.startTransaction().execute();
      await room(second, 'four').execute();
      await second.rollback().execute();
      expect(await names(kysely)).toEqual(['one', 'three']);
    });

    test('a transaction that nobody ends does not hold others up for longer than its deadline', async () => {
      const { kysely } = await open(await openStore(), { transactionTimeoutMs: 50 });
      const forgotten = await kysely.startTransaction().execute();
      await room(forgotten, 'lost').execute();
      expect(await names(kysely)).toEqual([]);
      expect((await rejection(room(forgotten, 'late').execute())).code).toBe('ERR_CLOSED');
      expect((await rejection(forgotten.commit().execute())).code).toBe('ERR_CLOSED');
      await forgotten.rollback().execute();
      await room(kysely, 'next').execute();
      expect(await names(kysely)).toEqual(['next']);
    });

    test('what a connection is set to is seen by no one else', async () => {
      const { kysely } = await open(await openStore());
      let outside;
      await kysely.connection().execute(async (connection) => {
        await sql`PRAGMA foreign_keys = OFF`.execute(connection);
        outside = kysely.insertInto('message').values({ room: 9, body: 'x' }).execute();
        outside.catch(() => {});
        await connection
          .transaction()
          .execute((trx) => trx.insertInto('message').values({ room: 8 }).execute());
        await sleep(20);
        await sql`PRAGMA foreign_keys = ON`.execute(connection);
      });
      expect((await rejection(outside)).extendedCode).toBe('SQLITE_CONSTRAINT_FOREIGNKEY');
      expect(await kysely.selectFrom('message').select('room').execute()).toEqual([{ room: 8 }]);
    });

    test('a connection or a transaction that somebody kept holds nobody up', async () => {
      const { kysely } = await open(await openStore());
      let kept;
      await kysely.connection().execute(async (connection) => {
        kept = connection;
      });
      await room(kept, 'one').execute();
      await room(kysely, 'two').execute();
      await kept.transaction().execute((trx) => room(trx, 'three').execute());
      await kysely.transaction().execute(async (trx) => {
        kept = trx;
        await room(trx, 'four').execute();
      });
      await expect(room(kept, 'five').execute()).rejects.toThrow(/already committed/);
      expect(await names(kysely)).toEqual(['one', 'two', 'three', 'four']);
    });

    test('a stream hands rows out in chunks, and lets others through', async () => {
      const { db, kysely } = await open(await openStore());
      await db.run(MANY_ROOMS);
      let count = 0;
      for await (const { id } of kysely.selectFrom('room').select('id').orderBy('id').stream(7)) {
        count += 1;
        expect(id).toBe(count);
        if (count % 1_000 === 0) {
          await kysely.insertInto('message').values({ room: id, body: 'seen' }).execute();
        }
      }
      expect(count).toBe(3_000);
      for await (const { id } of kysely.selectFrom('room').select('id').stream()) {
        expect(id).toBe(1);
        break;
      }
      // An open query would be in the way.
      await kysely.schema.dropTable('message').execute();
      await kysely.schema.dropTable('room').execute();
      const bad = kysely.selectNoFrom(sql`1`.as('x')).stream(0);
      expect((await rejection(bad.next())).code).toBe('ERR_INVALID_ARG');
      await kysely.transaction().execute(async (trx) => {
        for await (const row of trx.selectNoFrom(sql`1`.as('x')).stream()) {
          expect(row).toEqual({ x: 1 });
        }
      });
    });

    test('transactions run in the loop over a stream, and a stream that was abandoned holds nobody up', async () => {
      const { db, kysely } = await open(await openStore());
      await db.run(MANY_ROOMS);
      for await (const { id } of kysely.selectFrom('room').select('id').orderBy('id').stream(1_000)) {
        if (id % 1_000 === 0) {
          await kysely
            .transaction()
            .execute((trx) => trx.insertInto('message').values({ room: id }).execute());
        }
      }
      expect(await kysely.selectFrom('message').select('room').execute()).toHaveLength(3);
      const abandoned = kysely.selectFrom('room').select('id').stream(1);
      expect((await abandoned.next()).value).toEqual({ id: 1 });
      await room(kysely, 'next').execute();
      await kysely.destroy();
      expect(db.closed).toBe(true);
      const rest = async () => {
        for await (const row of abandoned) void row;
      };
      expect((await rejection(rest())).code).toBe('ERR_CLOSED');
    });

    test('a query outside of the transaction that waits for it waits for the deadline', async () => {
      const { kysely } = await open(await openStore(), { transactionTimeoutMs: 50 });
      let seen;
      const transaction = kysely.transaction().execute(async (trx) => {
        await room(trx, 'lost').execute();
        seen = await names(kysely);
      });
      expect((await rejection(transaction)).code).toBe('ERR_CLOSED');
      expect(seen).toEqual([]);
    });

    test("Kysely's log has queries and errors, of savepoints, too", async () => {
      const { db } = await open(await openStore());
      const lines = [];
      const log = ({ level, query }) => lines.push(`${level}: ${query.sql}`);
      const kysely = new Kysely({ dialect: new BatonDialect({ database: db }), log });
      const trx = await kysely.startTransaction().execute();
      await trx.savepoint('s').execute();
      await rejection(sql`SELECT nothing`.execute(trx));
      await trx.rollback().execute();
      for await (const row of kysely.selectNoFrom(sql`1`.as('x')).stream()) void row;
      expect(lines).toEqual(['query: savepoint "s"', 'error: SELECT nothing', 'query: select 1 as "x"']);
    });

    test('introspection and migrations', async () => {
      const store = await openStore();
      const { kysely } = await open(store);
      const tables = await kysely.introspection.getTables();
      expect(tables.map(({ name, columns }) => [name, columns.map((column) => column.name)])).toEqual([
        ['message', ['id', 'room', 'body']],
        ['room', ['id', 'name']],
      ]);
      const migrations = {
        m1: { up: (db) => db.schema.createTable('one').addColumn('id', 'integer').execute() },
        m2: { up: (db) => db.schema.createTable('two').addColumn('id', 'integer').execute() },
      };
      const migrator = (all) => new Migrator({ db: kysely, provider: { getMigrations: async () => all } });
      const failing = { ...migrations, m3: { up: (db) => sql`CREATE TABLE one(x)`.execute(db) } };
      const { error } = await migrator(failing).migrateToLatest();
      expect(isBatonError(error, 'SQLITE_ERROR')).toBe(true);
      const left = async () => (await kysely.introspection.getTables()).map(({ name }) => name);
      expect(await left()).toEqual(['message', 'room']);
      const both = await Promise.all([
        migrator(migrations).migrateToLatest(),
        migrator(migrations).migrateToLatest(),
      ]);
      expect(both.map((result) => result.error)).toEqual([undefined, undefined]);
      expect(both.map(({ results }) => results.length).sort()).toEqual([0, 2]);
      expect(await left()).toEqual(['message', 'one', 'room', 'two']);
    });

    test('destroying closes the database, unless it is told not to', async () => {
      const store = await openStore();
      const { db, kysely } = await open(store, { closeOnDestroy: false });
      await kysely.destroy();
      expect(db.closed).toBe(false);
      let opened;
      const other = new Kysely({
        dialect: new BatonDialect({ database: async () => (opened = await store.openDatabase('b')) }),
      });
      expect(opened).toBe(undefined);
      await sql`SELECT 1`.execute(other);
      expect(opened.closed).toBe(false);
      await other.destroy();
      expect(opened.closed).toBe(true);
      await db.close();
      const late = new Kysely({ dialect: new BatonDialect({ database: db }) });
      expect((await rejection(sql`SELECT 1`.execute(late))).code).toBe('ERR_CLOSED');
      expect((await rejection(late.transaction().execute(async () => {}))).code).toBe('ERR_CLOSED');
      expect((await rejection(late.selectFrom('x').select('y').stream().next())).code).toBe('ERR_CLOSED');
    });

    test('what is wrong is named', async () => {
      const { db, kysely } = await open(await openStore());
      const make = (config) => rejection(Promise.resolve().then(() => new BatonDialect(config)));
      expect((await make({ database: 7 })).message).toMatch(/config\.database.*Database.*7/);
      expect((await make({ database: db, timeout: 1 })).message).toMatch(/timeout/);
      expect((await make({ database: db, transactionTimeoutMs: 0 })).code).toBe('ERR_OUT_OF_RANGE');
      expect((await make({ database: db, largeIntegers: 'number' })).message).toMatch(/largeIntegers/);
      const settings = (builder) => rejection(builder.execute(async () => {}));
      expect((await settings(kysely.transaction().setIsolationLevel('read committed'))).message).toMatch(
        /serializable/,
      );
      expect((await settings(kysely.transaction().setAccessMode('read only'))).message).toMatch(/readOnly/);
      await kysely
        .transaction()
        .setIsolationLevel('serializable')
        .execute(async (trx) => room(trx, 'x').execute());
      expect((await rejection(sql`SELECT ${new Date(0)}`.execute(kysely))).message).toMatch(/Date/);
      // No refusal has left the connection with someone.
      expect(await names(kysely)).toEqual(['x']);
    });
  });

  onEachSharedBackend((place) => {
    test('an owner that was taken over learns it from its query, its transaction and its commit', async () => {
      const options = place();
      const [one, two] = [await Store.open(options), await Store.open(options)];
      try {
        const { kysely } = await open(one);
        const open_ = await kysely.startTransaction().execute();
        await room(open_, 'old').execute();
        const newer = await two.openDatabase('a');
        expect((await rejection(open_.commit().execute())).code).toBe('ERR_FENCE_MISMATCH');
        await open_.rollback().execute();
        expect((await rejection(room(kysely, 'old').execute())).code).toBe('ERR_FENCE_MISMATCH');
        const late = kysely.transaction().execute((trx) => room(trx, 'old').execute());
        expect((await rejection(late)).code).toBe('ERR_FENCE_MISMATCH');
        expect(await newer.all('SELECT * FROM room')).toEqual([]);
      } finally {
        await Promise.all([one.close(), two.close()]);
      }
    });
  });

  describe('in a project', () => {
    const directory = projectWith({ kysely: installed });
    const run = `
      const main = async () => {
        const store = await Store.open({ memory: true });
        const kysely = new Kysely({ dialect: new BatonDialect({ database: () => store.openDatabase('a') }) });
        await sql\`CREATE TABLE t AS SELECT 7 AS x\`.execute(kysely);
        for await (const { x } of kysely.selectFrom('t').select('x').stream()) {
          console.log(x, (await kysely.introspection.getTables()).length);
        }
        await store.close();
      };
      main();
    `;

    test('ES modules work with its ES modules', async () => {
      const imports = `
        import { Store } from 'batondb';
        import { BatonDialect } from 'batondb/kysely';
        import { Kysely, sql } from 'kysely';
      `;
      const { stdout } = await runNodeIn(directory, '--input-type=module', '-e', imports + run);
      expect(stdout).toBe('7 1\n');
    });

    // Node before 20.19 takes no ES modules that way, which some versions have alone.
    const isRequired = process.features.require_module || installed === 'kysely-0.28';
    (isRequired ? test : test.skip)('CommonJS works with what it answers there', async () => {
      const requires = `
        const { Store } = require('batondb');
        const { BatonDialect } = require('batondb/kysely');
        const { Kysely, sql } = require('kysely');
      `;
      const { stdout } = await runNodeIn(directory, '-e', requires + run);
      expect(stdout).toBe('7 1\n');
    });
  });
}

module.exports = { testKysely };

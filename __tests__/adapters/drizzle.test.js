'use strict';

const { DrizzleQueryError, and, asc, desc, eq, gt, sql } = require('drizzle-orm');
const { setTimeout: sleep } = require('node:timers/promises');

const { Store, isBatonError } = require('../..');
const { drizzle, migrate } = require('../../adapters/drizzle.js');
const schema = require('./drizzle-schema.js');
const { onEachBackend, onEachSharedBackend, outside, rejection, runNode } = require('../helpers.js');

const { kinds, message, room } = schema;
const tables = {
  kinds,
  message,
  room,
  roomRelations: schema.roomRelations,
  messageRelations: schema.messageRelations,
};

async function open(store, config) {
  const client = await store.openDatabase('a');
  const db = drizzle(client, { schema: tables, ...config });
  await migrate(db, { journal: schema.journal(2), migrations: schema.migrations });
  return { client, db };
}

/** What a query failed with: Drizzle's error, and Baton's inside it. */
async function failure(promise) {
  const error = await Promise.resolve(promise).then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(DrizzleQueryError);
  expect(isBatonError(error.cause)).toBe(true);
  return error;
}

onEachBackend((openStore) => {
  test('selects, inserts, updates, deletes, and answers what was changed', async () => {
    const { db } = await open(await openStore());
    expect(await db.insert(room).values({ name: 'one' })).toEqual({ changes: 1, lastInsertRowid: 1 });
    const two = await db
      .insert(room)
      .values([{ name: 'two' }, { name: 'three' }])
      .returning();
    expect(two).toEqual([
      { id: 2, name: 'two' },
      { id: 3, name: 'three' },
    ]);
    await db
      .insert(room)
      .values({ name: 'two' })
      .onConflictDoUpdate({ target: room.name, set: { name: 'TWO' } });
    expect(
      await db.update(room).set({ name: 'III' }).where(eq(room.id, 3)).returning({ name: room.name }),
    ).toEqual([{ name: 'III' }]);
    await db.insert(message).values({ roomId: 1, body: 'hello' });
    const joined = await db
      .select()
      .from(room)
      .leftJoin(message, eq(message.roomId, room.id))
      .where(gt(room.id, 0))
      .orderBy(asc(room.id))
      .limit(2);
    expect(joined).toEqual([
      { room: { id: 1, name: 'one' }, message: { id: 1, roomId: 1, body: 'hello' } },
      { room: { id: 2, name: 'TWO' }, message: null },
    ]);
    expect(await db.select().from(room).where(eq(room.id, 9)).get()).toBe(undefined);
    expect(await db.select().from(room).where(eq(room.id, 1)).get()).toEqual({ id: 1, name: 'one' });
    expect(await db.select().from(room).where(eq(room.id, 1)).values()).toEqual([[1, 'one']]);
    expect(await db.delete(room).where(eq(room.id, 3)).run()).toMatchObject({ changes: 1 });
    expect(await db.$count(room, gt(room.id, 1))).toBe(1);
  });

  test('updates and deletes have an order and a limit', async () => {
    const { db } = await open(await openStore());
    await db.insert(room).values([{ name: 'one' }, { name: 'two' }, { name: 'three' }]);
    await db.update(room).set({ name: 'III' }).orderBy(desc(room.id)).limit(1);
    expect(await db.delete(room).orderBy(asc(room.id)).limit(1).returning({ id: room.id })).toEqual([
      { id: 1 },
    ]);
    expect(await db.delete(room).where(gt(room.id, 0)).limit(0)).toMatchObject({ changes: 0 });
    expect(await db.select().from(room)).toEqual([
      { id: 2, name: 'two' },
      { id: 3, name: 'III' },
    ]);
  });

  test('relations', async () => {
    const { db } = await open(await openStore());
    await db.insert(room).values([{ name: 'one' }, { name: 'two' }]);
    await db.insert(message).values([
      { roomId: 1, body: 'a' },
      { roomId: 1, body: 'b' },
    ]);
    expect(await db.query.room.findMany({ with: { messages: { columns: { body: true } } } })).toEqual([
      { id: 1, name: 'one', messages: [{ body: 'a' }, { body: 'b' }] },
      { id: 2, name: 'two', messages: [] },
    ]);
    expect(
      await db.query.message.findFirst({ with: { room: true }, orderBy: (m, { desc }) => desc(m.id) }),
    ).toEqual({
      id: 2,
      roomId: 1,
      body: 'b',
      room: { id: 1, name: 'one' },
    });
    expect(await db.query.room.findFirst({ where: eq(room.id, 9) })).toBe(undefined);
  });

  test('SQL by hand, and prepared queries', async () => {
    const { db } = await open(await openStore());
    expect(await db.run(sql`INSERT INTO room (name) VALUES (${'one'})`)).toEqual({
      changes: 1,
      lastInsertRowid: 1,
    });
    expect(await db.all(sql`SELECT id, name FROM room`)).toEqual([{ id: 1, name: 'one' }]);
    expect(await db.get('SELECT name FROM room')).toEqual({ name: 'one' });
    expect(await db.get('SELECT name FROM room WHERE id = 9')).toBe(undefined);
    expect(await db.values(sql`SELECT id, name, id FROM room`)).toEqual([[1, 'one', 1]]);
    const byId = db
      .select({ name: room.name })
      .from(room)
      .where(and(eq(room.id, sql.placeholder('id'))))
      .prepare();
    expect(await byId.all({ id: 1 })).toEqual([{ name: 'one' }]);
    expect(await byId.get({ id: 2 })).toBe(undefined);
    await expect(byId.all({})).rejects.toThrow(/id/);
  });

  test('values of every kind come back as they were', async () => {
    const { client, db } = await open(await openStore(), { largeIntegers: 'bigint' });
    const row = {
      id: 1,
      flag: true,
      second: new Date(1_700_000_000_000),
      milli: new Date(1_700_000_000_123),
      json: { a: [1, 'x', null] },
      bytes: Buffer.from([0, 1, 255]),
      blobJson: [1, 2],
      big: 2n ** 70n,
      int64: 2n ** 62n,
      ratio: 0.5,
    };
    await db.insert(kinds).values([row, { id: 2, int64: 7n }]);
    const [first, second] = await db.select().from(kinds);
    expect(first).toEqual({ ...row, made: 'now' });
    expect(Buffer.isBuffer(first.bytes)).toBe(true);
    expect(second).toMatchObject({ id: 2, flag: null, json: null, bytes: null, int64: 7n });
    expect(await db.get(sql`SELECT id, int64 FROM kinds`)).toEqual({ id: 1, int64: 2n ** 62n });
    const [batched] = await db.batch([db.select({ id: kinds.id, int64: kinds.int64 }).from(kinds)]);
    expect(batched[0]).toEqual({ id: 1, int64: 2n ** 62n });
    const strict = drizzle(client);
    const query = strict.select().from(kinds);
    for (const refused of [
      query,
      query.get(),
      query.values(),
      strict.batch([query]),
      strict.all('SELECT int64 FROM kinds'),
    ]) {
      expect((await failure(refused)).cause).toMatchObject({
        code: 'ERR_OUT_OF_RANGE',
        message: expect.stringMatching(/largeIntegers: 'bigint'.*drizzle\(/),
      });
    }
  });

  test('transactions, savepoints and rollbacks', async () => {
    const { db } = await open(await openStore());
    const count = () => db.$count(room);
    let beside;
    const answer = await db.transaction(
      async (tx) => {
        await tx.insert(room).values({ name: 'one' });
        beside = outside(() => db.select().from(room).execute());
        await tx
          .transaction(async (inner) => {
            await inner.insert(room).values({ name: 'two' });
            inner.rollback();
          })
          .catch((error) => expect(error.message).toBe('Rollback'));
        await tx.transaction(async (inner) => inner.batch([inner.insert(room).values({ name: 'three' })]));
        expect(await tx.query.room.findMany()).toHaveLength(2);
        return 'done';
      },
      { behavior: 'immediate' },
    );
    expect(answer).toBe('done');
    expect((await beside).map(({ name }) => name)).toEqual(['one', 'three']);
    await expect(db.transaction(async (tx) => tx.rollback())).rejects.toThrow('Rollback');
    const thrown = db.transaction(async (tx) => {
      await tx.insert(room).values({ name: 'four' });
      throw new Error('no');
    });
    await expect(thrown).rejects.toThrow('no');
    expect(await count()).toBe(2);
    const slow = db.transaction(
      async (tx) => {
        await tx.insert(room).values({ name: 'five' });
        await sleep(60);
      },
      { timeoutMs: 20 },
    );
    expect((await rejection(slow)).code).toBe('ERR_CLOSED');
    expect((await rejection(db.transaction(async () => {}, { behavior: 'x' }))).code).toBe('ERR_INVALID_ARG');
    expect(await count()).toBe(2);
  });

  test('a batch is one transaction, and answers as its queries would', async () => {
    const { client, db } = await open(await openStore());
    const before = client.stats().commits;
    const answers = await db.batch([
      db.insert(room).values({ name: 'one' }),
      db.insert(message).values({ roomId: 1, body: 'a' }).returning({ id: message.id }),
      db.query.room.findFirst({ with: { messages: true } }),
      db.query.room.findFirst({ where: eq(room.id, 9) }),
      db.select({ name: room.name }).from(room),
      db.run(sql`UPDATE message SET body = 'b'`),
      db.all(sql`SELECT body FROM message`),
      db.get(sql`SELECT body FROM message`),
      db.values(sql`SELECT body FROM message`),
    ]);
    expect(answers).toEqual([
      { changes: 1, lastInsertRowid: 1 },
      [{ id: 1 }],
      { id: 1, name: 'one', messages: [{ id: 1, roomId: 1, body: 'a' }] },
      undefined,
      [{ name: 'one' }],
      { changes: 1, lastInsertRowid: 1 },
      [{ body: 'b' }],
      { body: 'b' },
      [['b']],
    ]);
    expect(client.stats().commits).toBe(before + 1);
    const { query, params, cause } = await failure(
      db.batch([db.insert(room).values({ name: 'two' }), db.insert(room).values({ name: 'one' })]),
    );
    expect([query, params]).toEqual([expect.stringMatching(/^insert into "room"/), ['one']]);
    expect(cause).toMatchObject({ extendedCode: 'SQLITE_CONSTRAINT_UNIQUE', statement: 1 });
    expect(await db.$count(room)).toBe(1);
  });

  test('queries are logged, column names cased', async () => {
    const client = await (await openStore()).openDatabase('a');
    const lines = [];
    const db = drizzle(client, { logger: { logQuery: (...line) => lines.push(line) }, casing: 'snake_case' });
    await db.run(sql`CREATE TABLE t (some_name text)`);
    const { sqliteTable, text } = require('drizzle-orm/sqlite-core');
    const t = sqliteTable('t', { someName: text() });
    await db.insert(t).values({ someName: 'x' });
    await db.batch([db.select().from(t)]);
    expect(lines.map(([line]) => line)).toEqual([
      'CREATE TABLE t (some_name text)',
      'insert into "t" ("some_name") values (?)',
      'select "some_name" from "t"',
    ]);
    expect(lines[1][1]).toEqual(['x']);
  });

  test('errors have the cause that Baton told', async () => {
    const { client, db } = await open(await openStore());
    const missing = await failure(db.all(sql`SELECT * FROM nowhere`));
    expect(missing.cause).toMatchObject({
      code: 'SQLITE_ERROR',
      message: expect.stringContaining('nowhere'),
    });
    expect((await failure(db.all(sql`SELECT ${new Date(0)}`))).cause.message).toMatch(/Date/);
    const refused = (...args) => rejection(Promise.resolve().then(() => drizzle(...args)));
    expect((await refused({})).message).toMatch(/database.*Database/);
    expect((await refused(client, { cache: {} })).message).toMatch(/cache/);
    expect((await refused(client, { logger: 'x' })).message).toMatch(/logger/);
    expect((await refused(client, { casing: 'x' })).message).toMatch(/casing/);
    await client.transaction(async (tx) => {
      const inside = drizzle(tx);
      await inside.insert(room).values({ name: 'one' });
      expect(await inside.$count(room)).toBe(1);
    });
    await client.close();
    expect((await failure(db.select().from(room))).cause.code).toBe('ERR_CLOSED');
    expect((await failure(db.batch([db.select().from(room)]))).cause.code).toBe('ERR_CLOSED');
    expect((await rejection(db.transaction(async () => {}))).code).toBe('ERR_CLOSED');
  });
});

onEachSharedBackend((place) => {
  test('an owner that was taken over finds out, and its cause says so', async () => {
    const options = place();
    const [one, two] = [await Store.open(options), await Store.open(options)];
    try {
      const { db } = await open(one);
      await two.openDatabase('a');
      const caught = await failure(db.insert(room).values({ name: 'late' }));
      expect(isBatonError(caught.cause, 'ERR_FENCE_MISMATCH')).toBe(true);
      const migrating = migrate(db, { journal: schema.journal(2), migrations: schema.migrations });
      expect((await rejection(migrating)).code).toBe('ERR_FENCE_MISMATCH');
    } finally {
      await Promise.all([one.close(), two.close()]);
    }
  });
});

test('a Drizzle that the adapter cannot be made of is refused by what it lacks', () => {
  const { makeDrizzle } = require('../../adapters/drizzle/database.js');
  // As 1.0 has it.
  const { createTableRelationsHelpers, ...rest } = require('drizzle-orm');
  expect(() => makeDrizzle({ ...rest, ...require('drizzle-orm/sqlite-core') })).toThrow(
    /drizzle-orm 0\.44 and 0\.45.*createTableRelationsHelpers/,
  );
});

test('ES modules work with the ES modules of Drizzle', async () => {
  const { stdout } = await runNode(
    '--input-type=module',
    '-e',
    `
    import { Store } from 'batondb';
    import { drizzle, migrate } from 'batondb/drizzle';
    import { DrizzleQueryError, is, sql } from 'drizzle-orm';
    import { BaseSQLiteDatabase, integer, sqliteTable } from 'drizzle-orm/sqlite-core';
    const store = await Store.open({ memory: true });
    const db = drizzle(await store.openDatabase('a'));
    const t = sqliteTable('t', { id: integer().primaryKey() });
    const journal = { entries: [{ idx: 0, when: 1, tag: 'x', breakpoints: true }] };
    await migrate(db, { journal, migrations: { m0000: 'CREATE TABLE t (id integer primary key)' } });
    await db.insert(t).values({ id: 7 });
    const error = await db.run(sql\`SELECT\`).catch((error) => error);
    console.log((await db.select().from(t))[0].id, error instanceof DrizzleQueryError, db instanceof BaseSQLiteDatabase, is(db, BaseSQLiteDatabase));
    await store.close();
  `,
  );
  expect(stdout).toBe('7 true true true\n');
});

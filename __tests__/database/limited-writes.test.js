'use strict';

const { asc, desc, eq } = require('drizzle-orm');
const { integer, sqliteTable, text } = require('drizzle-orm/sqlite-core');
const { Kysely } = require('kysely');

const { drizzle } = require('../../adapters/drizzle.js');
const { durableObjectStorage } = require('../../adapters/durable-object.js');
const { BatonDialect } = require('../../adapters/kysely.js');
const { onEachBackend, rejection } = require('../helpers.js');

onEachBackend((open) => {
  let db;
  beforeEach(async () => {
    db = await (await open()).openDatabase('a', { allowBlocking: true });
    await db.exec(`
      CREATE TABLE job(id INTEGER PRIMARY KEY, state TEXT NOT NULL, rank INTEGER, UNIQUE(rank));
      INSERT INTO job VALUES (1, 'new', 50), (2, 'new', 40), (3, 'done', 30), (4, 'new', 20), (5, 'new', 10)`);
  });

  const left = async () => (await db.all('SELECT id FROM job ORDER BY id')).map(({ id }) => id);
  const inState = async (state) =>
    (await db.all('SELECT id FROM job WHERE state = ? ORDER BY id', [state])).map(({ id }) => id);

  test('DELETE takes away as many rows as the limit says, in its order', async () => {
    expect(await db.run('DELETE FROM job ORDER BY id DESC LIMIT 1')).toMatchObject({ changes: 1 });
    expect(await left()).toEqual([1, 2, 3, 4]);
    await db.run('DELETE FROM job WHERE state = ? ORDER BY rank LIMIT ? OFFSET 1', ['new', 1]);
    expect(await left()).toEqual([1, 3, 4]);
    expect(await db.run("DELETE FROM job AS j WHERE j.state = 'new' LIMIT :n", { n: 100 })).toMatchObject({
      changes: 2,
    });
    expect(await left()).toEqual([3]);
  });

  test('UPDATE changes as many, and answers them', async () => {
    const sql = `UPDATE job SET state = 'taken' WHERE state = ? RETURNING id ORDER BY rank LIMIT ?`;
    expect((await db.all(sql, ['new', 2])).map(({ id }) => id).sort()).toEqual([4, 5]);
    expect(await inState('taken')).toEqual([4, 5]);
    // The same again, compiled by now.
    expect((await db.all(sql, ['new', 1])).map(({ id }) => id)).toEqual([2]);
    await db.run(
      `WITH best(id) AS (SELECT 3) UPDATE OR REPLACE main.job SET rank = 20 WHERE id IN best LIMIT 1`,
    );
    expect(await left()).toEqual([1, 2, 3, 5]);
  });

  test('in every kind of call', async () => {
    await db.exec(
      "DELETE FROM job ORDER BY id LIMIT 1; UPDATE job SET state = 'x;' ORDER BY id LIMIT 1; SELECT 1",
    );
    expect([await left(), await inState('x;')]).toEqual([[2, 3, 4, 5], [2]]);
    await db.batch([{ sql: 'DELETE FROM job ORDER BY id LIMIT ?', params: [1] }]);
    const statement = await db.prepare(
      'DELETE FROM job WHERE state = :state RETURNING id, state ORDER BY id LIMIT 1',
    );
    expect(statement.parameters).toEqual([':state']);
    expect(statement.readonly).toBe(false);
    expect(statement.columns()).toEqual([
      { name: 'id', column: 'id', table: 'job', type: 'INTEGER' },
      { name: 'state', column: 'state', table: 'job', type: 'TEXT' },
    ]);
    expect(await statement.get({ state: 'new' })).toEqual({ id: 4, state: 'new' });
    await db.transaction((tx) => tx.run('DELETE FROM job ORDER BY id DESC LIMIT 1'));
    expect(await left()).toEqual([3]);
    durableObjectStorage(db).sql.exec('DELETE FROM job LIMIT 1');
    expect(await left()).toEqual([]);
  });

  test('Drizzle and Kysely have their limit()', async () => {
    const job = sqliteTable('job', { id: integer().primaryKey(), state: text(), rank: integer() });
    const orm = drizzle(db);
    await orm.delete(job).where(eq(job.state, 'new')).orderBy(asc(job.rank)).limit(1);
    expect(await left()).toEqual([1, 2, 3, 4]);
    const taken = orm.update(job).set({ state: 'taken' }).orderBy(desc(job.rank)).limit(2);
    expect(await taken.returning({ id: job.id })).toEqual([{ id: 1 }, { id: 2 }]);
    const kysely = new Kysely({ dialect: new BatonDialect({ database: db, closeOnDestroy: false }) });
    await kysely.deleteFrom('job').where('state', '=', 'taken').orderBy('id').limit(1).execute();
    expect(await left()).toEqual([2, 3, 4]);
    await kysely.updateTable('job').set({ state: 'done' }).orderBy('id', 'desc').limit(1).execute();
    expect(await inState('done')).toEqual([3, 4]);
  });

  test('what is wrong in one is told as of any other statement', async () => {
    const error = await rejection(db.run('DELETE FROM job WHERE nope = 1 LIMIT 1'));
    expect(error).toMatchObject({
      code: 'SQLITE_ERROR',
      message: expect.stringContaining('no such column: nope'),
    });
    expect((await rejection(db.run('DELETE FROM nobody LIMIT 1'))).message).toMatch(/LIMIT|no such table/);
    expect((await rejection(db.run('DELETE FROM job LIMIT 1', [1]))).code).toBe('ERR_INVALID_ARG');
    const two = await rejection(db.run('DELETE FROM job LIMIT 1; DELETE FROM job'));
    expect(two).toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: expect.stringContaining('more than one statement'),
    });
    expect(await left()).toHaveLength(5);
  });

  test('where it cannot be, the error says why and what to write', async () => {
    await db.exec(`
      CREATE TABLE pair(a, b, PRIMARY KEY(a, b)) WITHOUT ROWID;
      CREATE TABLE odd(_rowid_, x);
      CREATE VIEW seen AS SELECT id FROM job;
      INSERT INTO odd VALUES (1, 1), (1, 2)`);
    for (const sql of [
      'DELETE FROM pair LIMIT 1',
      // Its column is no key: all rows have the same value.
      'DELETE FROM odd LIMIT 1',
      'DELETE FROM seen LIMIT 1',
      'DELETE FROM job ORDER BY id',
      'UPDATE job SET rank = pair.a FROM pair LIMIT 1',
    ]) {
      const error = await rejection(db.run(sql));
      expect(error).toMatchObject({ code: 'SQLITE_ERROR', offset: sql.search(/ORDER|LIMIT/) });
      expect(error.message).toMatch(/^near "\w+": syntax error: .*choose the rows by a subquery/);
    }
    // Others are none of these.
    expect((await rejection(db.run('SELECT 1 LIMIT 1 LIMIT 2'))).message).toBe('near "LIMIT": syntax error');
  });
});

'use strict';

const kysely = require('kysely');
const helpers = require('kysely/helpers/sqlite');
const { Migrator } = require('kysely/migration');

const { BatonDialect } = require('../../adapters/kysely.js');
const { makeDialect } = require('../../adapters/kysely/dialect.js');
const { onEachBackend, versionOf } = require('../helpers.js');
const { testKysely } = require('./kysely-suite.js');

const { Kysely, sql } = kysely;

test('this is Kysely 0.29', () => expect(versionOf('kysely')).toMatch(/^0\.29\./));

testKysely({ kysely, Migrator, helpers, installed: 'kysely' });

// 0.29 has signals.
onEachBackend((openStore) => {
  const ENDLESS = sql`WITH RECURSIVE c(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c`;

  async function open() {
    const db = await (await openStore()).openDatabase('a');
    return { db, kysely: new Kysely({ dialect: new BatonDialect({ database: db }) }) };
  }

  /** Kysely writes there what became of the query that its caller no longer waits for. */
  const written = [];
  let spy;
  beforeEach(() => {
    spy = jest.spyOn(console, 'error').mockImplementation((line) => written.push(line));
  });
  afterEach(() => {
    spy.mockRestore();
    written.length = 0;
  });

  const inAMoment = () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')), 20);
    return controller.signal;
  };

  test('a signal cancels a query, also of a transaction, and what comes after it runs', async () => {
    const { kysely } = await open();
    await sql`CREATE TABLE t (x)`.execute(kysely);
    const cancelled = (db) =>
      ENDLESS.execute(db, { signal: inAMoment(), inflightQueryAbortStrategy: 'cancel query' });
    await expect(cancelled(kysely)).rejects.toThrow('enough');
    await kysely.transaction().execute(async (trx) => {
      await sql`INSERT INTO t VALUES (1)`.execute(trx);
      await expect(cancelled(trx)).rejects.toThrow('enough');
      await sql`INSERT INTO t VALUES (2)`.execute(trx);
    });
    expect((await sql`SELECT x FROM t`.execute(kysely)).rows).toEqual([{ x: 1 }, { x: 2 }]);
    expect(written).toEqual([expect.stringContaining('abort'), expect.stringContaining('abort')]);
  });

  test('a signal ends a stream, also one that has no row yet', async () => {
    const { kysely } = await open();
    const stream = kysely
      .selectFrom(sql`(${ENDLESS})`.as('endless'))
      .selectAll()
      .stream({ chunkSize: 1, signal: inAMoment() });
    await expect(stream.next()).rejects.toThrow('enough');
    expect((await sql`SELECT 1 AS one`.execute(kysely)).rows).toEqual([{ one: 1 }]);
    expect(written).toEqual([]);
  });
});

test('a Kysely that the dialect cannot be made of is refused by what it lacks', () => {
  const { SqliteAdapter, ...rest } = kysely;
  expect(() => makeDialect(rest)).toThrow(/kysely 0\.28.*SqliteAdapter/);
});

// What runs the SQL: Baton through its public API, or for comparison the SQLite of the `libsql` package.

import { createRequire } from 'node:module';

import { Store } from '../../index.mjs';

/**
 * An empty database.
 *
 * @typedef {object} Session
 * @property {(sql: string) => Promise<void>} exec
 * @property {(sql: string) => Promise<number>} count How many rows a statement changed.
 * @property {(sql: string) => Promise<import('./format.mjs').Value[][]>} query
 * @property {(sql: string) => Promise<unknown>} prepare Rejects if the statement does not compile.
 * @property {() => Promise<void>} close
 */

/**
 * @typedef {object} Engine
 * @property {string[]} names What `onlyif` and `skipif` call it.
 * @property {() => Promise<Session>} open
 * @property {() => Promise<void>} close
 */

/**
 * @param {import('../../index.mjs').StoreOptions} options
 * @returns {Promise<Engine>}
 */
export async function batonEngine(options) {
  const store = await Store.open(options);
  let opened = 0;
  return {
    names: ['sqlite', 'baton'],
    async open() {
      opened += 1;
      const actorId = `slt-${opened}`;
      // The place may be one of an earlier run.
      await store.delete(actorId);
      const database = await store.openDatabase(actorId);
      return {
        exec: (sql) => database.exec(sql),
        count: async (sql) => (await database.run(sql)).changes,
        query: (sql) => database.all(sql, [], { rowMode: 'array', readBigInts: true }),
        prepare: (sql) => database.prepare(sql),
        close: () => database.close(),
      };
    },
    close: () => store.close(),
  };
}

/** @returns {Promise<Engine>} */
export async function libsqlEngine() {
  const Database = createRequire(import.meta.url)('libsql');
  return {
    names: ['sqlite', 'libsql'],
    async open() {
      const database = new Database(':memory:');
      database.defaultSafeIntegers(true);
      return {
        exec: async (sql) => void database.exec(sql),
        count: async (sql) => database.prepare(sql).run().changes,
        query: async (sql) => database.prepare(sql).raw().all(),
        prepare: async (sql) => database.prepare(sql),
        close: async () => database.close(),
      };
    },
    close: async () => {},
  };
}

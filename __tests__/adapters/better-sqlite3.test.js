'use strict';

// batondb/better-sqlite3 beside better-sqlite3 itself: the same programs, the same answers.

const { existsSync } = require('node:fs');
const { createRequire } = require('node:module');
const { join } = require('node:path');

const { Store, isBatonError } = require('../..');
const Database = require('../../adapters/better-sqlite3.js');
const { ROOT } = require('../helpers.js');
const { PROGRAMS, TABLES } = require('./better-sqlite3/programs.js');

const { SqliteError } = Database;
const benches = createRequire(join(ROOT, 'bench', 'package.json'));
const hasPeer = existsSync(join(ROOT, 'bench', 'node_modules', 'better-sqlite3', 'build'));

/** What a value is, so that values of two realms can be compared. */
function plain(value) {
  if (ArrayBuffer.isView(value))
    return `${value.constructor.name} ${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`;
  if (Array.isArray(value)) return value.map(plain);
  if (Object.is(value, -0)) return '-0';
  if (typeof value !== 'object' || value === null) return value;
  const ownClass = value.constructor?.name;
  if (ownClass !== undefined && !['Object', 'Array'].includes(ownClass)) return `a ${ownClass}`;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
}

/** What a program says: for each of its calls the result, or the class and code of the error. */
function saidBy(program, db) {
  const said = [];
  program(db, (call) => {
    try {
      said.push(plain(call()));
    } catch (error) {
      said.push({ class: error.name, code: error.code, ...(error.code && { message: error.message }) });
    }
  });
  return said;
}

describe('programs for better-sqlite3', () => {
  let store;
  beforeAll(async () => {
    store = await Store.open({ memory: true });
  });
  afterAll(() => store.close());

  (hasPeer ? test : test.skip).each(Object.entries(PROGRAMS))('%s', async (name, program) => {
    const peer = new (benches('better-sqlite3'))(':memory:').exec(TABLES);
    const own = new Database(await store.openDatabase(name)).exec(TABLES);
    const expected = saidBy(program, peer);
    expect(saidBy(program, own)).toEqual(expected);
    expect(expected.length).toBeGreaterThan(5);
  });

  (hasPeer ? test : test.skip)('what is told to the verbose function', async () => {
    const [expected, said] = [[], []];
    const peer = new (benches('better-sqlite3'))(':memory:', { verbose: (sql) => expected.push(sql) });
    const own = new Database(await store.openDatabase('verbose'), { verbose: (sql) => said.push(sql) });
    for (const db of [peer, own]) {
      db.exec('CREATE TABLE t (a, b)');
      db.prepare('INSERT INTO t VALUES (?, $b)').run(5, { b: "it's" });
      db.prepare('SELECT ?2, ?, ?1 -- a ? too\n').all(9, { 1: 1.25, 2: null });
      db.prepare('SELECT \'?\', "a" AS [?], a$b, ? FROM (SELECT a, 1 AS a$b FROM t)')
        .safeIntegers()
        .get(2n ** 60n);
      expect(() => db.prepare('INSERT INTO nowhere VALUES (1)')).toThrow('nowhere');
      const rows = db.prepare('SELECT a FROM t WHERE b <> ?').iterate(Buffer.from([1, 255]));
      rows.next();
      rows.return();
      db.pragma('user_version');
      db.transaction(() => {})();
    }
    expect(said).toEqual(expected);
    expect(said).toContain("INSERT INTO t VALUES (5.0, 'it''s')");
    const failing = new Database(await store.openDatabase('failing'), {
      verbose: () => {
        throw new EvalError('mine');
      },
    });
    expect(() => failing.prepare('SELECT 1').get()).toThrow(EvalError);
  });
});

'use strict';

// batondb/better-sqlite3 beside better-sqlite3 itself: the same programs, the same answers. What better-sqlite3 answers is
// recorded in better-sqlite3/answers.json, since not every machine has it. Where the benches have installed it, its
// answers are compared with the record; BATON_RECORD=1 writes them anew.

const { existsSync, writeFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { join } = require('node:path');

const { Store } = require('../..');
const Database = require('../../adapters/better-sqlite3.js');
const { ROOT } = require('../helpers.js');
const answers = require('./better-sqlite3/answers.json');
const { PROGRAMS, TABLES, logged } = require('./better-sqlite3/programs.js');

const benches = createRequire(join(ROOT, 'bench', 'package.json'));
const hasPeer = existsSync(join(ROOT, 'bench', 'node_modules', 'better-sqlite3', 'build'));

/** What a value is, as JSON can hold it. */
function plain(value) {
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return `a ${value.constructor.name}: ${bytes.toString('hex')}`;
  }
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'bigint') return `${value}n`;
  if (
    value === undefined ||
    (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)))
  ) {
    return Object.is(value, -0) ? '-0' : String(value);
  }
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return value;
  const ownClass = value.constructor?.name;
  if (ownClass !== undefined && ownClass !== 'Object') return `a ${ownClass}`;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
}

/** What a program says: for each of its calls the result, or what the error is. */
function saidBy(program, db) {
  const said = [];
  program(db, (call) => {
    try {
      said.push(plain(call()));
    } catch ({ name, code, message }) {
      // The texts of better-sqlite3's own errors are its own; those of SQLite are everybody's.
      said.push(code === undefined ? { error: name } : { error: name, code, message });
    }
  });
  return said;
}

const peerAnswers = () => {
  const Peer = benches('better-sqlite3');
  return Object.fromEntries([
    ...Object.entries(PROGRAMS).map(([name, program]) => [
      name,
      saidBy(program, new Peer(':memory:').exec(TABLES)),
    ]),
    ['logged', logged((options) => new Peer(':memory:', options))],
  ]);
};

(hasPeer ? test : test.skip)('the record has what better-sqlite3 answers', () => {
  const found = peerAnswers();
  if (process.env.BATON_RECORD === '1') {
    writeFileSync(join(__dirname, 'better-sqlite3', 'answers.json'), JSON.stringify(found));
  } else {
    expect(found).toEqual(answers);
  }
});

describe('programs for better-sqlite3', () => {
  let store;
  beforeAll(async () => {
    store = await Store.open({ memory: true });
  });
  afterAll(() => store.close());

  test.each(Object.entries(PROGRAMS))('%s', async (name, program) => {
    const db = new Database(await store.openDatabase(name)).exec(TABLES);
    const said = saidBy(program, db);
    expect(said).toEqual(answers[name]);
    expect(said.length).toBeGreaterThan(5);
  });

  test('what is told to the verbose function', async () => {
    const database = await store.openDatabase('verbose');
    const said = logged((options) => new Database(database, options));
    expect(said).toEqual(answers.logged);
    expect(said).toContain("INSERT INTO t VALUES (5.0, 'it''s')");
    const verbose = () => {
      throw new EvalError('mine');
    };
    const failing = new Database(database, { verbose });
    expect(() => failing.prepare('SELECT 1').get()).toThrow(EvalError);
    expect(() => failing.prepare('SELECT 1').iterate().next()).toThrow(EvalError);
    expect(() => failing.transaction(() => 1)()).toThrow(EvalError);
    expect(failing.inTransaction).toBe(false);
  });
});

// docs/moving-in.md has a line for everything that better-sqlite3 and node:sqlite have, and what a line says of Baton
// is so.

'use strict';

const { existsSync, readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { join } = require('node:path');

const { Database, Statement, Store } = require('../..');
const BetterSqlite3 = require('../../adapters/better-sqlite3.js');
const { ROOT } = require('../helpers.js');

// What better-sqlite3 13.0.3 documents: docs/api.md, its headings and properties, docs/integer.md and docs/unsafe.md.
const BETTER_SQLITE3 = {
  Database: [
    ...['new Database()', 'options.readonly', 'options.fileMustExist', 'options.timeout', 'options.verbose'],
    ...['options.nativeBinding', '.prepare()', '.transaction()', '.pragma()', '.explain()', '.backup()'],
    ...['.serialize()', '.function()', '.aggregate()', '.table()', '.loadExtension()', '.exec()', '.close()'],
    ...[
      '.open',
      '.inTransaction',
      '.name',
      '.memory',
      '.readonly',
      '.defaultSafeIntegers()',
      '.unsafeMode()',
    ],
    ...['transaction.default()', 'transaction.deferred()', 'transaction.immediate()'],
    ...['transaction.exclusive()', 'transaction.database'],
  ],
  Statement: [
    ...[
      '.run()',
      '.get()',
      '.all()',
      '.iterate()',
      '.pluck()',
      '.expand()',
      '.raw()',
      '.columns()',
      '.bind()',
    ],
    ...['.toString()', '.safeIntegers()', '.database', '.source', '.reader', '.readonly', '.busy'],
  ],
  'the rest': ['SqliteError'],
};

// What node:sqlite documents as of Node 26.
const NODE_SQLITE = {
  DatabaseSync: [
    ...['new DatabaseSync()', 'options.open', 'options.readOnly', 'options.enableForeignKeyConstraints'],
    ...['options.enableDoubleQuotedStringLiterals', 'options.allowExtension', 'options.timeout'],
    ...['options.readBigInts', 'options.returnArrays', 'options.allowBareNamedParameters'],
    ...['options.allowUnknownNamedParameters', 'options.defensive', 'options.limits', '.open()', '.close()'],
    ...['.prepare()', '.exec()', '.function()', '.aggregate()', '.setAuthorizer()', '.location()', '.limits'],
    ...['.createSession()', '.applyChangeset()', '.enableLoadExtension()', '.loadExtension()', 'Session'],
    ...['.createTagStore()', 'SQLTagStore', '.enableDefensive()', '.serialize()', '.deserialize()'],
    ...['.isOpen', '.isTransaction', '[Symbol.dispose]()', 'sqlite.backup()', 'sqlite.constants'],
  ],
  StatementSync: [
    ...['.run()', '.get()', '.all()', '.iterate()', '.columns()', '.setReadBigInts()', '.setReturnArrays()'],
    ...['.setAllowBareNamedParameters()', '.setAllowUnknownNamedParameters()', '.sourceSQL', '.expandedSQL'],
    ...['.close()', '[Symbol.dispose]()'],
  ],
};

const PAGE = readFileSync(join(ROOT, 'docs', 'moving-in.md'), 'utf8');

/**
 * The lines of the table whose first column has this heading: what each is about, and what it says.
 *
 * @param {string} heading
 */
function table(heading) {
  const lines = PAGE.slice(PAGE.indexOf(`\n| ${heading} | Baton |\n`) + 1)
    .split('\n\n', 1)[0]
    .split('\n')
    .slice(2);
  return lines.map((line) => {
    const [, subject, answer] = line.split(/(?<!\\)\|/);
    return { names: [...subject.matchAll(/`([^`]+)`/g)].map(([, name]) => name), subject, answer };
  });
}

/** @param {string} heading */
const namesOf = (heading) => table(heading).flatMap(({ names }) => names);

const EVERYTHING = [
  ...Object.entries(BETTER_SQLITE3).map(([name, list]) => ['better-sqlite3', name, list]),
  ...Object.entries(NODE_SQLITE).map(([name, list]) => ['node:sqlite', name, list]),
].map(([library, name, list]) => [library, /^[A-Z]/.test(name) ? `\`${name}\`` : name, list]);

test.each(EVERYTHING)('%s: the table of %s has a line for each of its names', (_, heading, list) => {
  const names = namesOf(heading);
  expect(list.filter((name) => !names.includes(name))).toEqual([]);
  // Nor for what is not there, such as a slip of the pen.
  const known = (name) => list.includes(name) || heading === 'the rest';
  expect(names.filter((name) => !known(name))).toEqual([]);
});

/**
 * What a class has that its list does not name.
 *
 * @param {object[]} objects a prototype, and an instance for its properties
 * @param {string[]} list
 */
function unnamed(objects, list) {
  const names = objects.flatMap((object) => Object.getOwnPropertyNames(object));
  const isKnown = (name) =>
    list.includes(`.${name}`) || list.includes(`.${name}()`) || name === 'constructor';
  return names.filter((name) => !isKnown(name));
}

const benches = createRequire(join(ROOT, 'bench', 'package.json'));
const hasBetterSqlite3 = existsSync(join(ROOT, 'bench', 'node_modules', 'better-sqlite3', 'build'));

(hasBetterSqlite3 ? test : test.skip)('the better-sqlite3 that the benches have is on the page whole', () => {
  const Peer = benches('better-sqlite3');
  const peer = new Peer(':memory:');
  const statement = peer.prepare('SELECT 1');
  expect(unnamed([Peer.prototype, peer], BETTER_SQLITE3.Database)).toEqual([]);
  expect(unnamed([Object.getPrototypeOf(statement), statement], BETTER_SQLITE3.Statement)).toEqual([]);
  peer.close();
});

test('batondb/better-sqlite3 has all of it', async () => {
  const store = await Store.open({ memory: true });
  const db = new BetterSqlite3(await store.openDatabase('a'));
  const owners = { Database: db, Statement: db.prepare('SELECT 1'), transaction: db.transaction(() => {}) };
  for (const [owner, list] of Object.entries(BETTER_SQLITE3)) {
    for (const name of list) {
      // Others are no members: the constructor, its options, the class of errors.
      const [, of, member, call] = /^(transaction)?\.(\w+)(\(\))?$/.exec(name) ?? [];
      if (member !== undefined) {
        const whose = owners[of ?? owner];
        expect([name, member in whose, typeof whose[member] === 'function']).toEqual([
          name,
          true,
          call === '()',
        ]);
      }
    }
  }
  await store.close();
});

const sqlite = process.getBuiltinModule?.('node:sqlite');

(sqlite ? test : test.skip)('the node:sqlite of this Node is on the page whole', () => {
  const { DatabaseSync, StatementSync } = sqlite;
  const peer = new DatabaseSync(':memory:');
  const instance = [DatabaseSync.prototype, peer];
  expect(unnamed(instance, NODE_SQLITE.DatabaseSync)).toEqual([]);
  expect(unnamed([StatementSync.prototype, peer.prepare('SELECT 1')], NODE_SQLITE.StatementSync)).toEqual([]);
});

test('what a line names of Baton is there', async () => {
  const store = await Store.open({ memory: true });
  const db = await store.openDatabase('a');
  const statement = await db.prepare('SELECT 1');
  const owners = { store, db, statement };
  const headings = ['better-sqlite3', ...EVERYTHING.map(([, heading]) => heading)];
  const used = headings
    .flatMap((heading) => table(heading))
    .flatMap(({ answer }) => [...answer.matchAll(/\b(store|db|statement)\.(\w+)/g)]);
  expect(used.length).toBeGreaterThan(30);
  for (const [whole, owner, name] of used) expect([whole, name in owners[owner]]).toEqual([whole, true]);
  expect([Database.name, Statement.name]).toEqual(['Database', 'Statement']);
  await store.close();
});

describe('what the page says of values', () => {
  let store;
  let db;
  beforeAll(async () => {
    store = await Store.open({ memory: true });
    db = await store.openDatabase('a');
    await db.exec('CREATE TABLE notes(id INTEGER PRIMARY KEY)');
  });
  afterAll(() => store.close());
  const one = async (sql, params, options) =>
    Object.values(await db.get(sql, params, options)).find(() => true);
  const codeOf = (promise) =>
    promise.then(
      () => 'resolved',
      ({ code }) => code,
    );

  test.each([
    ['a whole number is an INTEGER', 'SELECT typeof(?)', [5], 'integer'],
    ['true is 1', 'SELECT ?', [true], 1],
    ['a view is a BLOB', 'SELECT typeof(?)', [new Uint16Array([1])], 'blob'],
    ['an ArrayBuffer is a BLOB', 'SELECT typeof(?)', [new ArrayBuffer(1)], 'blob'],
    ['a name may have its prefix', 'SELECT :id', { ':id': 7 }, 7],
  ])('%s', async (_, sql, params, answer) => {
    expect(await one(sql, params)).toBe(answer);
  });

  test.each([
    ['undefined', 'SELECT ?', [undefined], 'ERR_INVALID_ARG'],
    ['NaN', 'SELECT ?', [NaN], 'ERR_INVALID_ARG'],
    ['a lone surrogate', 'SELECT ?', ['\ud800'], 'ERR_INVALID_ARG'],
    ['a name that the statement does not have', 'SELECT :a', { a: 1, b: 2 }, 'ERR_INVALID_ARG'],
    ['an integer past 2^53 in an answer', 'SELECT 9007199254740993', [], 'ERR_OUT_OF_RANGE'],
  ])('%s is refused', async (_, sql, params, code) => {
    expect(await codeOf(db.get(sql, params))).toBe(code);
  });

  test('answers are as the tables say', async () => {
    expect(await one('SELECT 9007199254740993', [], { readBigInts: true })).toBe(9007199254740993n);
    const blob = await one("SELECT x'01'");
    expect([Buffer.isBuffer(blob), blob.constructor.name]).toEqual([false, 'Uint8Array']);
    const insert = await db.prepare('INSERT INTO notes(id) VALUES (?)');
    expect(await insert.get([77])).toBeUndefined();
    expect(await insert.all([78])).toEqual([]);
    expect((await insert.run([2n ** 53n])).lastInsertRowid).toBe(2n ** 53n);
    expect([insert.columns(), insert.sql, insert.readonly]).toEqual([
      [],
      'INSERT INTO notes(id) VALUES (?)',
      false,
    ]);
    await expect(insert.run([77])).rejects.toMatchObject({
      code: 'SQLITE_CONSTRAINT',
      extendedCode: 'SQLITE_CONSTRAINT_PRIMARYKEY',
    });
    const reader = await store.openDatabase('a', { readOnly: true });
    expect([reader.startup.outcome, reader.actorId, reader.closed]).toEqual(['read-only', 'a', false]);
    expect(await store.stat('b')).toBeUndefined();
    expect(await one('SELECT "no such column"')).toBe('no such column');
  });
});

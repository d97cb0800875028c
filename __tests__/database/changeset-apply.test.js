// The tables that a changeset is applied to, with their triggers and full-text indexes, and who is told of it.

'use strict';

const diagnostics = require('node:diagnostics_channel');

const { Store } = require('../..');
const { onEachBackend, thrown } = require('../helpers.js');
const pair = require('./changeset-helpers.js');

onEachBackend((open) => {
  let db;
  let source;
  beforeEach(async () => {
    [db, source] = await pair.openPair(await open());
  });

  const content = (of = db) => pair.content(of);
  const changesOf = (sql) => pair.changesOf(sql, source);

  test('a filter chooses among the tables', () => {
    const changeset = changesOf(
      "INSERT INTO item VALUES (3, 'x', 1), (4, 'y', 1); INSERT INTO log VALUES (1, 'l')",
    );
    const asked = [];
    const taking = (answer) => ({ filter: (...args) => (asked.push(args), answer(args[0])) });
    expect(
      db.applyChangeset(
        changeset,
        taking(() => undefined),
      ),
    ).toBe(true);
    expect(content()[2]).toEqual([]);
    expect(
      db.applyChangeset(
        changeset,
        taking((table) => table === 'log'),
      ),
    ).toBe(true);
    expect([content()[0].length, content()[2]]).toEqual([2, [[1, 'l']]]);
    expect(asked).toEqual([['item'], ['log'], ['item'], ['log']]);
  });

  test('tables that are missing or different are passed over', () => {
    const changeset = changesOf(`
      CREATE TABLE more(a PRIMARY KEY); INSERT INTO more VALUES (1);
      CREATE TABLE key(a, b, PRIMARY KEY (a)); INSERT INTO key VALUES (1, 2);
      CREATE TABLE wide(a PRIMARY KEY, b, c); INSERT INTO wide VALUES (1, 2, 3);
      CREATE TABLE narrow(a PRIMARY KEY, b); INSERT INTO narrow VALUES (1, 2)`);
    db.execSync(`CREATE TABLE key(a, b, PRIMARY KEY (b)); CREATE TABLE wide(a PRIMARY KEY, b);
      CREATE TABLE narrow(a PRIMARY KEY, b, c DEFAULT 'd')`);
    expect(db.applyChangeset(changeset)).toBe(true);
    const rows = ['key', 'wide', 'narrow'].map((table) => db.allSync(`SELECT * FROM ${table}`));
    expect(rows).toEqual([[], [], [{ a: 1, b: 2, c: 'd' }]]);
  });

  test('triggers run, with functions in JavaScript, and what they write is recorded', () => {
    const changeset = changesOf("INSERT INTO item VALUES (3, 'x', 1)");
    db.function('shout', (text) => text.toUpperCase());
    db.execSync(
      'CREATE TRIGGER t AFTER INSERT ON item BEGIN INSERT INTO log(line) VALUES (shout(new.name)); END',
    );
    const session = db.createSession({ table: 'log' });
    expect(db.applyChangeset(changeset)).toBe(true);
    expect(content()[2]).toEqual([[1, 'X']]);
    expect(source.applyChangeset(session.changeset())).toBe(true);
    expect(content(source)[2]).toEqual([[1, 'X']]);
    const error = new RangeError('mine');
    db.function('shout', (_) => {
      throw error;
    });
    const before = content();
    expect(thrown(() => db.applyChangeset(changesOf("INSERT INTO item VALUES (4, 'y', 1)")))).toBe(error);
    expect(content()).toEqual(before);
  });

  test.each(['by itself', 'in a transaction'])('full-text tables follow, and stay whole: %s', (how) => {
    for (const each of [source, db]) {
      each.execSync("CREATE VIRTUAL TABLE doc USING fts5(body); INSERT INTO doc VALUES ('hello world')");
    }
    const changeset = changesOf("INSERT INTO doc VALUES ('another world'); DELETE FROM doc WHERE rowid = 1");
    const found = (word) =>
      db.allSync('SELECT body FROM doc WHERE doc MATCH ? ORDER BY rowid', [word]).map(({ body }) => body);
    const apply = () => {
      // It keeps what it has read.
      expect(found('hello')).toHaveLength(1);
      const rows = db.iterateSync('SELECT body FROM doc');
      rows.next();
      expect(db.applyChangeset(changeset)).toBe(true);
      rows.return();
      expect([found('hello'), found('world')]).toEqual([[], ['another world']]);
      db.runSync("INSERT INTO doc VALUES ('third world')");
    };
    if (how === 'by itself') apply();
    else db.transactionSync(apply);
    expect(found('world')).toEqual(['another world', 'third world']);
    db.runSync("INSERT INTO doc(doc, rank) VALUES ('integrity-check', 1)");
  });
});

test('it is told on the diagnostics channel, as other writes are', async () => {
  const store = await Store.open({ memory: true });
  const db = await store.openDatabase('a');
  const told = [];
  const hear = ({ operation, sql, error }) => told.push([operation, sql, error?.code]);
  const channel = 'tracing:batondb:sql:asyncEnd';
  diagnostics.subscribe(channel, hear);
  db.applyChangeset(new Uint8Array(0));
  thrown(() => db.applyChangeset(new Uint8Array([1])));
  diagnostics.unsubscribe(channel, hear);
  expect(told).toEqual([
    ['applyChangeset', '', undefined],
    ['applyChangeset', '', 'ERR_INVALID_ARG'],
  ]);
  await store.close();
});

test('large changesets are carried whole', async () => {
  const store = await Store.open({ memory: true });
  const [source, db] = await Promise.all(['a', 'b'].map((id) => store.openDatabase(id)));
  for (const each of [source, db]) each.execSync('CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB)');
  const session = source.createSession();
  source.runSync(
    'INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) SELECT i, randomblob(500) FROM n',
  );
  const changeset = session.changeset();
  expect(changeset.length).toBeGreaterThan(10_000_000);
  expect(db.applyChangeset(changeset)).toBe(true);
  const sum = 'SELECT count(*) AS n, sum(unicode(hex(v))) AS s FROM t';
  expect(db.getSync(sum)).toEqual(source.getSync(sum));
  await store.close();
});

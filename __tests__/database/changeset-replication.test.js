// Changesets that are carried to other actors: to keys under a collation, back from a fork, to a restored state, and
// how durable they are there.

'use strict';

const { join } = require('node:path');

const { Store } = require('../..');
const { onEachBackend, rejection, temporaryDirectory } = require('../helpers.js');
const tables = require('./session-helpers.js');

const { SCHEMA, items } = tables;

const directory = temporaryDirectory();

onEachBackend((open) => {
  let store;
  let db;
  let copy;
  beforeEach(async () => {
    store = await open();
    db = await tables.opened(store, 'a');
    copy = await tables.opened(store, 'b');
  });

  const add = (id, name, into = db) => tables.add(id, name, into);

  test('keys in the order of a collation are found by it, and nothing is applied where it fails', async () => {
    const upside = (a, b) =>
      a.toLowerCase() < b.toLowerCase() ? 1 : Number(a.toLowerCase() > b.toLowerCase()) * -1;
    for (const each of [db, copy]) {
      each.collation('upside', upside);
      each.execSync('CREATE TABLE word(text TEXT COLLATE upside PRIMARY KEY, n) WITHOUT ROWID');
      for (const word of ['a', 'b', 'c', 'd']) each.runSync('INSERT INTO word VALUES (?, 0)', [word]);
    }
    const session = db.createSession({ table: 'word' });
    db.execSync(
      "UPDATE word SET n = 1 WHERE text = 'B'; DELETE FROM word WHERE text = 'C'; INSERT INTO word VALUES ('e', 2)",
    );
    const changeset = session.changeset();
    session.close();
    const words = () => copy.allSync('SELECT text, n FROM word', [], { rowMode: 'array' });
    const before = words();
    for (let fails = 1; fails <= 5; fails += 1) {
      let compared = 0;
      copy.collation('upside', (a, b) => {
        compared += 1;
        if (compared === fails) throw new TypeError('no order');
        return upside(a, b);
      });
      expect(() => copy.applyChangeset(changeset)).toThrow(new TypeError('no order'));
      copy.collation('upside', upside);
      expect(words()).toEqual(before);
      expect(await rejection(copy.run("INSERT INTO word VALUES ('x', 0)"))).toMatchObject({
        message: expect.stringContaining('upside'),
      });
    }
    expect(copy.applyChangeset(changeset)).toBe(true);
    expect(words()).toEqual([
      ['e', 2],
      ['d', 0],
      ['b', 1],
      ['a', 0],
    ]);
  });

  test('a fork is synchronized back', async () => {
    add(1, 'one');
    await store.fork('a', 'trial');
    const trial = await store.openDatabase('trial', { allowBlocking: true });
    const session = trial.createSession();
    await trial.run("UPDATE item SET name = 'better'");
    add(2, 'two', trial);
    expect(db.applyChangeset(session.changeset())).toBe(true);
    expect(items(db)).toEqual(items(trial));
  });
});

test('a session of a past state sees nothing change, and an applied changeset is one state of the past', async () => {
  const store = await Store.open({ memory: true, history: { keepAll: '1h' } });
  const db = await store.openDatabase('a');
  db.execSync(SCHEMA);
  const before = await db.point();
  const source = db.createSession();
  db.runSync("INSERT INTO item VALUES (1, 'one', 0), (2, 'two', 0)");
  const changeset = source.changeset();
  const past = await store.openDatabase('a', { readOnly: true, at: before });
  expect(past.createSession().changeset()).toHaveLength(0);
  expect(() => past.applyChangeset(changeset)).toThrow('readonly');
  await store.restore('a', { to: before });
  const again = await store.openDatabase('a');
  const restored = await again.point();
  const { commits } = again.stats();
  expect(again.applyChangeset(changeset)).toBe(true);
  expect(again.applyChangeset(changeset)).toBe(false);
  expect(again.stats().commits - commits).toBe(1);
  const unchanged = await store.openDatabase('a', { readOnly: true, at: restored });
  expect([unchanged, again].map((each) => each.getSync('SELECT count(*) AS n FROM item').n)).toEqual([0, 2]);
  await store.close();
});

describe('an applied changeset', () => {
  test.each(['full', 'deferred'])('is durable as other writes are: %s', async (durability) => {
    const path = join(directory, durability);
    let store = await Store.open({ path });
    const source = await store.openDatabase('source');
    source.execSync(SCHEMA);
    const session = source.createSession();
    for (let id = 1; id <= 500; id += 1) source.runSync('INSERT INTO item VALUES (?, ?, 0)', [id, 'x']);
    const db = await store.openDatabase('a', { durability });
    db.execSync(SCHEMA);
    await db.flushed();
    const before = db.stats();
    expect(db.applyChangeset(session.changeset())).toBe(true);
    if (durability === 'full') expect(db.stats().commits - before.commits).toBe(1);
    await db.flushed();
    expect(db.stats().commits - before.commits).toBe(1);
    await store.close();
    store = await Store.open({ path });
    const again = await store.openDatabase('a');
    expect(again.getSync('SELECT count(*) AS n FROM item')).toEqual({ n: 500 });
    await store.close();
  });
});

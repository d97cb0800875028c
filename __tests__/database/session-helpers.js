// The tables of the tests of sessions, and rows for them.

'use strict';

const SCHEMA = `
  CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, n INTEGER);
  CREATE TABLE pair(a TEXT, b TEXT, v, PRIMARY KEY (a, b)) WITHOUT ROWID;
  CREATE TABLE keyless(v);
  CREATE TABLE log(id INTEGER PRIMARY KEY, line TEXT);`;

/** Opens an actor for synchronous calls. Unless it is read-only, it gets the tables. */
async function opened(store, id, options) {
  const database = await store.openDatabase(id, { allowBlocking: true, ...options });
  if (!options?.readOnly) database.execSync(SCHEMA);
  return database;
}

/** The rows of `item`. */
function items(of) {
  return of.allSync('SELECT id, name, n FROM item ORDER BY id', [], { rowMode: 'array' });
}

/** Adds a row to `item`. */
function add(id, name, into) {
  return into.runSync('INSERT INTO item VALUES (?, ?, 0)', [id, name]);
}

module.exports = { SCHEMA, add, items, opened };

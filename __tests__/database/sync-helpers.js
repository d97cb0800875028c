// A database of items, for tests of synchronous calls.

'use strict';

/** Opens a new actor for synchronous calls, with a table of items that is empty. */
async function openItems(store) {
  const db = await store.openDatabase('a', { allowBlocking: true });
  db.execSync('CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE log (line TEXT)');
  return db;
}

/** The names of all items, the oldest first. */
function names(of) {
  return of.allSync('SELECT name FROM items ORDER BY id').map(({ name }) => name);
}

/** Adds an item. */
function insert(name, into) {
  return into.runSync('INSERT INTO items (name) VALUES (?)', [name]);
}

module.exports = { insert, names, openItems };

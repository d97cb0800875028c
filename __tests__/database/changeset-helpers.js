// Two actors with the same rows, for tests that apply the changesets of one to the other.

'use strict';

const { constants } = require('../..');

const {
  SQLITE_CHANGESET_OMIT: OMIT,
  SQLITE_CHANGESET_REPLACE: REPLACE,
  SQLITE_CHANGESET_ABORT: ABORT,
} = constants;
const { SQLITE_CHANGESET_DATA: DATA, SQLITE_CHANGESET_NOTFOUND: NOTFOUND } = constants;
const { SQLITE_CHANGESET_CONFLICT: CONFLICT, SQLITE_CHANGESET_CONSTRAINT: CONSTRAINT } = constants;
const { SQLITE_CHANGESET_FOREIGN_KEY: FOREIGN_KEY } = constants;

const SCHEMA = `
  CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT UNIQUE, n INTEGER CHECK (n < 100));
  CREATE TABLE part(id INTEGER PRIMARY KEY, item INTEGER REFERENCES item(id), v BLOB);
  CREATE TABLE log(id INTEGER PRIMARY KEY, line TEXT);`;

/** Opens both: the one that changesets are applied to, and the one that they are of. */
async function openPair(store) {
  const pair = await Promise.all(['a', 'b'].map((id) => store.openDatabase(id, { allowBlocking: true })));
  for (const each of pair) {
    each.execSync(SCHEMA);
    each.execSync(
      "INSERT INTO item VALUES (1, 'one', 1), (2, 'two', 2); INSERT INTO part VALUES (1, 1, x'00')",
    );
  }
  return pair;
}

/** The rows of every table. */
function content(of) {
  return ['item', 'part', 'log'].map((table) =>
    of.allSync(`SELECT * FROM ${table}`, [], { rowMode: 'array' }),
  );
}

/** The rows of `item`, each as a text. */
function items(of) {
  return content(of)[0].map((row) => row.join(' '));
}

/** The changeset of a script on an actor. */
function changesOf(sql, source) {
  const session = source.createSession();
  source.execSync(sql);
  const bytes = session.changeset();
  session.close();
  return bytes;
}

module.exports = {
  ABORT,
  CONFLICT,
  CONSTRAINT,
  DATA,
  FOREIGN_KEY,
  NOTFOUND,
  OMIT,
  REPLACE,
  changesOf,
  content,
  items,
  openPair,
};

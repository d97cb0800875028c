'use strict';

const { durableObjectStorage } = require('../../../adapters/durable-object.js');
const { refused: thrown } = require('../../helpers.js');

/** Opens a database as ported code does, and makes a table of three rows. */
async function open(store, options, databaseOptions = { durability: 'deferred' }) {
  const db = await store.openDatabase('a', { allowBlocking: true, ...databaseOptions });
  const storage = durableObjectStorage(db, options);
  storage.sql.exec("CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three')");
  return { db, storage, sql: storage.sql };
}

const QUERY = 'SELECT a, b FROM t ORDER BY rowid';
const ROWS = [
  { a: 1, b: 'one' },
  { a: 2, b: 'two' },
  { a: 3, b: 'three' },
];

/** A table `big` whose rows do not fit in one answer of the addon. */
function fill(sql, count = 20_000) {
  sql.exec('CREATE TABLE big (id INTEGER PRIMARY KEY, text)');
  sql.exec(
    `INSERT INTO big WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ${count})
     SELECT i, hex(zeroblob(10)) FROM n`,
  );
}

module.exports = { QUERY, ROWS, fill, open, thrown };

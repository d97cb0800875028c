'use strict';

// Programs for better-sqlite3. Each of them runs on better-sqlite3 itself and on Baton, and says the same on both: what
// `say` is given is called, and its result or its error is noted.

const aboutDatabases = require('./programs/database.js');
const aboutFunctions = require('./programs/functions.js');
const aboutStatements = require('./programs/statements.js');
const aboutValues = require('./programs/values.js');

const TABLES = `
  CREATE TABLE user (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, age INTEGER, score REAL, data BLOB);
  CREATE TABLE post (id INTEGER PRIMARY KEY, author INTEGER REFERENCES user (id), title TEXT, CHECK (length(title) > 0));
  INSERT INTO user VALUES (1, 'ada', 36, 1.5, x'00ff'), (2, 'bob', NULL, -2, NULL), (3, 'eve', 99, 1e100, x'');
  INSERT INTO post VALUES (10, 1, 'first'), (11, 1, 'second'), (12, 2, 'third');
`;

const PROGRAMS = { ...aboutStatements, ...aboutValues, ...aboutDatabases, ...aboutFunctions };

/** What the `verbose` function of a database is told. */
function logged(open) {
  const said = [];
  const db = open({ verbose: (sql) => said.push(sql) });
  db.exec('CREATE TABLE t (a, b)');
  db.prepare('INSERT INTO t VALUES (?, $b)').run(5, { b: "it's" });
  db.prepare('SELECT ?2, ?, ?1 -- a ? too\n').all(9, { 1: 1.25, 2: null });
  db.prepare('SELECT \'?\', "a" AS [?], a$b, ? FROM (SELECT a, 1 AS a$b FROM t)')
    .safeIntegers()
    .get(2n ** 60n);
  const rows = db.prepare('SELECT a FROM t WHERE b <> ?').iterate(Buffer.from([1, 255]));
  rows.next();
  rows.return();
  db.pragma('user_version');
  db.transaction(() => {})();
  return said;
}

module.exports = { PROGRAMS, TABLES, logged };

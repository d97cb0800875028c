'use strict';

const { split, statementsOf } = require('../lib/cli/sql-text.js');

test.each([
  ['SELECT 1', ['SELECT 1']],
  ['SELECT 1; SELECT 2;', ['SELECT 1', 'SELECT 2']],
  [' ; ;\n-- nothing;\n/* or; */ ;', []],
  ["SELECT ';' ; SELECT 'it''s;'", ["SELECT ';'", "SELECT 'it''s;'"]],
  ['SELECT ";", `;`, [;]; SELECT 2', ['SELECT ";", `;`, [;]', 'SELECT 2']],
  ['SELECT 1 -- a; b\n; SELECT /* ; */ 2', ['SELECT 1 -- a; b', 'SELECT /* ; */ 2']],
  [
    'CREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT 1; SELECT 2; END; SELECT 3',
    ['CREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT 1; SELECT 2; END', 'SELECT 3'],
  ],
  [
    'create temp trigger t after insert on x begin select 1; end; select 2',
    ['create temp trigger t after insert on x begin select 1; end', 'select 2'],
  ],
  ["CREATE TABLE t (x DEFAULT 'END'); SELECT 1", ["CREATE TABLE t (x DEFAULT 'END')", 'SELECT 1']],
  ['SELECT CASE 1 WHEN 1 THEN 2 END; SELECT 3', ['SELECT CASE 1 WHEN 1 THEN 2 END', 'SELECT 3']],
])('%j has these statements', (script, statements) => {
  expect(statementsOf(script)).toEqual(statements);
});

test.each([
  "SELECT 'a;",
  'SELECT "a;',
  'SELECT 1 /* ;',
  'CREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT 1;',
])('%j is not at its end', (text) => {
  expect(split(text)).toEqual({ statements: [], rest: text });
});

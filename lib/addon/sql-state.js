// How SQLite sees SQL text that somebody types.

'use strict';

/** @param {string} sql */
function stateOf(sql) {
  // Only now: adapters can be imported without an addon, as for their types or a bundle.
  const { NativeDatabase } = require('./native.js');
  return NativeDatabase.sqlState(sql);
}

const BLANK = 0;
const COMPLETE = 2;

/**
 * Whether there is no statement in it: nothing but blanks, semicolons and comments.
 *
 * @param {string} sql
 */
function isBlank(sql) {
  // Most texts say so at once, and need not be copied to the addon.
  return !/^\s*\w/.test(sql) && stateOf(sql) === BLANK;
}

/**
 * Whether its last statement has its semicolon.
 *
 * @param {string} sql
 */
function isComplete(sql) {
  return stateOf(sql) === COMPLETE;
}

module.exports = { isBlank, isComplete };

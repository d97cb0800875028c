// How SQLite sees SQL text that somebody types.

'use strict';

/** @param {string} sql */
function stateOf(sql) {
  // Loaded late: adapters can be imported without an addon, for their types or for a bundle.
  const { NativeDatabase } = require('./native.js');
  return NativeDatabase.sqlState(sql);
}

const BLANK = 0;
const COMPLETE = 2;

/**
 * Whether a text contains no statement: only whitespace, semicolons and comments.
 *
 * @param {string} sql
 */
function isBlank(sql) {
  // Most texts show this at once, and need not be copied to the addon.
  return !/^\s*\w/.test(sql) && stateOf(sql) === BLANK;
}

/**
 * Whether the last statement of a text has its semicolon.
 *
 * @param {string} sql
 */
function isComplete(sql) {
  return stateOf(sql) === COMPLETE;
}

/**
 * The first word of a text behind whitespace, semicolons and comments, in lower case.
 *
 * @param {string} sql
 */
function firstWord(sql) {
  const word = /^(?:[\s;\ufeff]|--[^\n]*(?:\n|$)|\/\*[^]*?(?:\*\/|$))*([a-z]*)/i.exec(sql);
  return (word?.[1] ?? '').toLowerCase();
}

module.exports = { firstWord, isBlank, isComplete };

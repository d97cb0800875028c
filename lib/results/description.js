// What the addon says about a prepared statement: its columns and parameters, as JSON.
//
// A text is one value to hand over, where objects would be four for each column. Most statements are prepared again
// and again, so what their text says is kept.

'use strict';

/**
 * @typedef {object} Description Shared by all statements that are described so; nobody changes it.
 * @property {readonly import('../../index.js').ColumnInfo[]} columns
 * @property {readonly (string | null)[]} parameters
 * @property {boolean} readonly
 */

/** Some hundred bytes each. */
const KEPT_MAX = 500;
/** A longer text is not likely to come again. */
const KEPT_LENGTH_MAX = 4_096;

/** @type {Map<string, Description>} */
const kept = new Map();

/**
 * @param {string} text
 * @returns {Description}
 */
function described(text) {
  let description = kept.get(text);
  if (description === undefined) {
    description = parse(text);
    if (text.length <= KEPT_LENGTH_MAX) {
      if (kept.size >= KEPT_MAX) {
        kept.clear();
      }
      kept.set(text, description);
    }
  }
  return description;
}

/**
 * @param {string} text
 * @returns {Description}
 */
function parse(text) {
  /** @type {[[string, string | null, string | null, string | null][], (string | null)[], boolean]} */
  const [columns, parameters, readonly] = JSON.parse(text);
  return {
    columns: columns.map(([name, column, table, type]) => ({ name, column, table, type })),
    parameters,
    readonly,
  };
}

module.exports = { described };

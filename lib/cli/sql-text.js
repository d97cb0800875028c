// Where statements of SQL end: enough of its grammar to cut a script, and to know whether a line is to be continued.

'use strict';

/** Words, strings, comments, and every other character by itself. */
const TOKEN =
  /\s+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\[[^\]]*(?:\]|$)|[\p{L}\p{N}_$]+|[\s\S]/gu;

/**
 * Cuts a script into statements, each without its semicolon, and what is left behind the last one.
 *
 * @param {string} text
 * @returns {{ statements: string[], rest: string }}
 */
function split(text) {
  /** @type {string[]} */
  const statements = [];
  let start = 0;
  /** @type {string[]} */
  let words = [];
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (/^[\p{L}\p{N}_$]/u.test(token)) {
      words.push(token.toUpperCase());
    } else if (token === ';') {
      // Inside of a trigger statements end with semicolons too; it ends with END.
      if (!isTrigger(words) || words.at(-1) === 'END') {
        const statement = text.slice(start, index).trim();
        if (!isEmpty(statement)) statements.push(statement);
        start = index + 1;
        words = [];
      } else {
        words.push(';');
      }
    } else if (!/^(?:\s|--|\/\*)/.test(token)) {
      words.push(token);
    }
  }
  return { statements, rest: text.slice(start) };
}

/** @param {string[]} words */
function isTrigger(words) {
  const name = words[1] === 'TEMP' || words[1] === 'TEMPORARY' ? words[2] : words[1];
  return words[0] === 'CREATE' && name === 'TRIGGER';
}

/**
 * Whether there is nothing in it but blanks and comments.
 *
 * @param {string} text
 */
function isEmpty(text) {
  return [...text.matchAll(TOKEN)].every(([token]) => /^(?:\s|--|\/\*)/.test(token));
}

/**
 * All statements of a script; the last one needs no semicolon.
 *
 * @param {string} text
 */
function statementsOf(text) {
  const { statements, rest } = split(text);
  return isEmpty(rest) ? statements : [...statements, rest.trim()];
}

module.exports = { isEmpty, split, statementsOf };

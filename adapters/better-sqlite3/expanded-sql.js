// The SQL of a statement with the values of its parameters written into it, for logs and `toString()`. It never runs.

'use strict';

const { AS_REAL } = require('../../lib/arguments/parameters-check.js');

const ID = String.raw`[\w$\u0080-\uffff]`;
/** What a parameter cannot be part of (quoted text, comments, names, numbers), and parameters. */
const TOKEN = new RegExp(
  [
    String.raw`'[^']*'|"[^"]*"|\`[^\`]*\`|\[[^\]]*\]|--[^\n]*|/\*[^]*?\*/`,
    String.raw`(?<parameter>\?\d*|[:@$#](?:${ID}|::)+(?:\([^)]*\))?)`,
    `${ID}+`,
  ].join('|'),
  'g',
);

/**
 * @param {{ sql: string, parameters: readonly (string | null)[] }} statement
 * @param {readonly unknown[] | undefined} values By position.
 */
function expandedSql({ sql, parameters }, values) {
  if (values === undefined) {
    return sql;
  }
  // SQLite numbers a plain "?" by what came before it.
  let last = 0;
  return sql.replace(TOKEN, (token, ...rest) => {
    const { parameter } = rest[rest.length - 1];
    if (parameter === undefined) {
      return token;
    }
    const number = token === '?' ? last + 1 : parameters.indexOf(token) + 1;
    last = Math.max(last, number);
    return number >= 1 && number <= values.length ? literal(values[number - 1]) : token;
  });
}

/**
 * @param {any} value
 * @returns {string}
 */
function literal(value) {
  switch (typeof value) {
    case 'number':
      return real(value);
    case 'string':
      return `'${value.replaceAll("'", "''")}'`;
    case 'bigint':
      return String(value);
  }
  if (value === null || value === undefined) {
    return 'NULL';
  }
  const whole = value[AS_REAL];
  return whole === undefined
    ? `x'${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}'`
    : real(whole);
}

/**
 * As many digits as SQLite writes.
 *
 * @param {number} value
 */
function real(value) {
  const text = String(Number(value.toPrecision(15)));
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

module.exports = { expandedSql };

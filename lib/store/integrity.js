// SQLite's own check of one database, as far as it goes without what the process has defined that uses the database.

'use strict';

const { isBatonError } = require('../error.js');

/** The maximum number of findings of one `PRAGMA integrity_check`: SQLite's own default. */
const FINDINGS_MAX = 100;
/** How SQLite says that it does not know a function or a collation. */
const UNKNOWN = /^(unknown function|no such function|no such collation sequence): /;

/** @typedef {InstanceType<typeof import('../database/database.js').Database>} Database */
/** @typedef {import('../../index.js').Queries} Queries */

/**
 * What is damaged, and what could not be checked.
 *
 * @typedef {{ damage: string[], unchecked: string[] }} Findings
 */

/**
 * @param {Database} database
 * @returns {Promise<Findings>}
 */
async function checkIntegrity(database) {
  const { damage, unknown } = await asked(database, 'integrity_check', String(FINDINGS_MAX));
  return unknown === undefined ? { damage, unchecked: [] } : await checkTables(database);
}

/**
 * Table by table, since one that needs an unknown function or collation fails as a whole.
 *
 * @param {Database} database
 * @returns {Promise<Findings>}
 */
async function checkTables(database) {
  return await database.transaction(async (tx) => {
    /** @type {Findings} */
    const found = { damage: [], unchecked: [] };
    const tables = await tx.all(
      "SELECT 'sqlite_schema' UNION ALL SELECT name FROM sqlite_schema WHERE type = 'table'",
      [],
      { rowMode: 'array' },
    );
    for (const [table] of tables) {
      if (found.damage.length < FINDINGS_MAX) {
        await checkTable(tx, String(table), found);
      }
    }
    return found;
  });
}

/**
 * @param {Queries} tx
 * @param {string} table
 * @param {Findings} found
 */
async function checkTable(tx, table, found) {
  const name = `"${table.replaceAll('"', '""')}"`;
  const whole = await asked(tx, 'integrity_check', name);
  found.damage.push(...whole.damage);
  if (whole.unknown === undefined) return;
  // It does not look into indexes, for which functions are needed.
  const quick = await asked(tx, 'quick_check', name);
  found.damage.push(...quick.damage);
  const left = quick.unknown === undefined ? 'the entries of its indexes were' : 'it was';
  found.unchecked.push(
    `table ${table}: ${left} not checked: ${whole.unknown}; ` +
      "db.allSync('PRAGMA integrity_check') checks all where that is defined",
  );
}

/**
 * @param {Queries} queries
 * @param {string} pragma
 * @param {string} argument
 * @returns {Promise<{ damage: string[], unknown?: string }>}
 */
async function asked(queries, pragma, argument) {
  try {
    const rows = await queries.all(`PRAGMA ${pragma}(${argument})`, [], { rowMode: 'array' });
    return { damage: rows.map(([row]) => String(row)).filter((row) => row !== 'ok') };
  } catch (thrown) {
    const { code, message } = /** @type {import('../../index.js').BatonError} */ (thrown);
    if (isBatonError(thrown) && code === 'SQLITE_ERROR' && UNKNOWN.test(message)) {
      return { damage: [], unknown: message };
    }
    throw thrown;
  }
}

module.exports = { checkIntegrity };

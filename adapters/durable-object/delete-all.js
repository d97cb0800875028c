// `storage.deleteAll()`: all tables of the database, those of keys and values among them. The actor stays, and so does
// its owner.

'use strict';

const { isBatonError } = require('../../lib/error.js');

/** @typedef {import('../../index.js').Database} Database */

/** Virtual tables first: they take their shadow tables along. Then views, which refer to tables. */
const NEXT = `
  SELECT type, name FROM sqlite_schema
  WHERE type IN ('table', 'view') AND (name NOT LIKE 'sqlite\\_%' ESCAPE '\\' OR name LIKE 'sqlite\\_stat_' ESCAPE '\\')
  ORDER BY sql LIKE 'CREATE VIRTUAL%' DESC, type DESC LIMIT 1`;

/** @param {Database} database */
function deleteEverything(database) {
  const foreignKeys = database.getSync('PRAGMA foreign_keys', [], { rowMode: 'array' });
  database.execSync('PRAGMA foreign_keys = OFF');
  try {
    database.transactionSync(() => {
      let next = database.getSync(NEXT);
      while (next) {
        const { type, name } = /** @type {{ type: string, name: string }} */ (next);
        database.execSync(`DROP ${type.toUpperCase()} "${name.replaceAll('"', '""')}"`);
        next = database.getSync(NEXT);
      }
      database.execSync('PRAGMA user_version = 0; PRAGMA application_id = 0');
    });
  } finally {
    database.execSync(`PRAGMA foreign_keys = ${foreignKeys?.[0]}`);
  }
  try {
    database.execSync('VACUUM');
  } catch (error) {
    // Beside an open cursor there is no VACUUM. All is deleted, and its pages are used again.
    if (!isBatonError(error, 'SQLITE_ERROR')) throw error;
  }
}

/**
 * Deletes everything, as soon as nothing else of the database runs.
 *
 * @param {Database} database
 */
async function deleteAll(database) {
  for (;;) {
    try {
      return deleteEverything(database);
    } catch (error) {
      if (!isBatonError(error, 'ERR_BUSY')) throw error;
    }
    await database.get('SELECT 1');
  }
}

module.exports = { deleteAll };

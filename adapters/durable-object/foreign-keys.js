// `PRAGMA foreign_keys` inside of a transaction.
//
// SQLite passes over it there, and so does a Durable Object. Baton refuses it, because what follows may lose rows: a
// table that is dropped takes along those that refer to it with ON DELETE CASCADE. drizzle-kit writes such migrations,
// and its migrator runs them in a transaction. So the pragma is passed over here, and a DROP TABLE that would change
// other tables is refused.

'use strict';

const { BatonError } = require('../../lib/error.js');

/** @typedef {import('../arguments.js').AllQueries} Queries */

const PRAGMA = /\bpragma\s+(?:main\s*\.\s*)?foreign_keys\s*(?:=|\()\s*['"]?(\w+)['"]?\s*\)?\s*;?\s*$/i;
const OFF = ['off', 'false', 'no', '0'];
const DROP =
  /\bdrop\s+table\s+(?:if\s+exists\s+)?(?:main\s*\.\s*)?(?:"((?:[^"]|"")+)"|`((?:[^`]|``)+)`|\[([^\]]+)\]|(\w+))/i;

const CASCADES = `
  SELECT child.name AS child, key.on_delete AS action
  FROM sqlite_schema AS child, pragma_foreign_key_list(child.name) AS key
  WHERE child.type = 'table' AND key."table" = ?1 COLLATE NOCASE AND child.name <> ?1 COLLATE NOCASE
    AND key.on_delete IN ('CASCADE', 'SET NULL', 'SET DEFAULT')`;

/**
 * Whether a statement is the pragma in a transaction, which has no effect there.
 *
 * @param {string} sql
 * @param {import('./scopes.js').Frame | undefined} frame
 */
function passesOver(sql, frame) {
  const [, value] = (frame && PRAGMA.exec(sql)) ?? [];
  if (frame === undefined || value === undefined) {
    return false;
  }
  frame.isForeignKeysOff = OFF.includes(value.toLowerCase());
  return true;
}

/**
 * @param {string} sql
 * @param {Queries} queries
 */
function refuseCascade(sql, queries) {
  const [, double, back, bracketed, bare] = DROP.exec(sql) ?? [];
  const table = double?.replaceAll('""', '"') ?? back?.replaceAll('``', '`') ?? bracketed ?? bare;
  if (table === undefined) {
    return;
  }
  const cascades = /** @type {{ child: string, action: string }[]} */ (queries.allSync(CASCADES, [table]));
  const hit = cascades.find(({ child }) => queries.getSync(`SELECT 1 FROM ${quoted(child)}`) !== undefined);
  if (hit && queries.getSync(`SELECT 1 FROM ${quoted(table)}`) !== undefined) {
    throw new BatonError(
      'ERR_INVALID_ARG',
      `DROP TABLE ${quoted(table)} is refused: rows of ${quoted(hit.child)} refer to it with ON DELETE ${hit.action} and ` +
        'would change, since PRAGMA foreign_keys = OFF has no effect inside a transaction. Run the pragma before the ' +
        'transaction begins, or migrate with batondb/drizzle',
    );
  }
}

/** @param {string} name */
function quoted(name) {
  return `"${name.replaceAll('"', '""')}"`;
}

module.exports = { passesOver, refuseCascade };

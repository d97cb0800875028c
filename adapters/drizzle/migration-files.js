// What drizzle-kit has generated: as its `migrations.js` exports it, or as the files of its folder. And which of it a
// database has not seen.

'use strict';

const { createHash } = require('node:crypto');
const { readFile } = require('node:fs/promises');
const { join } = require('node:path');
const { fileURLToPath } = require('node:url');

const check = require('../../lib/arguments/check.js');
const { BatonError } = require('../../lib/error.js');

/** @typedef {{ tag: string, when: number, hash: string, statements: string[] }} Migration */
/** @typedef {{ hash: unknown, created_at: unknown }} AppliedMigration A row of Drizzle's table. */

const BREAKPOINT = '--> statement-breakpoint';
const JOURNAL = join('meta', '_journal.json');

/**
 * @param {any} journal
 * @param {string} name
 * @param {(entry: { idx: number, tag: string }, name: string) => unknown} read Finds the SQL of an entry.
 * @returns {Promise<Migration[]>}
 */
async function migrationsOf(journal, name, read) {
  if (!Array.isArray(journal?.entries)) {
    throw check.invalid(name, "drizzle-kit's journal, with a list of entries", journal);
  }
  const migrations = [];
  for (const [index, entry] of journal.entries.entries()) {
    const place = `${name}.entries[${index}]`;
    const idx = check.integer(entry?.idx, `${place}.idx`, 0, Number.MAX_SAFE_INTEGER);
    const when = check.integer(entry.when, `${place}.when`, 0, Number.MAX_SAFE_INTEGER);
    const tag = String(entry.tag);
    const text = /** @type {string} */ (await read({ idx, tag }, place));
    const hash = createHash('sha256').update(text).digest('hex');
    migrations.push({ tag, when, hash, statements: text.split(BREAKPOINT) });
  }
  return migrations;
}

/**
 * @param {any} journal
 * @param {any} migrations
 */
async function givenMigrations(journal, migrations) {
  if (typeof migrations !== 'object' || migrations === null) {
    const expected = 'an object with the SQL of m0000, m0001 and so on, where there is no migrationsFolder';
    throw check.invalid('config.migrations', expected, migrations);
  }
  return await migrationsOf(journal, 'config.journal', ({ idx }) => {
    const key = `m${String(idx).padStart(4, '0')}`;
    return check.string(migrations[key], `config.migrations.${key}`);
  });
}

/** @param {unknown} value A path, or a `file:` URL. */
async function migrationsIn(value) {
  const folder =
    value instanceof URL ? fileURLToPath(value) : check.nonEmptyString(value, 'config.migrationsFolder');
  /** @param {string} file */
  const read = async (file) => {
    try {
      return await readFile(join(folder, file), 'utf8');
    } catch (cause) {
      const { code } = /** @type {NodeJS.ErrnoException} */ (cause);
      const message = `config.migrationsFolder: ${join(folder, file)} cannot be read (${code})`;
      throw new BatonError('ERR_INVALID_ARG', message, { cause });
    }
  };
  const text = await read(JOURNAL);
  let journal;
  try {
    journal = JSON.parse(text);
  } catch (cause) {
    const message = `config.migrationsFolder: ${join(folder, JOURNAL)} is not JSON: ${cause}`;
    throw new BatonError('ERR_INVALID_ARG', message, { cause });
  }
  return await migrationsOf(journal, join(folder, JOURNAL), ({ tag }) => read(`${tag}.sql`));
}

/**
 * Those that no row stands for, in the order of the journal. A row stands for the migration of its time, or else for one
 * with its hash: of a journal that was put in order again, and of SQL that was formatted again, nothing runs twice. Each
 * stands for one, since two migrations may have the same SQL.
 *
 * @param {readonly Migration[]} migrations
 * @param {readonly AppliedMigration[]} rows
 * @returns {Migration[]}
 */
function missingOf(migrations, rows) {
  const left = [...rows];
  /** @param {(row: AppliedMigration) => boolean} isIt */
  const take = (isIt) => {
    const index = left.findIndex(isIt);
    return index !== -1 && left.splice(index, 1).length > 0;
  };
  const unseen = migrations.filter(
    ({ when }) => !take((row) => row.created_at !== null && Number(row.created_at) === when),
  );
  return unseen.filter(({ hash }) => !take((row) => row.hash === hash));
}

module.exports = { givenMigrations, migrationsIn, missingOf };

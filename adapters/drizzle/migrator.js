// `migrate(db, config)`: brings a database to the newest of the migrations that drizzle-kit has made.
//
// All that is missing is applied in one transaction, in which it is also found out what is missing: of two callers at
// once the second finds nothing to do, and a migration that fails leaves nothing behind, not even the table of
// migrations. The table is Drizzle's own, hashes included, so its other tools and migrators go on from here.
//
// Drizzle 0.45 takes what is newer than the newest row for what is missing, and passes over a migration of a branch that
// was merged late. Here that one is applied, too, as it is by Drizzle 1.0.
//
// Where drizzle-kit makes a table anew it turns foreign keys off, drops the old one and turns them on again. Inside of
// a transaction SQLite passes over that PRAGMA, and DROP TABLE would delete what refers to the table. So it is turned
// around the transaction, with calls made in one turn of the event loop, which nothing can come between.

'use strict';

const check = require('../../lib/arguments/check.js');
const { BatonError } = require('../../lib/error.js');
const { queries } = require('../arguments.js');
const { givenMigrations, migrationsIn, missingOf } = require('./migration-files.js');

/** @typedef {import('./peer.js').Peer} Peer */
/** @typedef {import('../../index.js').Queries} Queries */
/** @typedef {import('./migration-files.js').Migration} Migration */

const OPTIONS = ['journal', 'migrations', 'migrationsFolder', 'migrationsTable'];
const FOREIGN_KEYS_OFF = /\bPRAGMA\s+foreign_keys\s*=\s*(?:OFF|0|FALSE|NO)\b/i;
/** One that is a statement of a migration. Inside of the transaction it is refused where it would change the setting. */
const FOREIGN_KEYS_SET = /(^|;)\s*PRAGMA\s+foreign_keys\s*=\s*\w+\s*(?=;|$)/gi;
const TABLE_DEFAULT = '__drizzle_migrations';

/**
 * @param {unknown} value
 * @returns {Promise<{ table: string, migrations: Migration[] }>}
 */
async function checkedConfig(value) {
  const { journal, migrations, migrationsFolder, migrationsTable } = check.object(value, 'config', OPTIONS);
  const table = check.nonEmptyString(migrationsTable ?? TABLE_DEFAULT, 'config.migrationsTable');
  if (migrationsFolder === undefined) {
    return { table, migrations: await givenMigrations(journal, migrations) };
  }
  if (journal !== undefined || migrations !== undefined) {
    throw check.invalid('config.migrationsFolder', 'absent where there is a journal', migrationsFolder);
  }
  return { table, migrations: await migrationsIn(migrationsFolder) };
}

/** @param {Peer} peer */
function makeMigrate({ DrizzleQueryError }) {
  /**
   * @param {Queries} tx
   * @param {string} table Quoted.
   * @param {Migration} migration
   */
  async function apply(tx, table, { tag, when, hash, statements }) {
    for (const statement of statements) {
      try {
        await tx.exec(statement.replace(FOREIGN_KEYS_SET, '$1'));
      } catch (error) {
        const told = new DrizzleQueryError(statement, [], /** @type {Error} */ (error));
        throw Object.assign(told, { migration: tag });
      }
    }
    await tx.run(`INSERT INTO ${table} ("hash", "created_at") VALUES (?, ?)`, [hash, when]);
  }

  /**
   * @param {Queries} tx
   * @param {Awaited<ReturnType<typeof checkedConfig>>} config
   */
  async function applyMissing(tx, { table: name, migrations }) {
    const table = `"${name.replaceAll('"', '""')}"`;
    await tx.exec(
      `CREATE TABLE IF NOT EXISTS ${table} (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)`,
    );
    const rows = await tx.all(`SELECT hash, created_at FROM ${table} ORDER BY rowid`);
    const missing = missingOf(migrations, /** @type {any[]} */ (rows));
    const isChecked = missing.some(turnsForeignKeysOff);
    if (isChecked) {
      await refuseForeignKeys(tx);
    }
    const before = isChecked ? await violations(tx) : 0;
    for (const migration of missing) {
      await apply(tx, table, migration);
    }
    const after = isChecked ? await violations(tx) : 0;
    if (after > before) {
      const message = `The migrations leave ${after - before} rows behind that refer to rows which do not exist`;
      throw new BatonError('SQLITE_CONSTRAINT', message, {
        extendedCode: 'SQLITE_CONSTRAINT_FOREIGNKEY',
        rawCode: 787,
      });
    }
  }

  /**
   * @param {any} db
   * @param {unknown} config
   */
  return async function migrate(db, config) {
    const client = queries(db?.$client, "db (it is made by batondb/drizzle's drizzle)");
    const checked = await checkedConfig(config);
    const run = () => client.transaction((/** @type {Queries} */ tx) => applyMissing(tx, checked));
    const { foreign_keys: areOn } = await client.get('PRAGMA foreign_keys');
    if (areOn === 1 && checked.migrations.some(turnsForeignKeysOff)) {
      await withoutForeignKeys(client, run);
    } else {
      await run();
    }
  };
}

/**
 * @param {Queries} client
 * @param {() => Promise<void>} run
 */
async function withoutForeignKeys(client, run) {
  const on = () => client.exec('PRAGMA foreign_keys = ON');
  const [off, ran, restored] = await Promise.allSettled([
    client.exec('PRAGMA foreign_keys = OFF'),
    run(),
    on(),
  ]);
  if (restored.status === 'rejected' && off.status === 'fulfilled') {
    // Where the line was too long for it, later is better than never.
    await on();
  }
  // Inside of another transaction the PRAGMA is refused; whether that matters is found out by the migrations.
  const isInside = off.status === 'rejected' && off.reason?.code === 'SQLITE_ERROR';
  for (const outcome of isInside ? [ran] : [off, ran]) {
    if (outcome.status === 'rejected') {
      throw outcome.reason;
    }
  }
}

/**
 * Inside of another transaction, or where the line was too long for the PRAGMA, foreign keys are still on, and dropping
 * a table would delete what refers to it.
 *
 * @param {Queries} tx
 */
async function refuseForeignKeys(tx) {
  const now = await tx.get('PRAGMA foreign_keys');
  if (now?.foreign_keys !== 0) {
    const message =
      'These migrations turn foreign keys off, which a transaction that is open cannot: migrate the database itself, with drizzle(database)';
    throw new BatonError('ERR_INVALID_ARG', message);
  }
}

/** @param {Migration} migration */
function turnsForeignKeysOff({ statements }) {
  return statements.some((statement) => FOREIGN_KEYS_OFF.test(statement));
}

/** @param {Queries} tx */
async function violations(tx) {
  return (await tx.all('PRAGMA foreign_key_check')).length;
}

module.exports = { makeMigrate };

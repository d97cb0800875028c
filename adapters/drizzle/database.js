// `drizzle(db, config)`, made from the classes of the Drizzle that the caller uses.

'use strict';

const check = require('../../lib/arguments/check.js');
const { largeIntegers, peer: checkedPeer, queries } = require('../arguments.js');
const { makeMigrate } = require('./migrator.js');
const { makeSession } = require('./session.js');

/** @typedef {import('./peer.js').Peer} Peer */

const OPTIONS = ['schema', 'logger', 'casing', 'largeIntegers'];

/** What is made use of, here and in the files beside this one. @satisfies {readonly (keyof Peer)[]} */
const USED = /** @type {const} */ ([
  'BaseSQLiteDatabase',
  'SQLiteAsyncDialect',
  'SQLitePreparedQuery',
  'SQLiteSession',
  'SQLiteTransaction',
  'DefaultLogger',
  'DrizzleQueryError',
  'NoopLogger',
  'createTableRelationsHelpers',
  'entityKind',
  'extractTablesRelationalConfig',
  'fillPlaceholders',
  'mapResultRow',
]);

/** @param {Peer} library */
function makeDrizzle(library) {
  const peer = checkedPeer(library, USED, 'batondb/drizzle works with drizzle-orm 0.44 and 0.45');
  const { BaseSQLiteDatabase, SQLiteAsyncDialect, entityKind } = peer;
  const BatonSession = makeSession(peer);

  class BatonDrizzleDatabase extends BaseSQLiteDatabase {
    static [entityKind] = 'BatonDrizzleDatabase';

    /** @param {readonly any[]} queries_ */
    async batch(queries_) {
      return await this.session.batch(queries_);
    }
  }

  /**
   * @param {unknown} database
   * @param {unknown} [config]
   */
  function drizzle(database, config = {}) {
    const client = queries(database, 'database');
    const options = check.object(config, 'config', OPTIONS);
    const { casing } = options;
    if (casing !== undefined && casing !== 'snake_case' && casing !== 'camelCase') {
      throw check.invalid('config.casing', "'snake_case' or 'camelCase'", casing);
    }
    const settings = {
      logger: loggerOf(peer, options.logger),
      largeIntegers: largeIntegers(options.largeIntegers, 'config.largeIntegers'),
    };
    const schema = options.schema && relationsOf(peer, options.schema);
    const dialect = new SQLiteAsyncDialect({ casing });
    const session = new BatonSession(client, dialect, schema, settings);
    const made = new BatonDrizzleDatabase('async', dialect, session, schema);
    made.$client = client;
    return made;
  }

  return { BatonDrizzleDatabase, drizzle, migrate: makeMigrate(peer) };
}

/**
 * @param {Peer} peer
 * @param {any} logger
 */
function loggerOf({ DefaultLogger, NoopLogger }, logger = false) {
  if (typeof logger === 'boolean') {
    return logger ? new DefaultLogger() : new NoopLogger();
  }
  if (typeof logger?.logQuery !== 'function') {
    throw check.invalid('config.logger', 'a boolean or an object with a logQuery method', logger);
  }
  return logger;
}

/**
 * @param {Peer} peer
 * @param {unknown} value
 */
function relationsOf({ createTableRelationsHelpers, extractTablesRelationalConfig }, value) {
  if (typeof value !== 'object') {
    throw check.invalid('config.schema', 'an object of tables and relations', value);
  }
  const fullSchema = /** @type {Record<string, unknown>} */ (value);
  const { tables, tableNamesMap } = extractTablesRelationalConfig(fullSchema, createTableRelationsHelpers);
  return { fullSchema, schema: tables, tableNamesMap };
}

module.exports = { makeDrizzle };

// The dialect, made from the classes of the Kysely that the caller uses: its CommonJS and its ES module build are
// different ones, and a query compiler of one must not meet the nodes of the other.

'use strict';

const check = require('../../lib/arguments/check.js');
const { BatonError } = require('../../lib/error.js');
const { largeIntegers, peer, queries } = require('../arguments.js');
const { BatonConnection, Lock } = require('./connection.js');

/** @typedef {import('../../index.js').Database} Database */
/** @typedef {import('../kysely.js').BatonDialectConfig} Config */
/** @typedef {Pick<typeof import('kysely'), 'CompiledQuery' | 'SqliteAdapter' | 'SqliteIntrospector' | 'SqliteQueryCompiler'>} Kysely */
/** @typedef {import('kysely').DatabaseConnection} Connection */

const OPTIONS = ['database', 'transactionTimeoutMs', 'largeIntegers', 'closeOnDestroy'];

/** @param {unknown} value */
function checkedConfig(value) {
  const config = check.object(value, 'config', OPTIONS);
  if (typeof config.database !== 'function') {
    queries(config.database, 'config.database');
  }
  return {
    database: /** @type {Config['database']} */ (config.database),
    transactionTimeoutMs:
      config.transactionTimeoutMs === undefined
        ? undefined
        : check.timeoutMs(config.transactionTimeoutMs, 'config.transactionTimeoutMs'),
    largeIntegers: largeIntegers(config.largeIntegers, 'config.largeIntegers'),
    closeOnDestroy: check.boolean(config.closeOnDestroy ?? true, 'config.closeOnDestroy'),
  };
}

class BatonDriver {
  #config;
  #CompiledQuery;
  #lock = new Lock();
  /** @type {Database | undefined} */
  #database;

  /**
   * @param {ReturnType<typeof checkedConfig>} config
   * @param {Kysely['CompiledQuery']} CompiledQuery
   */
  constructor(config, CompiledQuery) {
    this.#config = config;
    this.#CompiledQuery = CompiledQuery;
  }

  async init() {
    const { database } = this.#config;
    this.#database =
      typeof database === 'function' ? queries(await database(), 'what config.database() answers') : database;
  }

  async acquireConnection() {
    const database = /** @type {Database} */ (this.#database);
    const connection = new BatonConnection(database, this.#config, this.#lock);
    await connection.claim();
    return connection;
  }

  /**
   * @param {Connection} connection
   * @param {import('kysely').TransactionSettings} settings
   */
  async beginTransaction(connection, { isolationLevel, accessMode }) {
    if (isolationLevel !== undefined && isolationLevel !== 'serializable') {
      const message = `There is no isolation level '${isolationLevel}': every transaction is serializable`;
      throw new BatonError('ERR_INVALID_ARG', message);
    }
    if (accessMode === 'read only') {
      const message =
        "There is no access mode 'read only' for a transaction: store.openDatabase(actorId, { readOnly: true }) opens a database that only reads";
      throw new BatonError('ERR_INVALID_ARG', message);
    }
    await own(connection).begin();
  }

  /** @param {Connection} connection */
  async commitTransaction(connection) {
    await own(connection).commit();
  }

  /** @param {Connection} connection */
  async rollbackTransaction(connection) {
    await own(connection).rollback();
  }

  /**
   * @param {Connection} connection
   * @param {string} name
   */
  async savepoint(connection, name) {
    await connection.executeQuery(this.#CompiledQuery.raw(`savepoint ${identifier(name)}`));
  }

  /**
   * @param {Connection} connection
   * @param {string} name
   */
  async rollbackToSavepoint(connection, name) {
    await connection.executeQuery(this.#CompiledQuery.raw(`rollback to ${identifier(name)}`));
  }

  /**
   * @param {Connection} connection
   * @param {string} name
   */
  async releaseSavepoint(connection, name) {
    await connection.executeQuery(this.#CompiledQuery.raw(`release ${identifier(name)}`));
  }

  /** @param {Connection} connection */
  async releaseConnection(connection) {
    await own(connection).close();
  }

  async destroy() {
    if (this.#config.closeOnDestroy) {
      await this.#database?.close();
    }
  }
}

/**
 * @param {Connection} connection
 * @returns {InstanceType<typeof BatonConnection>}
 */
function own(connection) {
  return /** @type {any} */ (connection);
}

/** @param {string} name */
function identifier(name) {
  return `"${name.replaceAll('"', '""')}"`;
}

/** @param {Kysely} kysely */
function makeDialect(kysely) {
  const { CompiledQuery, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } = peer(
    kysely,
    ['CompiledQuery', 'SqliteAdapter', 'SqliteIntrospector', 'SqliteQueryCompiler'],
    'batondb/kysely works with kysely 0.28 and 0.29',
  );

  class BatonAdapter extends SqliteAdapter {
    // SQLite can take back DDL, so a run of migrations that fails half way leaves nothing behind, and of two that
    // begin at once one waits for the other. (Kysely's own SQLite dialect says no, and keeps half of the first.)
    get supportsTransactionalDdl() {
      return true;
    }

    // There is one, and the lock of this driver keeps its users apart. Told otherwise, Kysely 0.29 puts a lock of its
    // own around that one, which a query in the loop over a stream would wait for without end.
    get supportsMultipleConnections() {
      return true;
    }
  }

  return class BatonDialect {
    #config;

    /** @param {Config} config */
    constructor(config) {
      this.#config = checkedConfig(config);
    }

    createDriver() {
      return new BatonDriver(this.#config, CompiledQuery);
    }

    createQueryCompiler() {
      return new SqliteQueryCompiler();
    }

    createAdapter() {
      return new BatonAdapter();
    }

    /** @param {import('kysely').Kysely<any>} db */
    createIntrospector(db) {
      return new SqliteIntrospector(db);
    }
  };
}

module.exports = { makeDialect };

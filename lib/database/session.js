// Sessions, which record the rows that change, and changesets, which carry them to another database.

'use strict';

const check = require('../arguments/check.js');
const { BatonError } = require('../error.js');
const { applyOptions, changesetBytes } = require('../arguments/session-options.js');
const { constants } = require('./constants.js');
const { observedSync } = require('../observe/channels.js');

// The parts of callbacks; see src/node/database/changes.rs.
const FILTER = 5;

// Which callbacks there are.
const HAS_FILTER = 1;
const HAS_CONFLICT = 2;

const { SQLITE_CHANGESET_REPLACE, SQLITE_CHANGESET_ABORT } = constants;
const { SQLITE_CHANGESET_DATA, SQLITE_CHANGESET_CONFLICT } = constants;

/** @typedef {InstanceType<typeof import('./connection.js').Connection>} Connection */
/** @typedef {import('./connection.js').Scope} Scope */

/**
 * What a session holds open in the addon.
 *
 * @typedef {object} Held
 * @property {Connection} connection
 * @property {number} id
 */

/** Ends a session that was dropped open: it would go on recording, in memory that grows. */
const dropped = new FinalizationRegistry((/** @type {Held} */ { connection, id }) =>
  connection.stopRecording(id),
);

/** Made by the database only. */
const KEY = Symbol('session');

class Session {
  #connection;
  #scope;
  #id;
  #isOpen = true;

  /**
   * @param {typeof KEY} key
   * @param {Connection} connection
   * @param {Scope} scope Of the object whose method has made it.
   * @param {number} id
   */
  constructor(key, connection, scope, id) {
    if (key !== KEY) {
      throw new BatonError(
        'ERR_INVALID_ARG',
        'A session is made by db.createSession(), not by new Session()',
      );
    }
    this.#connection = connection;
    this.#scope = scope;
    this.#id = id;
    dropped.register(this, { connection, id }, this);
  }

  changeset() {
    return this.#recorded(false);
  }

  patchset() {
    return this.#recorded(true);
  }

  close() {
    this.#refuseIfClosed();
    this.#end();
  }

  [Symbol.dispose]() {
    if (this.#isOpen) {
      this.#end();
    }
  }

  #end() {
    this.#isOpen = false;
    dropped.unregister(this);
    this.#connection.stopRecording(this.#id);
  }

  /** @param {boolean} patchset */
  #recorded(patchset) {
    this.#refuseIfClosed();
    const connection = this.#connection;
    const bytes = /** @type {Uint8Array} */ (
      connection.callSync(this.#where(), (native, scope) =>
        native.recordedSync(scope, this.#id, patchset, connection.functions.dispatch),
      )
    );
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  #refuseIfClosed() {
    if (!this.#isOpen) {
      throw new BatonError('ERR_CLOSED', 'The session is closed');
    }
    this.#connection.refuseIfOver(this.#where());
  }

  /** A session outlives the transaction in which it was made. */
  #where() {
    return this.#scope.isOver ? this.#connection.scope : this.#scope;
  }
}

/**
 * @param {Connection} connection
 * @param {Scope} scope
 * @param {{ database: string, table: string | undefined }} options
 */
function createSession(connection, scope, { database, table }) {
  const id = connection.callSync(scope, (native, inner) => native.recordSync(inner, database, table));
  return new Session(KEY, connection, scope, id);
}

/**
 * @param {Connection} connection
 * @param {Scope} scope
 * @param {unknown} changeset
 * @param {unknown} options
 */
function applyChangeset(connection, scope, changeset, options) {
  const { filter, onConflict } = applyOptions(options);
  const bytes = changesetBytes(changeset);
  const which = (filter ? HAS_FILTER : 0) | (onConflict ? HAS_CONFLICT : 0);
  /** @type {(part: number, group: number, args: unknown[]) => unknown} */
  const run = (part, _, [given]) =>
    part === FILTER ? taken(filter?.(given)) : resolved(Number(given), onConflict?.(given));
  const applied = observedSync({ connection, operation: 'applyChangeset', sql: '' }, () =>
    connection.functions.lending(run, (callbacks, dispatch) =>
      connection.callSync(scope, (native, inner) =>
        native.applySync(inner, bytes, callbacks, which, dispatch),
      ),
    ),
  );
  return applied === 1;
}

/**
 * Whether a filter takes a table, as `node:sqlite` understands its answer.
 *
 * @param {any} answer
 */
function taken(answer) {
  if (typeof answer?.then === 'function') {
    // What it does later is no part of this, and its errors are nobody's.
    Promise.resolve(answer).catch(() => {});
    throw check.invalid('return value of filter', 'true or false, not a promise', answer);
  }
  return answer ? 1 : 0;
}

/**
 * @param {number} conflict
 * @param {any} answer
 */
function resolved(conflict, answer) {
  if (typeof answer?.then === 'function') {
    Promise.resolve(answer).catch(() => {});
  }
  if (!Number.isInteger(answer) || answer < 0 || answer > SQLITE_CHANGESET_ABORT) {
    const expected = 'SQLITE_CHANGESET_OMIT, SQLITE_CHANGESET_REPLACE or SQLITE_CHANGESET_ABORT (0, 1 or 2)';
    throw check.invalid('return value of onConflict', expected, answer);
  }
  const finds = conflict === SQLITE_CHANGESET_DATA || conflict === SQLITE_CHANGESET_CONFLICT;
  if (answer === SQLITE_CHANGESET_REPLACE && !finds) {
    const expected = `SQLITE_CHANGESET_OMIT or SQLITE_CHANGESET_ABORT for ${nameOf(conflict)}, where there is no row to replace`;
    throw check.invalid('return value of onConflict', expected, answer);
  }
  return answer;
}

const NAMES = ['DATA', 'NOTFOUND', 'CONFLICT', 'CONSTRAINT', 'FOREIGN_KEY'];

/** @param {number} conflict */
function nameOf(conflict) {
  return `SQLITE_CHANGESET_${NAMES[conflict - 1]}`;
}

module.exports = { Session, applyChangeset, createSession };

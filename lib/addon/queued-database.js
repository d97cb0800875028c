// A database of the addon, whose asynchronous calls are answered in the answer queue.

'use strict';

const { answers, answerTo, nextCall } = require('./answer-queue.js');

/** @typedef {import('../../binding.js').NativeDatabase} NativeDatabase */
/** @typedef {import('../../binding.js').Failure} Failure */
/** @typedef {import('../database/functions.js').Dispatch | undefined} Dispatch Runs functions, if there are any. */

/** A database of the addon whose methods return promises. Each one dispatches before it returns. */
class QueuedDatabase {
  #native;
  /** Calls without an answer yet. */
  underWay = 0;
  /** Called with each answer, before whoever waits for it goes on. @type {() => void} */
  onAnswered = () => {};
  #answered = () => {
    this.underWay -= 1;
    this.onAnswered();
  };

  /** @param {NativeDatabase} database */
  constructor(database) {
    this.#native = database;
  }

  /**
   * @param {(call: number) => void} dispatch
   * @returns {Promise<any>}
   */
  #ask(dispatch) {
    const call = nextCall();
    dispatch(call);
    return this.#answerTo(call);
  }

  /**
   * @param {number} call
   * @returns {Promise<any>}
   */
  #answerTo(call) {
    this.underWay += 1;
    return answerTo(call, this.#answered);
  }

  startup() {
    return this.#native.startup();
  }

  /**
   * @param {number} scope
   * @param {number} job
   * @param {number} kind
   * @param {string} sql
   * @param {Uint8Array | undefined} params
   * @param {string} [traceparent]
   * @returns {Promise<Uint8Array | Uint8Array[] | Failure>}
   */
  call(scope, job, kind, sql, params, traceparent) {
    // The most frequent call: no closure for it.
    const call = nextCall();
    this.#native.run(call, scope, job, kind, sql, params, traceparent);
    return this.#answerTo(call);
  }

  /**
   * @param {number} scope
   * @param {number} job
   * @param {string} sql
   * @returns {Promise<string | Failure>}
   */
  describe(scope, job, sql) {
    return this.#ask((call) => this.#native.describe(call, scope, job, sql));
  }

  /**
   * @param {number} scope
   * @param {number} job
   * @param {string[]} sqls
   * @param {(Uint8Array | undefined)[]} params
   * @param {string} [traceparent]
   * @returns {Promise<Uint8Array[] | Failure>}
   */
  batch(scope, job, sqls, params, traceparent) {
    return this.#ask((call) => this.#native.batch(call, scope, job, sqls, params, traceparent));
  }

  /**
   * @param {number} scope
   * @param {number} job
   * @param {number} mode
   * @param {number} timeoutMs
   * @returns {Promise<number | Failure>}
   */
  begin(scope, job, mode, timeoutMs) {
    return this.#ask((call) => this.#native.begin(call, scope, job, mode, timeoutMs));
  }

  /**
   * @param {number} scope
   * @param {boolean} commit
   * @param {string} [traceparent]
   * @returns {Promise<undefined | Failure>}
   */
  end(scope, commit, traceparent) {
    return this.#ask((call) => this.#native.end(call, scope, commit, traceparent));
  }

  /**
   * @param {number} scope
   * @param {number} job
   * @returns {Promise<Uint8Array | Failure>}
   */
  point(scope, job) {
    return this.#ask((call) => this.#native.point(call, scope, job));
  }

  /**
   * @param {number} scope
   * @param {number} job
   * @returns {Promise<Uint8Array | Failure>}
   */
  serialize(scope, job) {
    return this.#ask((call) => this.#native.serialize(call, scope, job));
  }

  /**
   * @param {number} scope
   * @param {number} job
   * @param {number} cursor
   * @returns {Promise<Uint8Array | Failure>}
   */
  fetch(scope, job, cursor) {
    return this.#ask((call) => this.#native.fetch(call, scope, job, cursor));
  }

  /**
   * @param {number} scope
   * @param {number} job
   * @param {number} script
   * @param {boolean} skip Skips the remaining rows of a statement.
   * @returns {Promise<Uint8Array[] | Failure>}
   */
  eachOn(scope, job, script, skip) {
    return this.#ask((call) => this.#native.eachOn(call, scope, job, script, skip));
  }

  /**
   * @param {number} scope
   * @param {number} cursor
   * @returns {Promise<undefined | Failure>}
   */
  closeCursor(scope, cursor) {
    return this.#ask((call) => this.#native.closeCursor(call, scope, cursor));
  }

  /**
   * @param {number} scope
   * @param {number} session
   * @returns {Promise<undefined | Failure>}
   */
  stopRecording(scope, session) {
    return this.#ask((call) => this.#native.stopRecording(call, scope, session));
  }

  /** @returns {Promise<undefined | Failure>} */
  close() {
    return this.#ask((call) => this.#native.close(call));
  }

  /**
   * @param {number} scope
   * @param {number} job
   * @returns {Promise<undefined | Failure>}
   */
  flush(scope, job) {
    return this.#ask((call) => this.#native.flush(call, scope, job));
  }

  // The same on this thread: the answer is there when the method returns.

  holdCommits() {
    this.#native.holdCommits();
  }

  releaseCommits() {
    this.#native.releaseCommits();
  }

  /**
   * @param {number} scope
   * @param {number} kind
   * @param {string} sql
   * @param {Buffer} exchange
   * @param {number} params How many bytes of `exchange` are parameters; -1 for none.
   * @param {Dispatch} dispatch
   * @returns {number | Uint8Array | Uint8Array[] | Failure} A number: the answer is in `exchange`.
   */
  runSync(scope, kind, sql, exchange, params, dispatch) {
    return /** @type {any} */ (this.#native.runSync(scope, kind, sql, exchange, params, dispatch));
  }

  /**
   * @param {number} scope
   * @param {string} sql
   * @param {Dispatch} dispatch
   * @returns {string | Failure}
   */
  describeSync(scope, sql, dispatch) {
    return /** @type {any} */ (this.#native.describeSync(scope, sql, dispatch));
  }

  /**
   * @param {number} scope
   * @param {string[]} sqls
   * @param {(Uint8Array | undefined)[]} params
   * @param {Dispatch} dispatch
   * @returns {Uint8Array[] | Failure}
   */
  batchSync(scope, sqls, params, dispatch) {
    return /** @type {any} */ (this.#native.batchSync(scope, sqls, params, dispatch));
  }

  /**
   * @param {number} scope
   * @param {number} script
   * @param {boolean} skip
   * @param {Dispatch} dispatch
   * @returns {Uint8Array[] | Failure}
   */
  eachOnSync(scope, script, skip, dispatch) {
    return /** @type {any} */ (this.#native.eachOnSync(scope, script, skip, dispatch));
  }

  /**
   * @param {number} scope
   * @returns {Uint8Array | Failure}
   */
  serializeSync(scope) {
    return /** @type {any} */ (this.#native.serializeSync(scope));
  }

  /**
   * @param {number} scope
   * @param {number} mode
   * @returns {number | Failure}
   */
  beginSync(scope, mode) {
    return /** @type {any} */ (this.#native.beginSync(scope, mode));
  }

  /**
   * @param {number} scope
   * @param {boolean} commit
   * @returns {undefined | Failure}
   */
  endSync(scope, commit) {
    return /** @type {any} */ (this.#native.endSync(scope, commit));
  }

  /**
   * @param {number} scope
   * @param {number} cursor
   * @param {Dispatch} dispatch
   * @returns {Uint8Array | Failure}
   */
  fetchSync(scope, cursor, dispatch) {
    return /** @type {any} */ (this.#native.fetchSync(scope, cursor, dispatch));
  }

  /**
   * @param {number} scope
   * @param {number} id
   * @param {string} name
   * @param {number} argumentCount
   * @param {number} shape
   * @param {number} flags
   * @returns {undefined | Failure}
   */
  defineSync(scope, id, name, argumentCount, shape, flags) {
    return /** @type {any} */ (this.#native.defineSync(scope, id, name, argumentCount, shape, flags));
  }

  /**
   * @param {number} scope
   * @param {string} database
   * @param {string | undefined} table
   * @returns {number | Failure}
   */
  recordSync(scope, database, table) {
    return /** @type {any} */ (this.#native.recordSync(scope, database, table));
  }

  /**
   * @param {number} scope
   * @param {number} session
   * @param {boolean} patchset
   * @param {Dispatch} dispatch
   * @returns {Uint8Array | Failure}
   */
  recordedSync(scope, session, patchset, dispatch) {
    return /** @type {any} */ (this.#native.recordedSync(scope, session, patchset, dispatch));
  }

  /**
   * @param {number} scope
   * @param {Uint8Array} changeset
   * @param {number} callbacks
   * @param {number} which
   * @param {Dispatch} dispatch
   * @returns {number | Failure}
   */
  applySync(scope, changeset, callbacks, which, dispatch) {
    return /** @type {any} */ (this.#native.applySync(scope, changeset, callbacks, which, dispatch));
  }

  /**
   * @param {number} scope
   * @param {number} session
   * @returns {undefined | Failure}
   */
  stopRecordingSync(scope, session) {
    return /** @type {any} */ (this.#native.stopRecordingSync(scope, session));
  }

  /**
   * @param {number} scope
   * @param {number} id
   * @param {string} name
   * @returns {undefined | Failure}
   */
  collateSync(scope, id, name) {
    return /** @type {any} */ (this.#native.collateSync(scope, id, name));
  }

  /**
   * @param {number} scope
   * @param {string} name
   * @returns {undefined | Failure}
   */
  dropCollationSync(scope, name) {
    return /** @type {any} */ (this.#native.dropCollationSync(scope, name));
  }

  /**
   * @param {number} scope
   * @param {number} cursor
   * @param {Dispatch} dispatch
   * @returns {undefined | Failure}
   */
  closeCursorSync(scope, cursor, dispatch) {
    return /** @type {any} */ (this.#native.closeCursorSync(scope, cursor, dispatch));
  }

  /** @param {number} job */
  cancel(job) {
    this.#native.cancel(job);
  }

  isTransaction() {
    return this.#native.isTransaction();
  }

  check() {
    return this.#native.check();
  }

  stats() {
    return this.#native.stats();
  }
}

module.exports = { QueuedDatabase, answers };

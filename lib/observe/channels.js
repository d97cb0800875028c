// The events on `node:diagnostics_channel`: each SQL call as a tracing channel, and starts, commits, lost
// actors and what is done with their past as plain channels. Without a subscriber a call pays for a few checks and nothing else.
//
// A subscriber that throws does not change the outcome of a call: Node reports its error as uncaught, later.

'use strict';

const { channel, tracingChannel } = require('node:diagnostics_channel');

const { ChunkHeader } = require('../results/rows.js');

const sql = tracingChannel('batondb:sql');
const channels = {
  startup: channel('batondb:startup'),
  commit: channel('batondb:commit'),
  fenced: channel('batondb:fenced'),
  restore: channel('batondb:restore'),
  fork: channel('batondb:fork'),
  flatten: channel('batondb:flatten'),
  pin: channel('batondb:pin'),
  unpin: channel('batondb:unpin'),
};

/** Node added `hasSubscribers` to tracing channels in the middle of version 20. */
function isObserved() {
  return (
    sql.start.hasSubscribers ||
    sql.end.hasSubscribers ||
    sql.asyncStart.hasSubscribers ||
    sql.asyncEnd.hasSubscribers ||
    sql.error.hasSubscribers
  );
}

/**
 * @param {keyof typeof channels} name
 * @param {() => object} message Created only for a subscriber.
 */
function tell(name, message) {
  if (channels[name].hasSubscribers) {
    channels[name].publish(message());
  }
}

/** @typedef {{ connection: InstanceType<typeof import('../database/connection.js').Connection>, operation: string, sql: string }} Call */

/** The fields of a call's events. They never contain parameters or rows, which may be secret. */
class SqlEvent {
  #began = performance.now();
  /** @type {number | undefined} */
  rowCount;
  /** @type {number | undefined} */
  changes;
  /** @type {unknown} */
  error;
  /** @type {number | undefined} */
  durationMs;

  /** @param {Call} call */
  constructor({ connection, operation, sql: text }) {
    this.actorId = connection.actorId;
    this.generation = connection.startup.generation;
    this.operation = operation;
    this.sql = text;
  }

  /** The same, under the names of OpenTelemetry's conventions. */
  get attributes() {
    /** @type {Record<string, string | number>} */
    const attributes = {
      'db.system.name': 'sqlite',
      'db.operation.name': this.operation,
      'db.query.text': this.sql,
      'db.namespace': this.actorId,
      'baton.actor.id': this.actorId,
      'baton.generation': this.generation.toString(),
    };
    if (this.rowCount !== undefined) {
      attributes['db.response.returned_rows'] = this.rowCount;
    }
    if (this.error !== undefined) {
      const { code } = /** @type {{ code?: unknown }} */ (this.error);
      attributes['error.type'] = typeof code === 'string' ? code : '_OTHER';
    }
    return attributes;
  }

  /**
   * @template T
   * @param {() => T} dispatch
   * @returns {T}
   */
  begin(dispatch) {
    try {
      return sql.start.runStores(/** @type {any} */ (this), dispatch);
    } finally {
      sql.end.publish(this);
    }
  }

  /** @param {{ rowCount?: number | undefined, changes?: number | undefined }} counts */
  succeeded({ rowCount, changes }) {
    this.rowCount = rowCount;
    this.changes = changes;
    this.#ended();
  }

  /** @param {unknown} error */
  failed(error) {
    this.error = error;
    this.durationMs = performance.now() - this.#began;
    sql.error.publish(this);
    this.#ended();
  }

  #ended() {
    this.durationMs ??= performance.now() - this.#began;
    sql.asyncStart.publish(this);
    sql.asyncEnd.publish(this);
  }
}

/**
 * Makes a call, with its events if there are subscribers.
 *
 * @template T
 * @param {Call} call
 * @param {() => Promise<T>} dispatch
 * @returns {Promise<T>}
 */
function observed(call, dispatch) {
  return isObserved() ? withEvents(new SqlEvent(call), dispatch) : dispatch();
}

/**
 * @template T
 * @param {SqlEvent} event
 * @param {() => Promise<T>} dispatch
 */
async function withEvents(event, dispatch) {
  let answer;
  try {
    answer = await event.begin(dispatch);
  } catch (error) {
    event.failed(error);
    throw error;
  }
  event.succeeded(counts(event.operation, answer));
  return answer;
}

/**
 * {@link observed} for a call that has ended when it returns. Its events are those of the others.
 *
 * @template T
 * @param {Call} call
 * @param {() => T} dispatch
 * @param {(value: T) => unknown} [answerOf] The chunks of the answer, if the call does not return them.
 * @returns {T}
 */
function observedSync(call, dispatch, answerOf = (value) => value) {
  if (!isObserved()) {
    return dispatch();
  }
  const event = new SqlEvent(call);
  let value;
  try {
    value = event.begin(dispatch);
  } catch (error) {
    event.failed(error);
    throw error;
  }
  event.succeeded(counts(event.operation, answerOf(value)));
  return value;
}

const HAS_ROWS = ['get', 'all', 'batch'];
const HAS_CHANGES = ['run', 'batch'];

/**
 * @param {string} operation
 * @param {unknown} answer
 */
function counts(operation, answer) {
  const chunks = /** @type {Uint8Array[]} */ (Array.isArray(answer) ? answer : [answer]);
  /** @param {'rows' | 'changes'} count */
  const sum = (count) => chunks.reduce((total, chunk) => total + new ChunkHeader(chunk)[count], 0);
  return {
    rowCount: HAS_ROWS.includes(operation) ? sum('rows') : undefined,
    changes: HAS_CHANGES.includes(operation) ? sum('changes') : undefined,
  };
}

/**
 * The events of a call that does not end where it begins.
 *
 * @param {Call} call
 */
function beginEvents(call) {
  return isObserved() ? new SqlEvent(call) : undefined;
}

module.exports = { beginEvents, isObserved, observed, observedSync, tell };

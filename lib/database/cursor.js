// Iterates over the rows of a query, fetched a chunk at a time.

'use strict';

const { ownBytes } = require('../addon/answer-queue.js');
const { beginEvents } = require('../observe/channels.js');
const { BatonError } = require('../error.js');
const { ChunkHeader, RowReader } = require('../results/rows.js');

const ITERATE = 4;

/** @typedef {InstanceType<typeof import('./connection.js').Connection>} Connection */
/** @typedef {import('./connection.js').Scope} Scope */

/** @typedef {{ sql: string, params: Uint8Array | undefined, query: import('../arguments/query-options.js').Query }} Iteration */

/**
 * What an iteration holds open in the addon: a statement that was not stepped to its end. It locks the tables
 * that it reads, and on a read-only database the commit.
 *
 * @typedef {object} Held
 * @property {Connection} connection
 * @property {Scope} scope
 * @property {number} cursor
 * @property {import('../results/results.js').Seen | undefined} seen
 */

/** Closes what an abandoned iteration holds: one that was stepped by hand and dropped. */
const dropped = new FinalizationRegistry((/** @type {Held} */ { connection, scope, cursor }) => {
  if (cursor !== 0) {
    connection.closeCursor(scope, cursor);
  }
});

/**
 * @param {Connection} connection
 * @param {Scope} scope
 * @param {() => Iteration} iteration Throws if the arguments are wrong.
 * @param {import('../results/results.js').Seen} [seen]
 * @returns {AsyncGenerator<any, void, void>}
 */
function iterateRows(connection, scope, iteration, seen) {
  const held = { connection, scope, cursor: 0, seen };
  const rows = generateRows(held, iteration);
  dropped.register(rows, held);
  return rows;
}

/**
 * @param {Held} held
 * @param {() => Iteration} iteration
 * @returns {AsyncGenerator<any, void, void>}
 */
async function* generateRows(held, iteration) {
  const { connection, scope } = held;
  const { sql, params, query } = iteration();
  const dispatch = () =>
    connection.call(
      scope,
      (native, scopeId, job) => native.call(scopeId, job, ITERATE, sql, params, query.traceparent),
      query,
    );
  const event = beginEvents({ connection, operation: 'iterate', sql });
  if (!event) {
    yield* rowsOf(held, query, await dispatch());
    return;
  }
  let rowCount = 0;
  let isTold = false;
  try {
    for await (const row of rowsOf(held, query, await event.begin(dispatch))) {
      rowCount += 1;
      yield row;
    }
  } catch (error) {
    isTold = true;
    event.failed(error);
    throw error;
  } finally {
    // Also when the surrounding loop was left early.
    if (!isTold) {
      event.succeeded({ rowCount });
    }
  }
}

/**
 * @param {Held} held
 * @param {import('../arguments/query-options.js').Query} query
 * @param {Uint8Array | Uint8Array[]} answer
 */
async function* rowsOf(held, query, answer) {
  const { connection, scope } = held;
  // Its own: an iteration may pause for long.
  let header = new ChunkHeader(ownBytes(/** @type {Uint8Array} */ (answer)));
  held.cursor = header.cursor;
  const shape = connection.shapes.get(header);
  held.seen?.(shape.names);
  try {
    for (;;) {
      const reader = new RowReader(header, shape, query);
      while (reader.rowsLeft > 0) {
        // Rows that have already arrived are no reason to continue after the end.
        connection.refuseIfOver(scope);
        throwIfStopped(query.signal);
        yield reader.next();
      }
      const { cursor } = held;
      if (cursor === 0) {
        return;
      }
      const next = await connection.call(
        scope,
        (native, scopeId, job) => native.fetch(scopeId, job, cursor),
        query,
      );
      header = new ChunkHeader(ownBytes(next));
      held.cursor = header.cursor;
    }
  } finally {
    const { cursor } = held;
    if (cursor !== 0) {
      held.cursor = 0;
      await connection.closeCursor(scope, cursor);
    }
  }
}

/** @param {AbortSignal | undefined} signal */
function throwIfStopped(signal) {
  if (signal?.aborted) {
    throw new BatonError('ERR_ABORTED', 'The iteration was aborted', { cause: signal.reason });
  }
}

module.exports = { iterateRows };

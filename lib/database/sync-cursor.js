// Iterates over the rows of a query on the calling thread, fetched a chunk at a time.

'use strict';

const { beginEvents } = require('../observe/channels.js');
const { ChunkHeader, RowReader } = require('../results/rows.js');

const ITERATE = 4;

/** @typedef {InstanceType<typeof import('./connection.js').Connection>} Connection */
/** @typedef {import('./connection.js').Scope} Scope */

/** @typedef {{ sql: string, params: unknown, format: import('../results/rows.js').RowFormat }} Iteration */

/**
 * What an iteration holds open in the addon.
 *
 * @typedef {object} Held
 * @property {Connection} connection
 * @property {Scope} scope The database, or the transaction whose method it was.
 * @property {number} cursor 0 while none is open.
 * @property {import('../results/results.js').Seen | undefined} [seen]
 */

/** Closes what an abandoned iteration holds: one that was stepped by hand and dropped. */
const dropped = new FinalizationRegistry(close);

/** @param {Held} held */
function close(held) {
  const { connection, scope, cursor } = held;
  held.cursor = 0;
  if (cursor !== 0) {
    connection.closeCursorSync(scope, cursor);
  }
}

/**
 * @param {object} owner
 * @param {Held} held
 */
function closeWhenDropped(owner, held) {
  dropped.register(owner, held);
}

/**
 * @param {Connection} connection
 * @param {Scope} scope
 * @param {Iteration} iteration
 * @param {import('../results/results.js').Seen} [seen]
 * @returns {Generator<any, void, void>}
 */
function iterateRowsSync(connection, scope, iteration, seen) {
  const held = { connection, scope, cursor: 0, seen };
  const rows = generateRows(held, iteration);
  closeWhenDropped(rows, held);
  return rows;
}

/**
 * @param {Held} held
 * @param {Iteration} iteration
 * @returns {Generator<any, void, void>}
 */
function* generateRows(held, iteration) {
  const event = beginEvents({ connection: held.connection, operation: 'iterate', sql: iteration.sql });
  let rowCount = 0;
  let isTold = false;
  try {
    for (const row of rowsOf(held, iteration, event)) {
      rowCount += 1;
      yield row;
    }
  } catch (error) {
    isTold = true;
    event?.failed(error);
    throw error;
  } finally {
    // Also when the surrounding loop was left early.
    if (!isTold) {
      event?.succeeded({ rowCount });
    }
  }
}

/**
 * @param {Held} held
 * @param {Iteration} iteration
 * @param {ReturnType<typeof beginEvents>} event
 * @returns {Generator<any, void, void>}
 */
function* rowsOf(held, { sql, params, format }, event) {
  const { connection, scope } = held;
  // A copy of the chunk, since other calls run while its rows are read.
  const begin = () =>
    connection.runSync(scope, ITERATE, sql, params, (first, _, length) => first.bytes.slice(0, length));
  // Rows that have already arrived are no reason to go on after the end of the transaction in which it begins.
  const within = connection.syncScope(scope);
  let header = new ChunkHeader(event ? event.begin(begin) : begin());
  held.cursor = header.cursor;
  const shape = connection.shapes.get(header);
  held.seen?.(shape.names);
  try {
    for (;;) {
      const reader = new RowReader(header, shape, format);
      while (reader.rowsLeft > 0) {
        connection.refuseIfOver(within);
        yield reader.next();
      }
      const { cursor } = held;
      if (cursor === 0) {
        return;
      }
      header = new ChunkHeader(
        /** @type {Uint8Array} */ (
          connection.callSync(scope, (native, id) =>
            native.fetchSync(id, cursor, connection.functions.dispatch),
          )
        ),
      );
      held.cursor = header.cursor;
    }
  } finally {
    close(held);
  }
}

module.exports = { ITERATE, closeWhenDropped, iterateRowsSync };

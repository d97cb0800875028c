// Tracks which transactions a call is made in, by its asynchronous context. So a call that would wait for the
// end of a transaction, while the transaction's function waits for the call, fails at once.

'use strict';

const { AsyncLocalStorage } = require('node:async_hooks');

const { BatonError } = require('../error.js');

/** @typedef {InstanceType<typeof import('./connection.js').Connection>} Connection */
/** @typedef {import('./connection.js').Scope} Scope */
/**
 * A transaction whose function is running, and the enclosing one in whose function it was begun, of whatever
 * database.
 *
 * @typedef {{ connection: Connection, scope: Scope, around: Inside | undefined }} Inside
 */

/** @type {AsyncLocalStorage<Inside | undefined>} */
const context = new AsyncLocalStorage();
let running = 0;

/** How long contexts are still tracked after the last transaction. Turning that on and off costs some 25 us. */
const LINGER_MS = 100;
/** @type {NodeJS.Timeout | undefined} */
let lingering;

/** Stops tracking, unless another transaction has begun. Before Node 24, it slows down every promise of the process. */
function stopTracking() {
  if (running === 0) {
    context.disable();
  }
}

/**
 * Runs the function of a transaction.
 *
 * @template T
 * @param {Connection} connection
 * @param {Scope} scope
 * @param {() => T | Promise<T>} fn
 * @returns {Promise<T>}
 */
async function inside(connection, scope, fn) {
  running += 1;
  try {
    return await context.run({ connection, scope, around: context.getStore() }, fn);
  } finally {
    running -= 1;
    if (running === 0) {
      // The timer does not keep the process alive.
      lingering = lingering?.refresh() ?? setTimeout(stopTracking, LINGER_MS).unref();
    }
  }
}

/**
 * Whether a call would wait for the end of a transaction in whose function it is made. Work that began there
 * and continues after the transaction's end is outside again.
 *
 * @param {Connection} connection
 * @param {Scope} scope What the call belongs to.
 */
function waitsForItself(connection, scope) {
  for (let at = context.getStore(); at; at = at.around) {
    if (at.connection === connection && connection.isOpen(at.scope)) {
      return isAround(scope, at.scope);
    }
  }
  return false;
}

/**
 * @param {Scope} scope
 * @param {Scope} inner
 */
function isAround(scope, inner) {
  for (let at = inner.outer; at; at = at.outer) {
    if (at === scope) {
      return true;
    }
  }
  return false;
}

/**
 * @param {Connection} connection
 * @param {Scope} scope
 */
function refuseIfWaiting(connection, scope) {
  if (waitsForItself(connection, scope)) {
    const what = scope.outer ? 'a call of the transaction around it' : 'a call of the database';
    throw new BatonError(
      'ERR_DEADLOCK',
      `In the function of a transaction ${what} would wait for the transaction to end, and so for itself; nothing was ` +
        'done. Use the transaction that the function is given: tx.run, tx.prepare, tx.transaction and so on',
    );
  }
}

module.exports = { inside, refuseIfWaiting, waitsForItself };

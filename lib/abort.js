// AbortSignal: an aborted signal keeps a call from starting. Once a method of a store has called the addon,
// an abort only stops the caller from waiting, and the error says so; a call of a database is cancelled.

'use strict';

const { BatonError } = require('./error.js');
const { onAbort } = require('./signals.js');

/** @typedef {InstanceType<typeof import('./error.js').BatonError>} Failed */

/** @param {AbortSignal | undefined} signal */
function throwIfAborted(signal) {
  if (signal?.aborted) {
    throw new BatonError('ERR_ABORTED', 'The operation was aborted before it began; nothing was done', {
      cause: signal.reason,
    });
  }
}

/**
 * Returns the answer, unless the signal aborts first.
 *
 * @template T
 * @param {Promise<T>} answer
 * @param {AbortSignal} signal
 * @returns {Promise<T>}
 */
async function orAborted(answer, signal) {
  /** @type {() => void} */
  let stopWaiting = () => {};
  /** @type {Promise<typeof ABORTED>} */
  const aborted = new Promise((resolve) => {
    stopWaiting = onAbort(signal, () => resolve(ABORTED));
  });
  try {
    const first = await Promise.race([answer, aborted]);
    if (first !== ABORTED) {
      return /** @type {T} */ (first);
    }
  } finally {
    stopWaiting();
  }
  throw new BatonError(
    'ERR_ABORTED',
    'The operation was aborted while it was under way; it may still take effect',
    { cause: signal.reason },
  );
}

const ABORTED = Symbol('aborted');

/**
 * Whether something may end a call of a database early.
 *
 * @param {import('./database/connection.js').Scope} scope
 * @param {import('./database/connection.js').Limits} limits
 */
function isLimited({ signals }, { signal, timeoutMs }) {
  return signal !== undefined || timeoutMs !== undefined || signals.length > 0;
}

/**
 * Cancels a call of a database: by signals and a time limit. Unlike {@link orAborted} it waits for the
 * outcome of the call, since SQL can be interrupted: the caller learns the truth, only a moment later.
 */
class Cancellation {
  #cancel;
  #signals;
  #stopWaiting;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  /** @type {Failed | undefined} */
  #error;

  /**
   * @param {() => void} cancel
   * @param {readonly AbortSignal[]} signals
   * @param {number | undefined} timeoutMs
   */
  constructor(cancel, signals, timeoutMs) {
    this.#cancel = cancel;
    this.#signals = signals;
    this.#stopWaiting = signals.map((signal) => onAbort(signal, this.#onAbort));
    if (timeoutMs !== undefined) {
      this.#timer = setTimeout(() => this.#stop(timedOut(timeoutMs)), timeoutMs);
    }
    // A getter among the call's arguments may have aborted between the first check and the listener.
    if (signals.some(({ aborted }) => aborted)) {
      this.#onAbort();
    }
  }

  /**
   * The error to throw instead of the one that the call failed with: with the cause, if this has stopped the
   * call. A write that was cancelled while another process had the write turn did nothing; if its time was
   * up, the better answer is which process had the turn.
   *
   * @param {Failed} error
   */
  explain(error) {
    if (error.code === 'ERR_ABORTED') {
      return this.#error ?? error;
    }
    const isCalledOff = error.code === 'ERR_UNAVAILABLE' && error.retryable;
    return isCalledOff && this.#signals.some(({ aborted }) => aborted) ? (this.#error ?? error) : error;
  }

  end() {
    clearTimeout(this.#timer);
    for (const stopWaiting of this.#stopWaiting) {
      stopWaiting();
    }
  }

  #onAbort = () => {
    const reason = this.#signals.find(({ aborted }) => aborted)?.reason;
    this.#stop(new BatonError('ERR_ABORTED', 'The operation was aborted', { cause: reason }));
  };

  /** @param {Failed} error */
  #stop(error) {
    this.#error ??= error;
    this.#cancel();
  }
}

/** @param {number} timeoutMs */
function timedOut(timeoutMs) {
  const message = `The operation was aborted, because it took longer than its "timeoutMs" of ${timeoutMs} ms`;
  return new BatonError('ERR_ABORTED', message, { cause: new DOMException(message, 'TimeoutError') });
}

module.exports = { Cancellation, isLimited, orAborted, throwIfAborted };

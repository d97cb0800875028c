// AbortSignal: before the addon is called nothing happens; afterwards the caller stops waiting, and is told
// that this is all that stopped.

'use strict';

const { BatonError } = require('./error.js');

/** @param {AbortSignal | undefined} signal */
function throwIfAborted(signal) {
  if (signal?.aborted) {
    throw new BatonError('ERR_ABORTED', 'The operation was aborted before it began; nothing was done', {
      cause: signal.reason,
    });
  }
}

/**
 * The answer, unless the signal comes first.
 *
 * @template T
 * @param {Promise<T>} answer
 * @param {AbortSignal} signal
 * @returns {Promise<T>}
 */
async function orAborted(answer, signal) {
  /** @type {() => void} */
  let onAbort = () => {};
  /** @type {Promise<typeof ABORTED>} */
  const aborted = new Promise((resolve) => {
    onAbort = () => resolve(ABORTED);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    const first = await Promise.race([answer, aborted]);
    if (first !== ABORTED) {
      return /** @type {T} */ (first);
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
  throw new BatonError(
    'ERR_ABORTED',
    'The operation was aborted while it was under way; it may still take effect',
    { cause: signal.reason },
  );
}

const ABORTED = Symbol('aborted');

module.exports = { orAborted, throwIfAborted };

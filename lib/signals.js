// Listeners of AbortSignals. A signal gets one listener from us, however many calls wait for it: Node warns
// of a leak at the eleventh, and signals are meant to be shared by everything that a request does.

'use strict';

/**
 * Who waits for a signal, and what is on the signal for them.
 *
 * @typedef {{ callbacks: Set<() => void>, listener: () => void }} Waiting
 */

/** @type {WeakMap<AbortSignal, Waiting>} */
const waiting = new WeakMap();

/**
 * @param {AbortSignal} signal
 * @returns {Waiting}
 */
function listen(signal) {
  /** @type {Waiting['callbacks']} */
  const callbacks = new Set();
  const listener = () => {
    waiting.delete(signal);
    // One that ends another's wait takes it out of the set, which then passes it over.
    callbacks.forEach((callback) => callback());
  };
  const made = { callbacks, listener };
  waiting.set(signal, made);
  signal.addEventListener('abort', listener, { once: true });
  return made;
}

/**
 * Calls back when a signal is aborted. Nothing is left on the signal once all who wait have stopped.
 *
 * @param {AbortSignal} signal
 * @param {() => void} callback Not called where the signal is aborted already.
 * @returns {() => void} Stops waiting.
 */
function onAbort(signal, callback) {
  const joined = waiting.get(signal) ?? listen(signal);
  // One of its own, since the same function may wait twice.
  const entry = () => callback();
  joined.callbacks.add(entry);
  return () => {
    joined.callbacks.delete(entry);
    if (joined.callbacks.size === 0 && waiting.get(signal) === joined) {
      waiting.delete(signal);
      signal.removeEventListener('abort', joined.listener);
    }
  };
}

module.exports = { onAbort };

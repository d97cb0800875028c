// Listeners of AbortSignals. A signal gets one listener from us, however many calls wait for it: Node warns
// of a leak at the eleventh, and signals are meant to be shared by everything that a request does.

'use strict';

/**
 * The callbacks that wait for a signal, and our listener on it.
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
    // A callback that ends another wait removes it from the set, which then skips it.
    callbacks.forEach((callback) => callback());
  };
  const made = { callbacks, listener };
  waiting.set(signal, made);
  signal.addEventListener('abort', listener, { once: true });
  return made;
}

/**
 * Calls back when a signal aborts. Nothing is left on the signal once all callbacks have stopped waiting.
 *
 * @param {AbortSignal} signal
 * @param {() => void} callback Not called if the signal has already aborted.
 * @returns {() => void} Stops waiting.
 */
function onAbort(signal, callback) {
  const joined = waiting.get(signal) ?? listen(signal);
  // A new function, since the same callback may wait twice.
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

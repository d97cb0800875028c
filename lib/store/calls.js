// The calls of one store that are under way: none begins once the store closes, and it closes after the last.

'use strict';

const { orAborted, throwIfAborted } = require('../abort.js');
const { BatonError, isFailure, result } = require('../error.js');

/** @typedef {import('../../binding.js').Failure} Failure */
/** @typedef {import('../../binding.js').NativeStore} NativeStore */

class Calls {
  #native;
  #inFlight = 0;
  /** @type {() => void} */
  #onIdle = () => {};
  /** @type {Promise<void> | undefined} */
  #closing;

  /** @param {NativeStore} native */
  constructor(native) {
    this.#native = native;
  }

  get isClosing() {
    return this.#closing !== undefined;
  }

  /**
   * Calls the addon.
   *
   * @template T
   * @param {(native: NativeStore) => Promise<T | Failure>} dispatch
   * @param {AbortSignal} [signal]
   */
  async call(dispatch, signal) {
    this.#throwIfClosing();
    throwIfAborted(signal);
    const answer = dispatch(this.#native);
    // A call is in flight until the addon has answered it, also when its caller has stopped waiting.
    this.#inFlight += 1;
    const leave = () => this.#leave();
    answer.then(leave, leave);
    return result(await (signal ? orAborted(answer, signal) : answer));
  }

  /**
   * Calls the addon for something that has to be closed. If the caller stops waiting, it is closed when it comes.
   *
   * @template {object} T
   * @param {(native: NativeStore) => Promise<T | Failure>} dispatch
   * @param {AbortSignal | undefined} signal
   * @param {(late: T) => unknown} close
   */
  async callForResource(dispatch, signal, close) {
    /** @type {Promise<T | Failure> | undefined} */
    let opening;
    try {
      return await this.call((native) => (opening = dispatch(native)), signal);
    } catch (error) {
      // Nobody else has it, so nobody else can close it.
      opening?.then((late) => (isFailure(late) ? undefined : close(late)));
      throw error;
    }
  }

  /**
   * Keeps the store open until `work` has ended.
   *
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  async keepOpen(work) {
    this.#throwIfClosing();
    this.#inFlight += 1;
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  /**
   * Lets no further call begin, and runs `end`, once.
   *
   * @param {() => Promise<void>} end
   */
  close(end) {
    this.#closing ??= end();
    return this.#closing;
  }

  /** Resolves when no call is under way. */
  async idle() {
    if (this.#inFlight > 0) {
      await new Promise((resolve) => {
        this.#onIdle = () => resolve(undefined);
      });
    }
  }

  #throwIfClosing() {
    if (this.#closing) {
      throw new BatonError('ERR_CLOSED', 'The store is closed');
    }
  }

  #leave() {
    this.#inFlight -= 1;
    if (this.#inFlight === 0) {
      this.#onIdle();
    }
  }
}

module.exports = { Calls };

// Notices that a database has lost its actor, and reports it to the user once.

'use strict';

const { tell } = require('../observe/channels.js');
const { fromFailure, isFailure } = require('../error.js');

const CHECK_INTERVAL_MS = 1_000;
/** Errors after which the database will never work again: another owner has taken over, or the actor was deleted. */
const LOSSES = ['ERR_FENCE_MISMATCH', 'ERR_NOT_FOUND'];

/** @typedef {InstanceType<typeof import('../error.js').BatonError>} BatonError */
/** @typedef {import('../../index.js').FenceError} FenceError */
/** @typedef {InstanceType<typeof import('../addon/queued-database.js').QueuedDatabase>} NativeDatabase */

class FenceWatch {
  #native;
  #onFenced;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  /** @type {Promise<void> | undefined} */
  #checking;
  #stopped = false;
  /**
   * The error with which the database lost its actor.
   *
   * @type {FenceError | undefined}
   */
  error;

  /**
   * @param {NativeDatabase} native
   * @param {((error: FenceError) => void) | undefined} onFenced Without it nobody waits for the news, and the
   * next commit is soon enough to find out: nothing is checked in the background.
   */
  constructor(native, onFenced) {
    this.#native = native;
    this.#onFenced = onFenced;
    if (onFenced) {
      this.#timer = setInterval(() => this.check(), CHECK_INTERVAL_MS);
      // An open database does not keep the process alive, so this timer does not either.
      this.#timer.unref();
    }
  }

  /** Must be called with each error of the database. @param {BatonError} error */
  hear(error) {
    if (this.error || !LOSSES.includes(error.code)) {
      return;
    }
    const fence = /** @type {FenceError} */ (/** @type {unknown} */ (error));
    this.error = fence;
    clearInterval(this.#timer);
    tell('fenced', () => ({ actorId: fence.actor, error: fence }));
    const onFenced = this.#onFenced;
    if (onFenced) {
      // If it throws, the process reports that error; it is not the failure of the call that happened to
      // notice the loss.
      queueMicrotask(() => onFenced(fence));
    }
  }

  /** Asks the store, unless a check is already running or the answer is known. */
  check() {
    if (this.#onFenced && !this.error && !this.#stopped) {
      this.#checking ??= this.#check();
    }
  }

  /** Stops the checks, and waits for a running one. */
  async stop() {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#checking;
  }

  async #check() {
    const answer = await this.#native.check();
    this.#checking = undefined;
    // Other failures say nothing about the owner; the calls that meet them report them.
    if (isFailure(answer)) {
      this.hear(fromFailure(answer));
    }
  }
}

module.exports = { FenceWatch };

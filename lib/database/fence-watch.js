// Notices that a database has lost its actor, and reports it to the user once.

'use strict';

const { tell } = require('../observe/channels.js');
const { fromFailure, isFailure } = require('../error.js');

const CHECK_INTERVAL_MS = 1_000;
/** What says that the database will never work again: another owner came, or the actor was deleted. */
const LOSSES = ['ERR_FENCE_MISMATCH', 'ERR_NOT_FOUND'];

/** @typedef {InstanceType<typeof import('../error.js').BatonError>} BatonError */
/** @typedef {import('../../index.js').FenceError} FenceError */
/** @typedef {InstanceType<typeof import('../addon/answer-queue.js').QueuedDatabase>} NativeDatabase */

class FenceWatch {
  #native;
  #onFenced;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  /** @type {Promise<void> | undefined} */
  #checking;
  #stopped = false;
  /**
   * What the database learned when it lost its actor.
   *
   * @type {FenceError | undefined}
   */
  error;

  /**
   * @param {NativeDatabase} native
   * @param {((error: FenceError) => void) | undefined} onFenced Without it nobody waits for the news, and
   * the next commit is soon enough to learn it: nothing is checked in the background.
   */
  constructor(native, onFenced) {
    this.#native = native;
    this.#onFenced = onFenced;
    if (onFenced) {
      this.#timer = setInterval(() => this.check(), CHECK_INTERVAL_MS);
      // An open database does not keep the process alive, so neither does this.
      this.#timer.unref();
    }
  }

  /** Hears of each error of the database. @param {BatonError} error */
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
      // What it throws is the process's to report, and not the failure of the call that happened to learn it.
      queueMicrotask(() => onFenced(fence));
    }
  }

  /** Asks the store, unless a question is under way already or the answer is known. */
  check() {
    if (this.#onFenced && !this.error && !this.#stopped) {
      this.#checking ??= this.#check();
    }
  }

  /** Ends the checks, and waits for the one under way. */
  async stop() {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#checking;
  }

  async #check() {
    const answer = await this.#native.check();
    this.#checking = undefined;
    // Other failures say nothing about the owner; calls that meet them report them.
    if (isFailure(answer)) {
      this.hear(fromFailure(answer));
    }
  }
}

module.exports = { FenceWatch };

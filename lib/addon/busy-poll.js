// When the event loop asks for an answer in each of its turns, instead of sleeping until it is woken.
//
// To wake a thread that sleeps takes 30 to 50 us, which is much for a call that takes 200. So a caller that makes one
// call after the other, and waits for each, finds its answer by polling. The turns of the loop go on meanwhile: timers
// and sockets are served as always. It costs processor time, so it is done only for a short while, only for a single
// call, and only as long as it pays.

'use strict';

/** So long the loop polls, from the first turn on; then it sleeps. Longer than a fast disk takes for a flush. */
const POLL_MS = 0.3;
/** A call that follows an answer within this time is made by somebody who waited for that answer. */
const FOLLOWS_MS = 0.1;
/** So many polls in a row may be in vain. As `LUCK_MAX` in `src/database/schedule/crew.rs`. */
const LUCK_MAX = 4;
/** After that, one call of so many is polled for, to see whether it pays again. */
const SLEEPS = 32;

/** Whether to poll for the answer to a call. Times are in milliseconds. */
class BusyPoll {
  #luck = LUCK_MAX;
  #slept = 0;
  #answeredAt = -Infinity;
  /** `undefined`: the loop has not asked yet. @type {number | undefined} */
  #until;
  isPolling = false;

  /**
   * A call has been made, and no other one is under way.
   *
   * @param {number} now
   */
  called(now) {
    if (now - this.#answeredAt > FOLLOWS_MS) {
      return;
    }
    this.#slept += 1;
    if (this.#luck > 0 || this.#slept >= SLEEPS) {
      this.#slept = 0;
      this.#until = undefined;
      this.isPolling = true;
    }
  }

  /**
   * The loop asks for answers, and `underWay` calls have none yet. Returns whether to ask again in the next turn.
   *
   * @param {number} underWay
   * @param {number} now
   */
  goesOn(underWay, now) {
    this.#until ??= now + POLL_MS;
    if (now >= this.#until) {
      this.#luck = Math.max(0, this.#luck - 1);
      this.isPolling = false;
    } else if (underWay !== 1) {
      this.isPolling = false;
    }
    return this.isPolling;
  }

  /**
   * Answers have come.
   *
   * @param {number} now
   */
  answered(now) {
    this.#answeredAt = now;
    if (this.isPolling) {
      this.#luck = LUCK_MAX;
      this.isPolling = false;
    }
  }
}

module.exports = { BusyPoll };

// Lets a synchronous call wait for calls that are out of its way at once.

'use strict';

const { isFailure } = require('../error.js');

/** Far more than a thread takes to wake up, so that a mistake here is an error and not a hang. */
const WAIT_MS_MAX = 1_000;
const PAUSE_MS = 0.02;
const never = new Int32Array(new SharedArrayBuffer(4));

/** The calls under way that run no SQL. Their turns are over long before they are answered, and without this thread. */
class BriefCalls {
  underWay = 0;

  /**
   * @template T
   * @param {() => Promise<T>} call
   */
  async during(call) {
    this.underWay += 1;
    try {
      return await call();
    } finally {
      this.underWay -= 1;
    }
  }

  /**
   * Makes a synchronous call, again and again while such calls are in its way.
   *
   * @template T
   * @param {() => T} dispatch
   * @param {number} others How many calls are under way that a synchronous one must not wait for.
   * @returns {T}
   */
  past(dispatch, others) {
    let answer = dispatch();
    if (this.underWay === 0 || others > 0) {
      return answer;
    }
    const until = performance.now() + WAIT_MS_MAX;
    while (isBusy(answer) && performance.now() < until) {
      Atomics.wait(never, 0, 0, PAUSE_MS);
      answer = dispatch();
    }
    return answer;
  }
}

/** @param {unknown} answer */
function isBusy(answer) {
  return isFailure(answer) && answer.code === 'ERR_BUSY';
}

module.exports = { BriefCalls };

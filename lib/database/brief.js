// Lets a synchronous call wait for calls that are out of its way at once.

'use strict';

const { isFailure } = require('../error.js');

/** Far more than a thread takes to wake up, so that a mistake here is an error and not a hang. */
const WAIT_MS_MAX = 1_000;
const PAUSE_MS = 0.02;
const never = new Int32Array(new SharedArrayBuffer(4));

/** @param {unknown} answer */
function isBusy(answer) {
  return isFailure(answer) && answer.code === 'ERR_BUSY';
}

/**
 * Makes a call until it is not refused any more. What is in its way must not need this thread.
 *
 * @template T
 * @param {() => T} dispatch
 * @returns {T}
 */
function untilFree(dispatch) {
  const until = performance.now() + WAIT_MS_MAX;
  let answer = dispatch();
  while (isBusy(answer) && performance.now() < until) {
    Atomics.wait(never, 0, 0, PAUSE_MS);
    answer = dispatch();
  }
  return answer;
}

module.exports = { isBusy, untilFree };

// The answers of databases, delivered a few in each turn of the event loop.
//
// One flush of the store can answer many commits at once. If all are resolved in one turn, the work that
// their callers do next blocks the loop in one piece. Taken a few at a time, timers and sockets get their
// turns in between.

'use strict';

const { NativeAnswerQueue } = require('./native.js');

/**
 * The work that callers do next runs in microtasks of the same turn. Fewer answers per turn cost no
 * measurable throughput, and more delayed the loop: 0.9 ms at p99.9 with 2, 1.3 with 8, 1.8 with 16 (16
 * actors that commit without a pause, `npm run bench:commits -- --only late --seconds 1`;
 * longer turns contain rarer and longer pauses).
 */
const ANSWERS_A_TURN = 2;
const CALL_MAX = 2 ** 32 - 1;
const FOREVER_MS = 2 ** 31 - 1;

/** @type {Map<number, (answer: any) => void>} */
const waiting = new Map();
let lastCall = 0;
let isTaking = false;
/** Keeps the process alive while calls are running, and only then. @type {NodeJS.Timeout | undefined} */
let anchor;

const native = new NativeAnswerQueue(() => {
  if (!isTaking) {
    take();
  }
});

function take() {
  const answers = native.take(ANSWERS_A_TURN);
  isTaking = answers.length === 2 * ANSWERS_A_TURN;
  if (isTaking) {
    setImmediate(take);
  }
  for (let index = 0; index < answers.length; index += 2) {
    const call = /** @type {number} */ (answers[index]);
    const resolve = waiting.get(call);
    waiting.delete(call);
    resolve?.(answers[index + 1]);
  }
  if (waiting.size === 0) {
    anchor?.unref();
  }
}

/**
 * @param {(call: number) => void} dispatch
 * @returns {Promise<any>}
 */
function ask(dispatch) {
  lastCall = (lastCall % CALL_MAX) + 1;
  const call = lastCall;
  dispatch(call);
  if (waiting.size === 0) {
    anchor ??= setInterval(() => {}, FOREVER_MS);
    anchor.ref();
  }
  return new Promise((resolve) => {
    waiting.set(call, resolve);
  });
}

module.exports = { answers: native, ask };

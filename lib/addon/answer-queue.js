// The answers of databases, delivered a few in each turn of the event loop.
//
// One flush of the store can answer many commits at once. If all are resolved in one turn, the work that
// their callers do next blocks the loop in one piece. Taken a few at a time, timers and sockets get their
// turns in between.

'use strict';

const { performance } = require('node:perf_hooks');
// Not the global ones, which tests replace.
const { setImmediate, setInterval } = require('node:timers');

const { BusyPoll } = require('./busy-poll.js');
const { NativeAnswerQueue } = require('./native.js');

/**
 * The work that callers do next runs in microtasks of the same turn. Fewer answers per turn cost no
 * measurable throughput, and more delayed the loop: 0.9 ms at p99.9 with 2, 1.3 with 8, 1.8 with 16 (16
 * actors that commit without a pause, `npm run bench:commits -- --only late --seconds 1`;
 * longer turns contain rarer and longer pauses).
 */
const ANSWERS_A_TURN = 2;
/** As in `src/node/answer_queue.rs`. */
const SMALL_BYTES_MAX = 4_096;
/** Small answers share arrays of this size. */
const SPACE_BYTES = 16 * SMALL_BYTES_MAX;
/** A peak of calls must not keep its slots for ever. */
const SLOTS_KEPT = 1_024;
const FOREVER_MS = 2 ** 31 - 1;

/**
 * Who waits for an answer, and who is told of it first.
 *
 * @typedef {{ resolve: (answer: any) => void, answered: () => void }} Waiter
 */

/**
 * By the number of the call, which is free again when it is answered. Not a `Map`: a map that changes much replaces its
 * table, and an old table refers to the next one and to all that waited. Once one of them is in the old generation of
 * the heap, everything after it survives until a full collection, and is copied in each pause before.
 *
 * @type {(Waiter | undefined)[]}
 */
const waiting = [];
/** @type {number[]} */
const free = [];
/** The array for small answers. They are not copied out of it: it lives on as long as one of them. */
let space = Buffer.allocUnsafeSlow(SPACE_BYTES);
let spaceUsed = 0;
/** Whether the next turn asks for answers. */
let isTaking = false;
const busyPoll = new BusyPoll();
/** Keeps the process alive while calls are running, and only then. @type {NodeJS.Timeout | undefined} */
let anchor;

const native = new NativeAnswerQueue(() => {
  if (!isTaking) {
    take();
  }
});

const mayPoll = NativeAnswerQueue.mayBusyPoll();

function take() {
  if (spaceUsed > SPACE_BYTES - ANSWERS_A_TURN * SMALL_BYTES_MAX) {
    space = Buffer.allocUnsafeSlow(SPACE_BYTES);
    spaceUsed = 0;
  }
  const polls = busyPoll.isPolling && busyPoll.goesOn(waiting.length - free.length, performance.now());
  const answers = native.take(ANSWERS_A_TURN, space, spaceUsed);
  isTaking = polls || answers.length === 2 * ANSWERS_A_TURN;
  if (isTaking) {
    setImmediate(take);
  }
  if (mayPoll && answers.length > 0) {
    busyPoll.answered(performance.now());
  }
  for (let index = 0; index < answers.length; index += 2) {
    const call = /** @type {number} */ (answers[index]);
    const answer = unpacked(answers[index + 1]);
    const waiter = waiting[call];
    if (waiter !== undefined) {
      waiting[call] = undefined;
      free.push(call);
      waiter.answered();
      waiter.resolve(answer);
    }
  }
  if (waiting.length === free.length) {
    anchor?.unref();
    if (waiting.length > SLOTS_KEPT) {
      waiting.length = 0;
      free.length = 0;
    }
  }
}

/** @param {unknown} answer Of a small one the bytes are in the shared array, and this is the negative of their number. */
function unpacked(answer) {
  if (typeof answer !== 'number' || answer >= 0) {
    return answer;
  }
  const bytes = new Uint8Array(space.buffer, spaceUsed, -answer);
  spaceUsed -= answer;
  return bytes;
}

/**
 * Bytes of an answer in an array of their own, for whoever keeps them.
 *
 * @param {Uint8Array} bytes
 */
function ownBytes(bytes) {
  return bytes.length === bytes.buffer.byteLength ? bytes : bytes.slice();
}

/** The number for the next call. It is in use once the call has been made: from {@link answerTo} on. */
function nextCall() {
  return free.length > 0 ? free[free.length - 1] : waiting.length;
}

/**
 * The answer to a call that has just been made.
 *
 * @param {number} call
 * @param {() => void} answered
 * @returns {Promise<any>}
 */
function answerTo(call, answered) {
  if (waiting.length === free.length) {
    anchor ??= setInterval(() => {}, FOREVER_MS);
    anchor.ref();
  }
  free.pop();
  const answer = new Promise((resolve) => {
    waiting[call] = { resolve, answered };
  });
  if (mayPoll && waiting.length - free.length === 1) {
    poll();
  }
  return answer;
}

function poll() {
  busyPoll.called(performance.now());
  if (busyPoll.isPolling && !isTaking) {
    isTaking = true;
    setImmediate(take);
  }
}

module.exports = { answers: native, answerTo, nextCall, ownBytes };

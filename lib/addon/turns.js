// Turns of the event loop. All sliced work of this thread shares them, one slice in a turn.

'use strict';

// Not the global one, which tests replace.
const { setImmediate } = require('node:timers');

/** How long one slice may take: half of the acceptable delay of the event loop. */
const SLICE_MS = 0.5;

/** @type {(() => void)[]} */
const waiting = [];

/** Resolves in a later turn of the event loop, which is not shared with anybody else who waits here. */
function nextTurn() {
  return new Promise((resolve) => {
    waiting.push(() => resolve(undefined));
    if (waiting.length === 1) {
      setImmediate(resumeFirst);
    }
  });
}

function resumeFirst() {
  const [resume] = waiting;
  resume();
  waiting.shift();
  // All immediates set before a turn run in that turn, so they are set one after the other.
  if (waiting.length > 0) {
    setImmediate(resumeFirst);
  }
}

module.exports = { SLICE_MS, nextTurn };

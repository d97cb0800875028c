// Turns of the event loop. All sliced work of this thread shares them, one slice in a turn.

'use strict';

/** How long one slice may take: half of what the event loop may be held up. */
const SLICE_MS = 0.5;

/** @type {(() => void)[]} */
const waiting = [];

/** Resolves in a later turn of the event loop, which nobody else that waits here shares. */
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
  // All immediates set before a turn run in that turn, hence one after the other.
  if (waiting.length > 0) {
    setImmediate(resumeFirst);
  }
}

module.exports = { SLICE_MS, nextTurn };

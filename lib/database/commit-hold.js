// What synchronous calls write without an `await` between them, on a deferred database, is committed together.

'use strict';

/** @typedef {InstanceType<typeof import('../addon/queued-database.js').QueuedDatabase>} NativeDatabase */

/** A microtask that no fake clock of a test puts off, as those do with `queueMicrotask`. */
const NOW = Promise.resolve();

class CommitHold {
  #native;
  #isHeld = false;

  /** @param {NativeDatabase} native */
  constructor(native) {
    this.#native = native;
  }

  /** Before a call: what it writes waits until JavaScript on the stack is done. */
  hold() {
    if (!this.#isHeld) {
      this.#isHeld = true;
      this.#native.holdCommits();
      NOW.then(this.#release);
    }
  }

  #release = () => {
    this.#isHeld = false;
    this.#native.releaseCommits();
  };
}

module.exports = { CommitHold };

// The progress of long work, in one line on stderr that is overwritten. Without a terminal it prints nothing,
// unless asked to, and then a line now and then.

'use strict';

const INTERVAL_MS = 100;
const INTERVAL_OF_LINES_MS = 2_000;
const BAR_WIDTH = 24;

class Progress {
  #stream = process.stderr;
  #enabled;
  #overwrites;
  #lastMs = 0;
  #shown = '';

  /** @param {{ progress?: boolean }} options as given; by default it depends on the terminal */
  constructor({ progress }) {
    this.#overwrites = this.#stream.isTTY === true;
    this.#enabled = progress ?? this.#overwrites;
  }

  /**
   * @param {string} text
   * @param {number} [done] from 0 to 1, if known
   */
  show(text, done) {
    const now = performance.now();
    const interval = this.#overwrites ? INTERVAL_MS : INTERVAL_OF_LINES_MS;
    if (!this.#enabled || (this.#lastMs !== 0 && now - this.#lastMs < interval)) return;
    this.#lastMs = now;
    const line = done === undefined ? text : `${bar(done)} ${text}`;
    if (!this.#overwrites) {
      this.#stream.write(`${line}\n`);
      return;
    }
    const fits = line.slice(0, Math.max(10, (this.#stream.columns || 80) - 1));
    this.#stream.write(`\r${fits.padEnd(this.#shown.length)}`);
    this.#shown = fits;
  }

  /** Removes the line, before something else is printed. */
  clear() {
    if (this.#shown !== '') {
      this.#stream.write(`\r${' '.repeat(this.#shown.length)}\r`);
      this.#shown = '';
    }
  }
}

/** @param {number} done */
function bar(done) {
  const full = Math.round(Math.min(1, Math.max(0, done)) * BAR_WIDTH);
  return `[${'#'.repeat(full)}${'-'.repeat(BAR_WIDTH - full)}] ${String(Math.floor(done * 100)).padStart(3)} %`;
}

/** The option of commands that show progress. @type {import('./usage.js').Option} */
const option = { type: 'boolean', help: 'show progress on stderr, also where that is no terminal' };

module.exports = { Progress, option };

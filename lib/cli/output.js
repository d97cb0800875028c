// What commands print: lines on stdout, tables, JSON, sizes that people can read.

'use strict';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** @param {number} bytes */
function size(bytes) {
  let unit = 0;
  let amount = bytes;
  while (amount >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${unit === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${UNITS[unit]}`;
}

/** @param {number | bigint} number */
function count(number) {
  return number.toString().replace(/\B(?=(\d{3})+$)/g, ',');
}

/**
 * "1 actor", "2 actors".
 *
 * @param {number} number
 * @param {string} noun
 */
function plural(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
}

/**
 * Text from a store as a terminal may have it: on one line and without control characters, of which some would
 * command the terminal.
 *
 * @param {string} text
 */
function plain(text) {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => {
    if (character === '\n') return '\\n';
    if (character === '\t') return '\\t';
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/**
 * A value as JSON. Whole numbers that JavaScript cannot hold exactly become strings.
 *
 * @param {unknown} value
 * @param {number} [indent]
 */
function json(value, indent = 2) {
  /** @param {string} _ @param {unknown} each */
  const convert = (_, each) => {
    if (typeof each !== 'bigint') return each;
    const number = Number(each);
    return Number.isSafeInteger(number) ? number : String(each);
  };
  return JSON.stringify(value, convert, indent);
}

/**
 * @param {string[]} header
 * @param {string[][]} rows
 * @param {readonly number[]} [right] columns of numbers
 */
function table(header, rows, right = []) {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column].length)),
  );
  /** @param {string[]} row */
  const line = (row) =>
    row
      .map((cell, column) =>
        right.includes(column) ? cell.padStart(widths[column]) : cell.padEnd(widths[column]),
      )
      .join('  ')
      .trimEnd();
  return [header, ...rows].map(line).join('\n');
}

/**
 * Names and values below each other.
 *
 * @param {(readonly [string, string] | undefined)[]} fields
 */
function fields(fields) {
  const known = fields.filter((field) => field !== undefined);
  const width = Math.max(...known.map(([name]) => name.length));
  return known.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

class Output {
  #stream;
  #closed = false;

  /**
   * @param {NodeJS.WriteStream} stream
   * @param {() => void} onClosed called when nobody reads any more
   */
  constructor(stream, onClosed) {
    this.#stream = stream;
    stream.on('error', (error) => {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EPIPE') throw error;
      this.#closed = true;
      onClosed();
    });
  }

  get isTerminal() {
    return this.#stream.isTTY === true;
  }

  /** Whether nobody reads any more. */
  get closed() {
    return this.#closed;
  }

  /**
   * Prints a line, and waits while the reader is behind.
   *
   * @param {string} text
   */
  async line(text) {
    await this.text(`${text}\n`);
  }

  /** @param {string} text */
  async text(text) {
    if (this.#closed || this.#stream.write(text)) return;
    await new Promise((resolve) => {
      const go = () => {
        for (const event of ['drain', 'error', 'close']) this.#stream.removeListener(event, go);
        resolve(undefined);
      };
      for (const event of ['drain', 'error', 'close']) this.#stream.on(event, go);
    });
  }

  /** @param {unknown} value */
  async json(value) {
    await this.line(json(value));
  }
}

module.exports = { Output, count, fields, json, plain, plural, size, table };

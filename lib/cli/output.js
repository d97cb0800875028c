// What commands print: lines on stdout, tables, JSON, human-readable sizes.

'use strict';

const { constants, fstatSync, readFileSync, readlinkSync, writeSync } = require('node:fs');

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
 * Text from a store, made safe for a terminal: on one line and without control characters, some of which
 * would control the terminal.
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
 * A value as JSON. Integers that JavaScript cannot represent exactly become strings.
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
 * Names and values, one pair per line.
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
  #onClosed;
  /**
   * Whether the stream is a file. Files are written synchronously here: a stream would lose what a full disk
   * cuts off.
   */
  #isFile;
  #closed = false;
  /** @type {Error | undefined} */
  #failure;
  /** Whether the command continues when nothing can be printed any more. */
  goesOn = false;

  /**
   * @param {NodeJS.WriteStream & { fd: number }} stream
   * @param {() => void} onClosed called when the reader is gone
   */
  constructor(stream, onClosed) {
    this.#stream = stream;
    this.#onClosed = onClosed;
    this.#isFile = !stream.isTTY && kindOf(stream.fd) === 'file';
    stream.on('error', (error) => this.#end(error));
  }

  get isTerminal() {
    return this.#stream.isTTY === true;
  }

  /** Whether the reader is gone, or nothing can be written any more. */
  get closed() {
    return this.#closed;
  }

  /** Why the output is incomplete. A reader that went away has what it wanted. */
  get failure() {
    return this.#failure;
  }

  /**
   * Prints a line, and waits until it is written.
   *
   * @param {string} text
   */
  async line(text) {
    await this.text(`${text}\n`);
  }

  /** @param {string} text */
  async text(text) {
    if (this.#closed) return;
    try {
      if (this.#isFile) {
        writeAll(this.#stream.fd, Buffer.from(text));
      } else {
        await new Promise((resolve, reject) => {
          this.#stream.write(text, (error) => (error ? reject(error) : resolve(undefined)));
        });
      }
    } catch (error) {
      this.#end(/** @type {NodeJS.ErrnoException} */ (error));
    }
    if (this.#failure && !this.goesOn) throw this.#failure;
  }

  /** @param {unknown} value */
  async json(value) {
    await this.line(json(value));
  }

  /** @param {NodeJS.ErrnoException} error */
  #end(error) {
    if (this.#closed) return;
    this.#closed = true;
    if (error.code === 'EPIPE') {
      this.#onClosed();
    } else {
      this.#failure = unwritable(error.message.replace(/^[A-Z]+: |, \w+$/g, ''), error.code);
    }
  }
}

/**
 * @param {string} why
 * @param {string} [code]
 */
function unwritable(why, code) {
  return Object.assign(new Error(`cannot write to stdout: ${why}`), { code: code ?? 'EIO' });
}

/** @param {number} descriptor */
function kindOf(descriptor) {
  const stat = fstatSync(descriptor);
  return stat.isFile() || stat.isCharacterDevice() ? 'file' : 'stream';
}

/**
 * Writes all bytes, or fails: a single call may write only a part.
 *
 * @param {number} descriptor
 * @param {Buffer} bytes
 */
function writeAll(descriptor, bytes) {
  for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
}

/**
 * Throws if stdout was closed when the program was started (`>&-`). A parent that discards the output looks
 * the same. So this is checked only where running without a reader is useless. With `ifHeard`, it is also
 * checked where the exit code alone is of use, but only if stderr can report it: a caller that discards both
 * wants the exit code.
 *
 * @param {{ ifHeard?: boolean }} [how]
 */
function refuseClosed({ ifHeard = false } = {}) {
  if (isNowhere(1) && !(ifHeard && isNowhere(2))) {
    throw unwritable('it is closed; to print nothing, say > /dev/null', 'EBADF');
  }
}

/**
 * Whether a descriptor is /dev/null, opened for reading and writing: what Node opens in place of a closed
 * one. `> /dev/null` is different. Only Linux can tell.
 *
 * @param {number} descriptor
 */
function isNowhere(descriptor) {
  try {
    const info = readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8');
    const flags = parseInt(/^flags:\s*([0-7]+)$/m.exec(info)?.[1] ?? '0', 8);
    return readlinkSync(`/proc/self/fd/${descriptor}`) === '/dev/null' && (flags & 3) === constants.O_RDWR;
  } catch {
    return false;
  }
}

module.exports = { Output, count, fields, json, plain, plural, refuseClosed, size, table, writeAll };

// `setLogger`: passes the addon's log records to a function, a few at a time.

'use strict';

// Not the global one, which tests replace.
const { setImmediate } = require('node:timers');

const { NativeLogger, wrongDirective } = require('../addon/native.js');
const check = require('../arguments/check.js');
const { BatonError } = require('../error.js');

const LEVELS = ['error', 'warn', 'info', 'debug', 'trace'];
const CAPACITY_DEFAULT = 1_024;
const CAPACITY_MAX = 1_048_576;
/** A slow logger blocks the event loop for this many records at a time. */
const RECORDS_A_TURN = 64;

/** @typedef {import('../../index.js').LogRecord} LogRecord */

/** The logger of this thread. @type {Logger | undefined} */
let current;

class Logger {
  #native;
  #callback;
  #capacity;
  #isClosed = false;
  #isTaking = false;
  #hasWarned = false;

  /**
   * @param {{ filter: string, capacity: number }} options
   * @param {(record: LogRecord) => void} callback
   */
  constructor({ filter, capacity }, callback) {
    if (typeof callback !== 'function') {
      throw new BatonError('ERR_INVALID_ARG', 'A logger is made by setLogger(options, callback)');
    }
    this.#callback = callback;
    this.#capacity = capacity;
    this.#native = new NativeLogger(filter, capacity, () => {
      if (!this.#isTaking) {
        this.#take();
      }
    });
  }

  get dropped() {
    return this.#native.dropped();
  }

  async flush() {
    // In a turn of its own, so that a callback that flushes is not called from inside itself. Does not wait
    // for records that arrive meanwhile, or it would never end on a busy store.
    for (let left = this.#capacity + RECORDS_A_TURN; left > 0; left -= RECORDS_A_TURN) {
      await new Promise((resolve) => setImmediate(resolve));
      if (!this.#deliver()) {
        return;
      }
    }
  }

  close() {
    this.#isClosed = true;
    this.#native.close();
    if (current === this) {
      current = undefined;
    }
  }

  [Symbol.dispose]() {
    this.close();
  }

  #take() {
    this.#isTaking = this.#deliver();
    if (this.#isTaking) {
      // Pending records do not keep the process alive.
      setImmediate(() => this.#take()).unref();
    }
  }

  /** Returns whether there may be more. */
  #deliver() {
    const records = this.#isClosed ? [] : this.#native.take(RECORDS_A_TURN);
    for (const record of records) {
      if (this.#isClosed) {
        return false;
      }
      try {
        this.#callback(toRecord(record));
      } catch (error) {
        this.#warn(error);
      }
    }
    return records.length >= RECORDS_A_TURN;
  }

  /** Only once: a callback that throws on one record will throw on the next. @param {unknown} error */
  #warn(error) {
    if (!this.#hasWarned) {
      this.#hasWarned = true;
      const detail = error instanceof Error ? error.stack : check.show(error);
      process.emitWarning('The callback of setLogger threw; further errors of this logger are not reported', {
        type: 'BatonWarning',
        code: 'BATON_LOGGER',
        detail,
      });
    }
  }
}

/**
 * @param {import('../../binding.js').NativeLogRecord} native
 * @returns {LogRecord}
 */
function toRecord({ time, level, fields, spans, ...record }) {
  return {
    time: new Date(time),
    level: /** @type {LogRecord['level']} */ (level),
    ...record,
    fields: toFields(fields),
    spans: spans.map((span) => ({ name: span.name, fields: toFields(span.fields) })),
  };
}

/** @param {import('../../binding.js').NativeFields} fields */
function toFields({ names, values }) {
  return Object.fromEntries(names.map((name, index) => [name, values[index]]));
}

/**
 * @param {unknown} value
 * @returns {{ filter: string, capacity: number }}
 */
function loggerOptions(value) {
  const options = check.object(value, 'options', ['level', 'filter', 'capacity']);
  const { level = 'info', filter = level, capacity = CAPACITY_DEFAULT } = options;
  if (!LEVELS.includes(level)) {
    throw check.invalid('options.level', `one of ${LEVELS.map((each) => `'${each}'`).join(', ')}`, level);
  }
  const directives = check.string(filter, 'options.filter');
  const wrong = wrongDirective(directives);
  if (wrong !== null && wrong !== undefined) {
    throw new BatonError(
      'ERR_INVALID_ARG',
      `The "options.filter" property has a directive that is none: ${check.show(wrong)}. ` +
        'One is level, target or target=level, with a level of off, error, warn, info, debug or trace',
    );
  }
  return {
    filter: directives,
    capacity: check.integer(capacity, 'options.capacity', 1, CAPACITY_MAX),
  };
}

/**
 * @param {unknown} options
 * @param {unknown} [callback]
 * @returns {Logger | undefined}
 */
function setLogger(options, callback) {
  if (options === null) {
    current?.close();
    return undefined;
  }
  const checked = loggerOptions(options);
  if (typeof callback !== 'function') {
    throw check.invalid('callback', 'a function', callback);
  }
  const logger = new Logger(checked, /** @type {(record: LogRecord) => void} */ (callback));
  current?.close();
  current = logger;
  return logger;
}

module.exports = { setLogger };

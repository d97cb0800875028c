// Converts the arguments of history: policies, durations, points and times.

'use strict';

const check = require('./check.js');
const { BatonError } = require('../error.js');
const { traceparent } = require('./traceparent.js');

const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/;
const POINT = /^[0-9a-f]{16}$/;
const TIERS_MAX = 16;
const NAME_BYTES_MAX = 256;
/** The last time that a `Date` can hold. */
const TIME_MS_MAX = 8.64e15;

/**
 * A number of milliseconds, or a text such as `'10m'`.
 *
 * @param {unknown} value
 * @param {string} name
 * @returns {number}
 */
function duration(value, name) {
  const parts = typeof value === 'string' ? DURATION.exec(value) : null;
  const ms = parts ? Number(parts[1]) * UNITS_MS[/** @type {keyof typeof UNITS_MS} */ (parts[2])] : value;
  if (typeof ms !== 'number') {
    throw check.invalid(name, "a number of milliseconds, or a text such as '10m' or '7d'", value);
  }
  if (!(ms >= 0) || (ms !== Infinity && ms > TIME_MS_MAX)) {
    throw check.outOfRange(name, `from 0 to ${TIME_MS_MAX} ms, or Infinity`, value);
  }
  return Math.round(ms);
}

/**
 * @param {unknown} value
 * @param {string} name
 * @returns {import('../../binding.js').NativeHistory}
 */
function policy(value, name) {
  if (value === false) {
    return { then: [] };
  }
  if (value === true) {
    throw check.invalid(name, 'false or an object with "keepAll"', value);
  }
  const given = check.object(value, name, ['keepAll', 'then']);
  const keepAll = duration(given.keepAll, `${name}.keepAll`);
  let age = keepAll;
  const then = check.list(given.then ?? [], `${name}.then`, 'an array of tiers', (each, at) => {
    const tier = check.object(each, at, ['every', 'for']);
    const every = duration(tier.every, `${at}.every`);
    const until = duration(tier.for, `${at}.for`);
    if (every === 0) {
      throw check.outOfRange(`${at}.every`, 'above 0', tier.every);
    }
    if (until <= age) {
      throw check.outOfRange(`${at}.for`, `above the age at which the tier begins, ${age} ms`, tier.for);
    }
    age = until;
    return { every, for: until };
  });
  if (then.length > TIERS_MAX) {
    throw check.outOfRange(`${name}.then`, `of at most ${TIERS_MAX} tiers`, then.length);
  }
  return { keepAll, then };
}

/**
 * A `Date` that is a time.
 *
 * @param {unknown} value
 * @param {string} name
 * @returns {number}
 */
function time(value, name) {
  const ms = value instanceof Date ? value.getTime() : NaN;
  if (Number.isNaN(ms)) {
    throw check.invalid(name, 'a valid Date', value);
  }
  return Math.max(0, ms);
}

/**
 * A state: a point, a time, or the name of a pin.
 *
 * @param {unknown} value
 * @param {string} name
 * @returns {import('../../binding.js').NativePointRef}
 */
function pointRef(value, name) {
  if (value instanceof Date) {
    return { time: time(value, name) };
  }
  if (typeof value !== 'string' || value === '') {
    throw check.invalid(name, 'a point, a Date, or the name of a pin', value);
  }
  return POINT.test(value) ? { point: value } : { name: value };
}

/**
 * @param {unknown} value
 * @param {string} name
 * @returns {string}
 */
function point(value, name) {
  if (typeof value !== 'string' || !POINT.test(value)) {
    throw check.invalid(name, 'a point: 16 hexadecimal digits', value);
  }
  return value;
}

/**
 * A time: a `Date`, a text that is one, or how long ago it was.
 *
 * @param {unknown} value
 * @param {string} name
 * @returns {import('../../binding.js').NativePointRef}
 */
function when(value, name) {
  if (typeof value === 'string') {
    return { time: time(new Date(value), name) };
  }
  if (value instanceof Date) {
    return { time: time(value, name) };
  }
  const { ago } = check.object(value, name, ['ago']);
  return { time: Math.max(0, Date.now() - duration(ago, `${name}.ago`)) };
}

/**
 * @param {unknown} value
 * @param {string} name
 * @returns {string}
 */
function pinName(value, name) {
  const text = check.nonEmptyString(value, name);
  const bytes = Buffer.byteLength(text);
  if (bytes > NAME_BYTES_MAX) {
    throw check.invalid(name, `at most ${NAME_BYTES_MAX} bytes of UTF-8 (it has ${bytes})`, value);
  }
  if (POINT.test(text)) {
    throw check.invalid(name, 'a name that does not look like a point', value);
  }
  return text;
}

/** @param {unknown} value */
function pinOptions(value) {
  const options = check.object(value ?? {}, 'options', ['name', 'at', 'expires', 'traceparent']);
  const { name, at, expires } = options;
  if (expires !== undefined && !(expires instanceof Date) && duration(expires, 'options.expires') === 0) {
    throw check.outOfRange('options.expires', 'above 0', expires);
  }
  const ends =
    expires === undefined
      ? undefined
      : expires instanceof Date
        ? time(expires, 'options.expires')
        : Date.now() + duration(expires, 'options.expires');
  return {
    name: name === undefined ? '' : pinName(name, 'options.name'),
    at: at === undefined ? {} : pointRef(at, 'options.at'),
    expiresAtMs: ends === Infinity ? undefined : ends,
    traceparent: traceparent(options.traceparent, 'options.traceparent'),
  };
}

/** @param {unknown} value */
function pointsOptions(value) {
  const options = check.object(value ?? {}, 'options', ['from', 'to', 'limit']);
  /** @param {unknown} edge @param {string} name */
  const edge = (edge, name) =>
    edge === undefined
      ? {}
      : edge instanceof Date
        ? { time: time(edge, name) }
        : { point: point(edge, name) };
  return {
    from: edge(options.from, 'options.from'),
    to: edge(options.to, 'options.to'),
    limit:
      options.limit === undefined
        ? Infinity
        : check.integer(options.limit, 'options.limit', 1, check.U32_MAX),
  };
}

/** @param {unknown} value */
function forkOptions(value) {
  const { at, traceparent: trace } = check.object(value ?? {}, 'options', ['at', 'traceparent']);
  return {
    at: at === undefined ? {} : pointRef(at, 'options.at'),
    traceparent: traceparent(trace, 'options.traceparent'),
  };
}

/**
 * The options of a call that has no other ones.
 *
 * @param {unknown} value
 */
function traceOptions(value) {
  const { traceparent: trace } = check.object(value ?? {}, 'options', ['traceparent']);
  return { traceparent: traceparent(trace, 'options.traceparent') };
}

/** @param {unknown} value */
function restoreOptions(value) {
  const { to, traceparent: trace } = check.object(value, 'options', ['to', 'traceparent']);
  if (to === undefined) {
    throw new BatonError('ERR_INVALID_ARG', 'The "options.to" property must name the state to go back to');
  }
  return { to: pointRef(to, 'options.to'), traceparent: traceparent(trace, 'options.traceparent') };
}

module.exports = {
  forkOptions,
  pinName,
  pinOptions,
  pointRef,
  pointsOptions,
  policy,
  restoreOptions,
  traceOptions,
  when,
};

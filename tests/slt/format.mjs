// How results are written and compared: as SQLite's own runner does it, from values to lines.

import { createHash } from 'node:crypto';

/** @typedef {null | bigint | number | string | Uint8Array} Value Integers are bigints, reals numbers. */

const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;
/** As many digits of a real as SQLite writes. */
const REAL_DIGITS = 15;
/** As many as its `printf` does with `%.3f`. */
const FIXED_DIGITS = 16;
const DECIMALS = 3;

/**
 * @param {Value} value
 * @param {string} type `I`, `R` or `T`; everything else is written as text.
 */
export function formatValue(value, type) {
  if (value === null) {
    return 'NULL';
  }
  if (type === 'I') {
    return String(toInteger(value));
  }
  if (type === 'R') {
    return fixed(toReal(value));
  }
  const bytes = toText(value);
  const end = bytes.indexOf(0);
  const shown = [...(end === -1 ? bytes : bytes.subarray(0, end))].map((byte) =>
    byte >= 0x20 && byte <= 0x7e ? String.fromCharCode(byte) : '@',
  );
  return shown.length === 0 ? '(empty)' : shown.join('');
}

/**
 * @param {Value[][]} rows
 * @param {string} types
 * @returns {string[][]}
 */
export function formatRows(rows, types) {
  return rows.map((row) => row.map((value, column) => formatValue(value, types[column] ?? 'T')));
}

/**
 * @param {string[][]} rows
 * @param {import('./parse.mjs').SortMode} mode
 * @returns {string[][]} The rows; with `valuesort` each value is a row of its own.
 */
export function sortRows(rows, mode) {
  if (mode === 'rowsort') {
    return [...rows].sort(compareRows);
  }
  if (mode === 'valuesort') {
    return rows
      .flat()
      .sort(compareText)
      .map((value) => [value]);
  }
  return rows;
}

/** @param {string[][]} rows */
export function hashLine(rows) {
  const values = rows.flat();
  const hash = createHash('md5');
  for (const value of values) {
    hash.update(`${value}\n`);
  }
  return `${values.length} values hashing to ${hash.digest('hex')}`;
}

/**
 * Whether sorted rows are what a file expects: a hash, one value a line, or one row a line.
 *
 * @param {string[][]} rows
 * @param {string[]} expected
 * @param {import('./parse.mjs').SortMode} mode
 */
export function matches(rows, expected, mode) {
  if (expected.length === 1 && /^\d+ values hashing to [0-9a-f]{32}$/.test(expected[0])) {
    return expected[0] === hashLine(rows);
  }
  const values = rows.flat();
  if (values.length === expected.length && values.every((value, index) => value === expected[index])) {
    return true;
  }
  if (rows.length !== expected.length) {
    return false;
  }
  const lines = rows.map((row) => squeezed(row.join(' ')));
  const wanted = expected.map(squeezed);
  // Files that have a row a line may list them in another order than the one of their values.
  if (mode === 'rowsort') {
    lines.sort(compareText);
    wanted.sort(compareText);
  }
  return lines.every((line, index) => line === wanted[index]);
}

/** @param {string} line */
function squeezed(line) {
  return line.trim().split(/\s+/).join(' ');
}

/**
 * @param {string} one
 * @param {string} other
 */
function compareText(one, other) {
  return one < other ? -1 : Number(one > other);
}

/**
 * @param {string[]} one
 * @param {string[]} other
 */
function compareRows(one, other) {
  const column = one.findIndex((value, index) => value !== other[index]);
  return column === -1 ? 0 : compareText(one[column], other[column]);
}

/** @param {Exclude<Value, null>} value */
function toInteger(value) {
  if (typeof value === 'bigint') {
    return value;
  }
  if (typeof value === 'number') {
    if (Math.abs(value) >= 2 ** 63) {
      return value < 0 ? I64_MIN : I64_MAX;
    }
    return BigInt(Math.trunc(value));
  }
  return BigInt(/^\s*([+-]?)0*(\d+)/.exec(toText(value).toString())?.slice(1).join('').replace('+', '') ?? 0);
}

/** @param {Exclude<Value, null>} value */
function toReal(value) {
  if (typeof value === 'bigint' || typeof value === 'number') {
    return Number(value);
  }
  const number = Number.parseFloat(toText(value).toString());
  return Number.isNaN(number) ? 0 : number;
}

/** @param {Exclude<Value, null>} value */
function toText(value) {
  if (value instanceof Uint8Array) {
    return Buffer.from(value);
  }
  return Buffer.from(typeof value === 'number' ? realText(value) : String(value));
}

/** @param {number} value */
function fixed(value) {
  if (!Number.isFinite(value)) {
    return infinity(value);
  }
  const [digits, exponent] = value.toExponential(FIXED_DIGITS - 1).split('e');
  const power = Number(exponent);
  if (power + 1 + DECIMALS <= FIXED_DIGITS) {
    return value.toFixed(DECIMALS);
  }
  // Digits past the 16th are zeros in SQLite's `printf`, whatever the value is.
  const [, sign, known] = /** @type {RegExpExecArray} */ (/^(-?)(.*)$/.exec(digits.replace('.', '')));
  const padded = known.padEnd(power + 1 + DECIMALS, '0');
  return `${sign}${padded.slice(0, power + 1)}.${padded.slice(power + 1, power + 1 + DECIMALS)}`;
}

/**
 * A real as SQLite makes text of it: 15 digits, and always a point.
 *
 * @param {number} value
 */
function realText(value) {
  if (!Number.isFinite(value)) {
    return infinity(value);
  }
  const [digits, exponent] = value.toExponential(REAL_DIGITS - 1).split('e');
  const power = Number(exponent);
  if (value !== 0 && (power < -4 || power >= REAL_DIGITS)) {
    const sign = power < 0 ? '-' : '+';
    return `${withPoint(digits)}e${sign}${String(Math.abs(power)).padStart(2, '0')}`;
  }
  return withPoint(value.toFixed(Math.max(0, REAL_DIGITS - 1 - power)));
}

/** @param {number} value */
function infinity(value) {
  return value > 0 ? 'Inf' : '-Inf';
}

/** @param {string} digits */
function withPoint(digits) {
  const trimmed = digits.includes('.') ? digits.replace(/0+$/, '') : `${digits}.`;
  return trimmed.endsWith('.') ? `${trimmed}0` : trimmed;
}

// Where things go on a plot: scales, ticks, and labels that keep out of each other's way. No markup here.

'use strict';

/** @typedef {(value: number) => number} Scale */

/**
 * @param {[number, number]} domain
 * @param {[number, number]} range
 * @returns {Scale}
 */
function linear([from, to], [start, end]) {
  // A domain of one value would divide by zero; the value then stands in the middle.
  return from === to
    ? () => (start + end) / 2
    : (value) => start + ((value - from) / (to - from)) * (end - start);
}

/**
 * @param {[number, number]} domain Both above 0.
 * @param {[number, number]} range
 * @returns {Scale}
 */
function logarithmic([from, to], range) {
  if (!(from > 0 && to > 0)) {
    throw new RangeError(`a logarithmic scale has no ${from} and no ${to}`);
  }
  const inside = linear([Math.log(from), Math.log(to)], range);
  return (value) => inside(Math.log(value));
}

/**
 * Round numbers from 0 to at least `max`: steps of 1, 2 or 5 times a power of ten.
 *
 * @param {number} max
 * @param {number} [count] About how many.
 */
function ticks(max, count = 5) {
  if (!(max > 0 && Number.isFinite(max))) {
    return [0, 1];
  }
  const rough = max / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10) * power;
  const steps = Math.ceil(max / step - 1e-9);
  // Counted and not added up, so that 0.1 stays 0.1.
  return Array.from({ length: steps + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

/**
 * Moves positions apart until each two are `gap` from each other, as little as may be and within the bounds.
 * The answer is in the order of what was given.
 *
 * @param {number[]} positions
 * @param {number} gap
 * @param {[number, number]} bounds
 */
function apart(positions, gap, [low, high]) {
  const order = positions.map((_, index) => index).sort((a, b) => positions[a] - positions[b]);
  const moved = [...positions];
  let floor = low;
  for (const index of order) {
    moved[index] = Math.max(moved[index], floor);
    floor = moved[index] + gap;
  }
  let ceiling = high;
  for (const index of order.reverse()) {
    moved[index] = Math.min(moved[index], ceiling);
    ceiling = moved[index] - gap;
  }
  return moved;
}

/**
 * How wide a text is at most, in any sans-serif font that a viewer may have.
 *
 * @param {string} text
 * @param {number} size
 */
function textWidth(text, size) {
  return text.length * size * 0.62;
}

module.exports = { apart, linear, logarithmic, textWidth, ticks };

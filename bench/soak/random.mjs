// Chance from a seed, so that the same seed makes the same choices (not the same races).

/**
 * Four words of state, so that the many streams of a run do not meet: with one word they walk on one circle, and
 * two that overlap pick the same actor and the same numbers for it.
 *
 * @param {number[]} seeds
 */
export function chance(...seeds) {
  let [a, b, c, count] = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 1];
  /** A number from 0 up to and without 1. */
  const next = () => {
    const sum = (a + b + count) >>> 0;
    count = (count + 1) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + sum) >>> 0;
    return sum / 2 ** 32;
  };
  for (const seed of seeds) {
    a = (a ^ seed) >>> 0;
    for (let round = 0; round < 12; round += 1) {
      next();
    }
  }
  return {
    next,
    /** A whole number from 0 up to and without `bound`. @param {number} bound */
    below: (bound) => Math.floor(next() * bound),
    /**
     * One of the names, each as often as its weight says.
     *
     * @template {string} Name
     * @param {Record<Name, number>} weights
     * @returns {Name}
     */
    pick(weights) {
      const entries = /** @type {[Name, number][]} */ (Object.entries(weights));
      let left = next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [name, weight] of entries) {
        left -= weight;
        if (left < 0) {
          return name;
        }
      }
      return entries[entries.length - 1][0];
    },
  };
}

/** @typedef {ReturnType<typeof chance>} Chance */

// Chance from a seed, so that the same seed makes the same choices (not the same races).

/** @param {number} seed */
export function chance(seed) {
  let state = seed >>> 0;
  /** A number from 0 up to and without 1. */
  const next = () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  };
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

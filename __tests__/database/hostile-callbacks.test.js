'use strict';

// A short run of `fuzz/callbacks.mjs`, which `npm run fuzz -- callbacks` runs for longer. A failure names its seed.

const { runNode } = require('../helpers.js');

test.each([1, 2, 3])(
  'hostile functions, aggregates and collations cost no row, seed %i',
  async (seed) => {
    const { stdout } = await runNode('fuzz/callbacks.mjs', '--seed', String(seed), '--calls', '800');
    expect(stdout).toMatch(
      /^800 calls, each with a result or an error that it may have; \d{3} of \d{3} writes/m,
    );
  },
  60_000,
);

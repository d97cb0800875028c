'use strict';

// A short run of `fuzz/arguments.mjs`, which `npm run fuzz -- node` runs for longer. A failure names its seed.

const { runNode } = require('../helpers.js');

test.each([1, 2, 3])(
  'hostile arguments end in results or documented errors, seed %i',
  async (seed) => {
    const { stdout } = await runNode('fuzz/arguments.mjs', '--seed', String(seed), '--calls', '300');
    expect(stdout).toMatch(/^30\d calls, each with a result or a documented error$/m);
  },
  60_000,
);

'use strict';

const { join } = require('node:path');

const { ROOT, runNode } = require('../helpers.js');

test('a counter moves between processes, one is killed, and no increment is lost', async () => {
  const { stdout } = await runNode(join(ROOT, 'examples', 'moving-counter', 'main.mjs'));
  const [, value, reported] = /the counter says (\d+), reported were (\d+)/.exec(stdout) ?? [];
  expect(Number(reported)).toBeGreaterThanOrEqual(150);
  expect([0, 1]).toContain(Number(value) - Number(reported));
  expect(stdout).toMatch(/A has stopped at \d+: held generation 1, now 2/);
  expect(stdout).toMatch(/B was killed at \d+/);
  expect(stdout).toContain('A owns the counter: generation 3');
  expect(stdout).toContain('nothing was lost, nothing came too late');
}, 60_000);

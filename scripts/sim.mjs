// npm run sim: runs the deterministic simulation for longer than `npm test` does, or repeats one seed.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const usage = `npm run sim -- [--minutes N] [--seed S]

  --minutes N   simulate seed after seed for so long (30 if neither is given)
  --seed S      begin with this seed; without --minutes, run it alone and print its whole trace`;

/**
 * @param {string} message
 * @returns {never}
 */
function refuse(message) {
  console.error(`${message}\n\n${usage}`);
  process.exit(2);
}

function options() {
  try {
    return parseArgs({
      options: { minutes: { type: 'string' }, seed: { type: 'string' }, help: { type: 'boolean' } },
    }).values;
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

const { minutes, seed, help } = options();
if (help) {
  console.log(usage);
  process.exit(0);
}
if (seed !== undefined && !/^\d{1,19}$/.test(seed)) refuse(`--seed takes a whole number, got ${seed}`);
if (minutes !== undefined && !(Number(minutes) > 0))
  refuse(`--minutes takes a number above 0, got ${minutes}`);

const env = { ...process.env };
if (seed !== undefined) env.BATON_SIM_SEED = seed;
if (minutes !== undefined || seed === undefined) env.BATON_SIM_MINUTES = minutes ?? '30';

// Optimized: several times as many seeds in the same time.
const command = ['test', '--profile', 'sim', '--test', 'sim', 'every_seed', '--', '--nocapture'];
const cwd = fileURLToPath(new URL('..', import.meta.url));
const { status } = spawnSync('cargo', command, { cwd, stdio: 'inherit', env });
process.exitCode = status ?? 1;

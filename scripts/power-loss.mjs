// Simulates loss of power on the embedded engine, for longer than `npm test` does, and reproduces failures:
//
//   npm run power-loss -- --states 5000 --seed 7
//   npm run power-loss -- --log FILE --seed 7 --state 123

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    states: { type: 'string', default: '3000' },
    seed: { type: 'string', default: '1' },
    log: { type: 'string' },
    state: { type: 'string' },
  },
});
for (const name of /** @type {const} */ (['states', 'seed', 'state'])) {
  const value = values[name];
  if (value !== undefined && !/^\d{1,15}$/.test(value)) {
    console.error(`--${name} takes a whole number, got ${value}`);
    process.exit(2);
  }
}
if ((values.log === undefined) !== (values.state === undefined)) {
  console.error('--log FILE and --state N go together: the failure prints both');
  process.exit(2);
}
const env = { ...process.env, BATON_POWER_STATES: values.states, BATON_POWER_SEED: values.seed };
if (values.log !== undefined && values.state !== undefined) {
  Object.assign(env, { BATON_POWER_LOG: values.log, BATON_POWER_STATE: values.state });
}
// A recording is checked in the same way whatever it is of.
const searches =
  values.log === undefined ? ['whatever', 'a_disk_that', 'what_two', 'what_a_process'] : ['whatever'];
const filters = searches.map((search) => `survival::power::${search}`);
const { status } = spawnSync('cargo', ['test', '--test', 'it', '--', ...filters, '--nocapture'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;

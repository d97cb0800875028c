// kill -9 in the middle of commits, stages and SQL transactions, more often than `npm test` runs it:
//
//   npm run crash -- --rounds 500
//
// That many rounds each of raw pages and of SQL: 500 rounds are 1,000 kills.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '500' } } });
if (!/^[1-9]\d{0,5}$/.test(values.rounds)) {
  console.error(`npm run crash -- --rounds N, where N is a whole number from 1, got ${values.rounds}`);
  process.exit(2);
}
const { status } = spawnSync(
  'cargo',
  ['test', '--test', 'it', 'crash::across_processes', '--', '--nocapture'],
  {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { ...process.env, BATON_CRASH_ROUNDS: values.rounds },
    stdio: 'inherit',
  },
);
process.exitCode = status ?? 1;

// kill -9 in the middle of commits, stages and SQL transactions, more often than `npm test` does it:
//
//   npm run crash -- --rounds 500

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '500' } } });
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

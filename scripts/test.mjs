// Runs all tests of a fresh clone: installs, builds a separate debug addon, then runs cargo, tsc and Jest. A
// failing suite does not stop the others; the last lines say how each went.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** @param {string} command */
function run(command) {
  console.log(`\n> ${command}`);
  return spawnSync(command, { cwd: root, stdio: 'inherit', shell: true }).status === 0;
}

if (!run('npm run --silent build:debug')) {
  console.error('\nThe addon does not build; no test was run.');
  process.exit(1);
}

const suites = [
  'cargo test',
  'npm run --silent shuttle',
  'npm run --silent test:types',
  'npm run --silent test:js',
];
const results = suites.map((command) => ({ command, passed: run(command) }));

console.log();
for (const { command, passed } of results) {
  console.log(`${passed ? 'passed' : 'FAILED'}  ${command}`);
}
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1;

// Installs the development dependencies if they are missing or older than the lockfile, so that one command
// builds a fresh clone.

import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** @param {string} name */
function modifiedMs(name) {
  return statSync(`${root}/${name}`, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

// npm writes this file at the end of an install, so an interrupted install is repeated.
const installed = modifiedMs('node_modules/.package-lock.json');
if (installed < modifiedMs('package-lock.json')) {
  console.log('Installing the development dependencies');
  // Not `npm ci`, which refuses a lockfile without the optional packages of other platforms. This follows the
  // lockfile just as well and does not change it. It sets its own log level, because `npm run --silent` would
  // hide why it failed. It uses a shell, because npm is a batch file on Windows.
  const command = 'npm install --no-save --no-audit --no-fund --loglevel=error';
  const { status, error } = spawnSync(command, { cwd: root, stdio: 'inherit', shell: true });
  if (error || status !== 0) {
    console.error(`${command} failed: ${error?.message ?? `exit code ${status}`}`);
    process.exit(1);
  }
}

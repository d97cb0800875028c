// Miri on the unit tests that need no C: the stored format, the decisions, the types, the memory backend, and the
// handling of pointers that SQLite hands to the VFS.
//
//   npm run miri -- [filters of tests]

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const TESTS = [
  'codec::',
  'plan::',
  'types::',
  'kv::memory',
  'kv::key_range',
  'vfs::methods',
  'vfs::header',
  'vfs::signals',
];
const given = process.argv.slice(2);

/** @param {string[]} args */
function works(...args) {
  return spawnSync('cargo', args, { cwd: root, stdio: 'ignore' }).status === 0;
}

if (!works('+nightly', '--version') || !works('+nightly', 'miri', '--version')) {
  console.error(
    'Miri is missing: rustup toolchain install nightly --profile minimal --component miri,rust-src',
  );
  process.exit(1);
}
const args = ['+nightly', 'miri', 'test', '--lib', '--', ...(given.length > 0 ? given : TESTS)];
console.log(`\n> cargo ${args.join(' ')}`);
const { status } = spawnSync('cargo', args, {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    // The tests that draw their cases ask the machine for a seed, and proptest for its directory.
    MIRIFLAGS: `-Zmiri-disable-isolation ${process.env.MIRIFLAGS ?? ''}`,
    // Miri is some hundred times slower; what it looks for does not depend on the number of cases.
    PROPTEST_CASES: process.env.PROPTEST_CASES ?? '4',
  },
});
process.exitCode = status ?? 1;

// Runs Miri on the unit tests that need no C: the stored format, the decisions, the types, the memory
// backend, and the handling of pointers that SQLite passes to the VFS.
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
/**
 * Tests of every bit of long rows, and of large pages: they take hours in Miri, and cover nothing that others
 * do not.
 */
const SKIPPED = [
  'what_is_too_long_or_out_of_order',
  'damage_to_a_stored_page',
  'a_page_of_every_size',
  'any_page_comes_back',
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
args.push(...SKIPPED.flatMap((name) => ['--skip', name]));
console.log(`\n> cargo ${args.join(' ')}`);
const { status } = spawnSync('cargo', args, {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    // Tests with random cases ask the machine for a seed, and proptest for its directory.
    MIRIFLAGS: `-Zmiri-disable-isolation ${process.env.MIRIFLAGS ?? ''}`,
    // Miri is several hundred times slower; what it checks does not depend on the number of cases.
    PROPTEST_CASES: process.env.PROPTEST_CASES ?? '4',
  },
});
process.exitCode = status ?? 1;

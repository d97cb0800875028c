// AddressSanitizer on all native code: our Rust, SQLite and LMDB, in the Rust tests that go through C and in
// the addon under Jest.
//
//   npm run sanitize -- [rust|addon]... [-- Jest's arguments]
//
// Needs Linux on x86-64, a nightly Rust and clang. gcc's sanitizer does not work: Rust brings LLVM's runtime,
// and a process can have only one.

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = 'x86_64-unknown-linux-gnu';
const build = `${process.env.CARGO_TARGET_DIR ?? `${root}/target`}/asan`;
/** Where Jest looks for its addon. An existing one is restored afterwards. */
const addon = `${root}/target/addon/batondb.linux-x64-gnu.node`;
const aside = `${addon}.aside`;
const PARTS = ['rust', 'addon'];
/** Which Rust tests: those that go through SQLite, its VFS or LMDB, and the corpora of the fuzz targets. */
const RUST_TESTS = [
  'sql',
  'backends::embedded',
  'database::',
  'kv::',
  'decoders',
  'plans',
  'arguments',
  'vfs',
  'changesets',
];
/** These measure memory and address space, of which the sanitizer takes very much for itself. */
const SKIPPED = ['too_little_address_space_is_explained', 'the_memory_of_a_transaction_is_bounded'];

const given = process.argv.slice(2);
const split = given.indexOf('--');
const ofJest = split === -1 ? [] : given.slice(split + 1);
const chosen = split === -1 ? given : given.slice(0, split);
const parts = chosen.length > 0 ? chosen : PARTS;

/** @param {string} message @returns {never} */
function stop(message) {
  console.error(message);
  process.exit(1);
}

/** @param {string} command @param {string[]} args */
function answer(command, ...args) {
  const { status, stdout } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

/** The newest clang with LLVM's runtime as a shared library, which Node must load first. */
function findClang() {
  const names = [
    process.env.CLANG,
    ...[24, 23, 22, 21, 20, 19, 18].map((version) => `clang-${version}`),
    'clang',
  ];
  for (const name of names) {
    const runtime = name && answer(name, `--print-file-name=libclang_rt.asan-x86_64.so`);
    const other = name && answer(name, `--print-file-name=libclang_rt.asan.so`);
    const found = [runtime, other].find((path) => path && existsSync(path));
    if (name && found) {
      return { name, runtime: found };
    }
  }
  return stop(
    'There is no clang with its sanitizers. On Debian and Ubuntu: apt-get install clang-22 libclang-rt-22-dev (18 or later)',
  );
}

if (parts.some((part) => !PARTS.includes(part))) {
  stop('npm run sanitize -- [rust|addon]... [-- arguments of Jest]');
}
if (process.platform !== 'linux' || process.arch !== 'x64') {
  stop('AddressSanitizer is set up here for Linux on x86-64 only');
}
if (answer('cargo', '+nightly', '--version') === undefined) {
  stop('It needs a nightly compiler: rustup toolchain install nightly --profile minimal');
}
const clang = findClang();

const sanitized = {
  ...process.env,
  CARGO_TARGET_DIR: build,
  CC: clang.name,
  CFLAGS: '-fsanitize=address -fno-omit-frame-pointer -g1',
  // Only for the target: build scripts and proc macros run without it.
  RUSTFLAGS: '-Zsanitizer=address -Cforce-frame-pointers=yes',
};

/**
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
function run(command, args, env) {
  console.log(`\n> ${command} ${args.join(' ')}`);
  return spawnSync(command, args, { cwd: root, stdio: 'inherit', env }).status === 0;
}

function rust() {
  const skipped = SKIPPED.flatMap((name) => ['--skip', name]);
  const which = ['--lib', '--test', 'it', '--test', 'fuzz', '--', ...RUST_TESTS, ...skipped];
  const cargo = ['+nightly', 'test', '--target', target, ...which];
  // Tests do not free what lives as long as the process, mainly the threads of a pool.
  return run('cargo', cargo, {
    ...sanitized,
    ASAN_OPTIONS: 'detect_leaks=0:detect_stack_use_after_return=1',
  });
}

function jest() {
  if (!run('cargo', ['+nightly', 'build', '--target', target, '--lib'], sanitized)) {
    return false;
  }
  mkdirSync(dirname(addon), { recursive: true });
  if (existsSync(addon)) {
    renameSync(addon, aside);
  }
  try {
    // By its path and not by NAPI_RS_NATIVE_LIBRARY_PATH, which Jest's own resolver would intercept.
    copyFileSync(`${build}/${target}/debug/libbatondb.so`, addon);
    return run(process.execPath, ['node_modules/jest/bin/jest.js', '--runInBand', ...ofJest], {
      ...process.env,
      // Node itself is not instrumented, so the runtime has to be loaded before it.
      LD_PRELOAD: clang.runtime,
      // Node deliberately keeps a lot until its end, so every process would be reported to leak.
      ASAN_OPTIONS: 'detect_leaks=0',
    });
  } finally {
    rmSync(addon, { force: true });
    if (existsSync(aside)) {
      renameSync(aside, addon);
    }
  }
}

const results = parts.map((part) => ({ part, passed: part === 'rust' ? rust() : jest() }));
console.log();
for (const { part, passed } of results) {
  console.log(`${passed ? 'passed' : 'FAILED'}  ${part}`);
}
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1;

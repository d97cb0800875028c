// Finds or installs what cross-builds need, under target/ and never globally: Zig, whose linker and C library
// stubs cover every platform, and cargo-zigbuild, which makes cargo use them. Both come from PyPI.

'use strict';

const { spawnSync } = require('node:child_process');
const { existsSync } = require('node:fs');
const { delimiter, join } = require('node:path');

const { ROOT } = require('./platforms.js');

const PACKAGES = ['ziglang==0.15.2', 'cargo-zigbuild==0.24.0'];
const TOOLS = join(ROOT, 'target', 'tools', 'zig');
const BIN = join(TOOLS, 'bin');

/** @param {string} command @param {string[]} args @param {NodeJS.ProcessEnv} [env] */
function run(command, args, env = process.env) {
  console.log(`> ${command} ${args.join(' ')}`);
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', env });
  if (error || status !== 0) {
    throw new Error(`${command} ${args[0]} failed: ${error?.message ?? `exit code ${status}`}`);
  }
}

/** The environment in which `cargo zigbuild` works. @returns {NodeJS.ProcessEnv} */
function zigEnvironment() {
  if (!existsSync(join(BIN, 'cargo-zigbuild'))) {
    run('python3', ['-m', 'venv', TOOLS]);
    run(join(BIN, 'pip'), ['install', '--quiet', '--disable-pip-version-check', ...PACKAGES]);
  }
  return { ...process.env, PATH: `${BIN}${delimiter}${process.env.PATH}` };
}

/**
 * Builds the addon for a platform.
 *
 * @param {import('./platforms.js').Platform} platform
 * @returns {string} where it is
 */
function zigBuild({ target, zig, libc, format }) {
  if (zig === undefined) {
    throw new Error(`${target} can be built on Windows alone`);
  }
  // A separate directory, so that builds for this machine's own target do not start from scratch.
  const directory = join(ROOT, 'target', 'cross');
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...zigEnvironment(), CARGO_TARGET_DIR: directory };
  if (libc === 'musl') {
    // Rust links musl statically by default, and a library that Node loads must use Node's copy.
    env.RUSTFLAGS = `${process.env.RUSTFLAGS ?? ''} -C target-feature=-crt-static`.trim();
  }
  run('rustup', ['target', 'add', target]);
  run('cargo', ['zigbuild', '--release', '--locked', '--lib', '--target', zig], env);
  const file = { elf: 'libbatondb.so', 'mach-o': 'libbatondb.dylib', pe: 'batondb.dll' }[format];
  return join(directory, target, 'release', file);
}

module.exports = { run, zigBuild };

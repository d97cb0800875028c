// The platforms of the published packages: what each is built from and with, and where the addon goes.

'use strict';

const { join, resolve } = require('node:path');

const { GLIBC_FLOOR } = require('../../lib/addon/platform.js');

const ROOT = resolve(__dirname, '../..');

/**
 * @typedef {object} Platform
 * @property {string} name as in the package's name, `batondb-<name>`
 * @property {string} target of rustc
 * @property {string | undefined} zig the target for cargo-zigbuild, undefined if it cannot build it
 * @property {boolean} compileOnly a build on Linux only shows that the code compiles and links
 * @property {'elf' | 'mach-o' | 'pe'} format
 * @property {'x64' | 'arm64'} arch
 * @property {'gnu' | 'musl' | undefined} libc
 */

/** @param {string} name @param {string} target @param {Partial<Platform>} rest @returns {Platform} */
function platform(name, target, rest) {
  const arch = name.includes('-arm64') ? 'arm64' : 'x64';
  return { name, target, zig: target, compileOnly: false, format: 'elf', arch, libc: undefined, ...rest };
}

/** @param {string} name @param {string} cpu */
function gnu(name, cpu) {
  const target = `${cpu}-unknown-linux-gnu`;
  // cargo-zigbuild reads the version of the C library from the target's suffix.
  return platform(name, target, { zig: `${target}.${GLIBC_FLOOR}`, libc: 'gnu' });
}

/** @param {string} name @param {string} cpu */
function windows(name, cpu) {
  // Linking needs Microsoft's SDK, which only a Windows machine has.
  return platform(name, `${cpu}-pc-windows-msvc`, { zig: undefined, compileOnly: true, format: 'pe' });
}

/** @type {readonly Platform[]} */
const PLATFORMS = Object.freeze([
  gnu('linux-x64-gnu', 'x86_64'),
  gnu('linux-arm64-gnu', 'aarch64'),
  platform('linux-x64-musl', 'x86_64-unknown-linux-musl', { libc: 'musl' }),
  platform('linux-arm64-musl', 'aarch64-unknown-linux-musl', { libc: 'musl' }),
  // Zig's linker supports no export list for Mach-O, so every function would be visible to other libraries.
  platform('darwin-x64', 'x86_64-apple-darwin', { format: 'mach-o', compileOnly: true }),
  platform('darwin-arm64', 'aarch64-apple-darwin', { format: 'mach-o', compileOnly: true }),
  windows('win32-x64-msvc', 'x86_64'),
  windows('win32-arm64-msvc', 'aarch64'),
]);

/** @param {string} name */
function addonName(name) {
  return `batondb.${name}.node`;
}

/** The path of a platform's addon before it is packed. @param {string} name */
function addonPath(name) {
  return join(ROOT, 'npm', name, addonName(name));
}

module.exports = { PLATFORMS, ROOT, addonName, addonPath };

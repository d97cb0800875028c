// What an addon must fulfil before it may be published.

'use strict';

const { GLIBC_FLOOR } = require('../../lib/addon/platform.js');

/** @typedef {import('./inspect.js').Binary} Binary */
/** @typedef {import('./platforms.js').Platform} Platform */

/** The function that Node looks up; no other function may be visible to other libraries of the process. */
const ENTRY = 'napi_register_module_v1';

/** The libraries that every machine of the platform has. */
const LIBRARIES = {
  gnu: /^(lib(c|m|dl|rt|pthread)\.so\.\d|ld-linux-(x86-64|aarch64)\.so\.\d)$/,
  musl: /^libc\.(so|musl-(x86_64|aarch64)\.so\.1)$/,
  'mach-o': /^\/(usr\/lib\/|System\/Library\/Frameworks\/)/,
  // The C runtime has been part of Windows since version 10; vcruntime140 comes with Node itself.
  pe: /^(api-ms-win-.*|kernel32|kernelbase|ntdll|advapi32|bcrypt|bcryptprimitives|ws2_32|userenv|ole32|shell32|ucrtbase|vcruntime140|node)\.(dll|exe)$/i,
};

/** @param {string} left @param {string} right */
function byVersion(left, right) {
  return left.localeCompare(right, 'en', { numeric: true });
}

/** The oldest C library on which it loads. @param {Binary} binary @returns {string | undefined} */
function glibcFloor({ versions }) {
  const needed = versions.filter((version) => version.startsWith('GLIBC_'));
  return needed
    .map((version) => version.slice('GLIBC_'.length))
    .sort(byVersion)
    .at(-1);
}

/** @param {Binary} binary @param {Platform} platform @returns {string[]} */
function floorProblems(binary, { libc }) {
  const floor = glibcFloor(binary);
  if (libc === 'gnu' && (floor === undefined || byVersion(floor, GLIBC_FLOOR) > 0)) {
    return [`it needs glibc ${floor ?? 'of an unknown version'}, and the floor is ${GLIBC_FLOOR}`];
  }
  return libc === 'musl' && floor !== undefined ? [`it needs glibc ${floor}, and is for musl`] : [];
}

/**
 * @param {Binary} binary
 * @param {Platform} platform
 * @returns {string[]} the problems, empty if there are none
 */
function problems(binary, platform) {
  const found = [];
  if (binary.format !== platform.format || binary.arch !== platform.arch) {
    found.push(`it is ${binary.format} for ${binary.arch}, not ${platform.format} for ${platform.arch}`);
  }
  if (!binary.exports.includes(ENTRY)) {
    found.push(`it does not export ${ENTRY}`);
  }
  const others = binary.exports.filter((name) => name !== ENTRY);
  if (others.length > 0) {
    found.push(
      `it exports ${others.length} names that nobody needs, such as ${others.slice(0, 5).join(', ')}`,
    );
  }
  const allowed = LIBRARIES[platform.libc ?? (platform.format === 'pe' ? 'pe' : 'mach-o')];
  const foreign = binary.needed.filter((library) => !allowed.test(library));
  if (foreign.length > 0) {
    found.push(`it needs libraries that a machine may lack: ${foreign.join(', ')}`);
  }
  if (!binary.stripped) {
    found.push('it is not stripped');
  }
  return [...found, ...floorProblems(binary, platform)];
}

module.exports = { ENTRY, glibcFloor, problems };

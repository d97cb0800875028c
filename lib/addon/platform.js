// The platforms that have a package with the addon, and the advice to users whose addon does not load.

'use strict';

/** The platforms that have a published package. The `napi.targets` of package.json are the same list. */
const PLATFORMS = Object.freeze([
  'linux-x64-gnu',
  'linux-arm64-gnu',
  'linux-x64-musl',
  'linux-arm64-musl',
  'darwin-x64',
  'darwin-arm64',
  'win32-x64-msvc',
  'win32-arm64-msvc',
]);

/** The oldest C library that the Linux addon loads on. `npm run build:all` checks each addon against it. */
const GLIBC_FLOOR = '2.17';

/**
 * @typedef {object} Machine
 * @property {string} platform as in `process.platform`
 * @property {string} arch as in `process.arch`
 * @property {string | undefined} glibc version of the C library, undefined if it is another one
 */

/**
 * The facts about a failed load.
 *
 * @typedef {object} Finding
 * @property {Machine} machine
 * @property {string} node as in `process.version`
 * @property {string} version of batondb
 * @property {string | undefined} installed version of the platform package, undefined if it is missing
 * @property {readonly string[]} others platform packages of other machines that are installed
 * @property {string | undefined} failure message of the system's loader, if it refused the addon
 */

/** @typedef {'unsupported' | 'missing' | 'version' | 'refused'} Reason */

/** @param {Machine} machine */
function platformOf({ platform, arch, glibc }) {
  const abi = { linux: glibc === undefined ? '-musl' : '-gnu', win32: '-msvc' }[platform] ?? '';
  return `${platform}-${arch}${abi}`;
}

/** @param {string} platform */
function packageOf(platform) {
  return `batondb-${platform}`;
}

/** @param {Finding} finding @returns {Reason} */
function reasonOf({ machine, version, installed, failure }) {
  if (!PLATFORMS.includes(platformOf(machine))) {
    return 'unsupported';
  }
  if (installed !== undefined && installed !== version) {
    return 'version';
  }
  return failure === undefined ? 'missing' : 'refused';
}

/** @param {string} have @param {string} need */
function isOlder(have, need) {
  const [haveMajor = 0, haveMinor = 0] = have.split('.').map(Number);
  const [needMajor = 0, needMinor = 0] = need.split('.').map(Number);
  return haveMajor < needMajor || (haveMajor === needMajor && haveMinor < needMinor);
}

/** @param {Finding} finding */
function explainMissing({ machine, version, others }) {
  const name = packageOf(platformOf(machine));
  const instead = others.length === 0 ? '' : ` Installed instead: ${others.join(', ')}.`;
  return [
    `the package ${name}@${version} is not installed.${instead}`,
    '',
    'The addon comes in a package of its own for each platform, an optional dependency of batondb. It is left out when',
    '  - optional dependencies are off: npm --omit=optional, pnpm --no-optional, yarn --ignore-optional, or the same in',
    '    .npmrc or the environment (npm_config_omit)',
    '  - the lockfile was written on another platform and lists only that one (https://github.com/npm/cli/issues/4828)',
    '  - node_modules was copied from another platform, for example into a container image',
    '  - a bundler took batondb into its output: mark batondb as external (esbuild: --external:batondb) and keep it in',
    '    the node_modules beside the output',
    'To mend it, install on the platform that runs the program, with optional dependencies:',
    '  rm -rf node_modules && npm install --include=optional',
    'If that leaves it out again, the lockfile is at fault: remove it too, or name the package:',
    `  npm install --save-optional ${name}@${version}`,
  ];
}

/** @param {Finding} finding */
function explainVersion({ machine, version, installed }) {
  const name = packageOf(platformOf(machine));
  return [
    `batondb is version ${version}, and ${name} is version ${installed}. They must be the same.`,
    '',
    'An install that was interrupted, an override or a hoisted second copy leaves them apart. To mend it:',
    `  npm install batondb@${version} ${name}@${version}`,
    'or remove node_modules and install again.',
  ];
}

/** @param {Finding} finding */
function explainRefused({ machine, version, failure }) {
  const lines = [`the system refused to load it: ${failure}`, ''];
  if (machine.glibc !== undefined) {
    const enough = isOlder(machine.glibc, GLIBC_FLOOR) ? 'only ' : '';
    lines.push(`It needs glibc ${GLIBC_FLOOR} or later; this machine has ${enough}${machine.glibc}.`);
  }
  const name = packageOf(platformOf(machine));
  lines.push(
    'A file that was cut off, copied from another platform or built on this machine against a newer C library also',
    'fails like this. To mend it, install again:',
    `  rm -rf node_modules && npm install --include=optional     # ${name}@${version}`,
  );
  return lines;
}

function explainUnsupported() {
  return [
    'no package is published for this platform.',
    '',
    `Packages exist for ${PLATFORMS.join(', ')}.`,
    'On another one the addon can be built from source with Rust: npm run build in a clone of the repository.',
  ];
}

const EXPLAIN = {
  unsupported: explainUnsupported,
  missing: explainMissing,
  version: explainVersion,
  refused: explainRefused,
};

/**
 * Explains why the addon did not load and how to fix it.
 *
 * @param {Finding} finding
 * @returns {{ reason: Reason, name: string, message: string }}
 */
function explain(finding) {
  const reason = reasonOf(finding);
  const platform = platformOf(finding.machine);
  const lines = EXPLAIN[reason](finding);
  const message = `batondb has no addon for ${platform} (Node ${finding.node}): ${lines.join('\n')}`;
  return { reason, name: packageOf(platform), message };
}

module.exports = { GLIBC_FLOOR, PLATFORMS, explain, packageOf, platformOf };

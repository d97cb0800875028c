// Loads the addon. If that fails, the error says which package is missing and why package managers leave it
// out, instead of the generated loader's message.

'use strict';

const { existsSync } = require('node:fs');

const { VARIABLE, addonOfTests, builtAddon } = require('./addon-file.js');
const { PLATFORMS, explain, packageOf, platformOf } = require('./platform.js');

/** @typedef {typeof import('../../binding.js')} Binding */
/** @typedef {import('./platform.js').Machine} Machine */

const { version } = require('../../package.json');

/** @returns {Machine} */
function machine() {
  const { platform, arch } = process;
  return { platform, arch, glibc: platform === 'linux' ? glibc() : undefined };
}

function glibc() {
  // The types of the oldest supported Node lack `excludeNetwork`.
  const report = /** @type {NodeJS.ProcessReport & { excludeNetwork?: boolean }} */ (process.report);
  const { excludeNetwork } = report;
  // Otherwise the report looks up the names of the peers of all open sockets.
  report.excludeNetwork = true;
  try {
    const { header } = /** @type {{ header?: { glibcVersionRuntime?: string } }} */ (report.getReport());
    return header?.glibcVersionRuntime;
  } finally {
    report.excludeNetwork = excludeNetwork;
  }
}

/** @param {string} platform @returns {string | undefined} */
function installedVersion(platform) {
  try {
    return require(`${packageOf(platform)}/package.json`).version;
  } catch {
    return undefined;
  }
}

/** The error of the system's loader for the addon, undefined if there is none. @param {string} platform */
function refusal(platform) {
  const local = builtAddon(platform);
  try {
    require(existsSync(local) ? local : packageOf(platform));
  } catch (error) {
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
    // A package without its file counts as missing.
    return code === 'MODULE_NOT_FOUND' ? undefined : message;
  }
  return undefined;
}

/** @param {unknown} cause */
function failure(cause) {
  const here = machine();
  const platform = platformOf(here);
  const { message, reason, name } = explain({
    machine: here,
    node: process.version,
    version,
    installed: installedVersion(platform),
    others: PLATFORMS.filter((other) => other !== platform && installedVersion(other) !== undefined).map(
      packageOf,
    ),
    failure: refusal(platform),
  });
  return Object.assign(new Error(message, { cause }), {
    code: 'ERR_ADDON_NOT_LOADED',
    reason,
    package: name,
  });
}

/**
 * Whether the addon belongs to batondb's own version. Calls between two versions would fail later and in
 * stranger ways. An addon that was built here is beside package.json and always has the same version.
 */
function isOfThisVersion() {
  const candidates = PLATFORMS.filter((platform) =>
    platform.startsWith(`${process.platform}-${process.arch}`),
  );
  if (process.env.NAPI_RS_NATIVE_LIBRARY_PATH || candidates.some((each) => existsSync(builtAddon(each)))) {
    return true;
  }
  // Linux has two candidates, and finding out which of them was loaded would slow down every start.
  const versions = candidates.map(installedVersion).filter((each) => each !== undefined);
  return versions.length === 0 || versions.includes(version);
}

/** The addon that the tests of a clone run on. @returns {Binding | undefined} */
function ofTests() {
  if (process.env[VARIABLE] === undefined) return undefined;
  const file = addonOfTests(platformOf(machine()));
  return file === undefined ? undefined : require(file);
}

/** @returns {Binding} */
function load() {
  try {
    const own = ofTests();
    if (own) {
      return own;
    }
    const binding = require('../../binding.js');
    if (isOfThisVersion()) {
      return binding;
    }
  } catch (cause) {
    throw failure(cause);
  }
  throw failure(undefined);
}

module.exports = load();

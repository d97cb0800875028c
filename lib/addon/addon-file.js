// Where a clone of the repository has its addons: `npm run build` puts one beside package.json, and the tests
// have theirs in `target`, so that users and benches never pick it up.

'use strict';

const { statSync } = require('node:fs');
const { join } = require('node:path');

/** Set to `tests`, this has a clone take the addon of the tests. A published package has none. */
const VARIABLE = 'BATON_ADDON';
/** Where `npm run build:debug` puts it. */
const OF_TESTS = join('target', 'addon');

const ROOT = join(__dirname, '../..');

/** @param {string} file */
function modifiedMs(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}

/** @param {string} platform */
function builtAddon(platform) {
  return join(ROOT, `batondb.${platform}.node`);
}

/**
 * The addon that tests run on: of those in this clone the one that was built last. None where nobody asks for it.
 *
 * @param {string} platform
 */
function addonOfTests(platform) {
  if (process.env[VARIABLE] !== 'tests') return undefined;
  const own = join(ROOT, OF_TESTS, `batondb.${platform}.node`);
  const ownMs = modifiedMs(own);
  if (ownMs === undefined) return undefined;
  return ownMs >= (modifiedMs(builtAddon(platform)) ?? 0) ? own : undefined;
}

module.exports = { VARIABLE, addonOfTests, builtAddon };

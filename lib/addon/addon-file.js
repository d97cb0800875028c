// Where a clone of the repository has its addons: `npm run build` puts one beside package.json, and the tests
// have theirs in `target`, so that users and benches never pick it up.

'use strict';

const { statSync } = require('node:fs');
const { join } = require('node:path');

/** If set to `tests`, a clone uses the addon of the tests. A published package has no such addon. */
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
 * The addon that tests run on: the last one built in this clone. None unless the variable asks for it.
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

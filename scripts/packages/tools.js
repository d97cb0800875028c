// Programs from the npm registry that only the package checks need.

'use strict';

const { spawnSync } = require('node:child_process');
const { existsSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const { ROOT } = require('./platforms.js');

/**
 * Installs missing tools.
 *
 * @param {string} name of their folder
 * @param {readonly string[]} versions
 * @returns {string} where they are
 */
function installTools(name, versions) {
  const folder = join(ROOT, 'target', 'tools', name);
  const stamp = join(folder, 'versions');
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== versions.join('\n')) {
    mkdirSync(folder, { recursive: true });
    const command = `npm install --prefix . --no-save --no-audit --no-fund --loglevel=error ${versions.join(' ')}`;
    const { status } = spawnSync(command, { cwd: folder, stdio: 'inherit', shell: true });
    if (status !== 0) {
      throw new Error(`${command} failed`);
    }
    writeFileSync(stamp, versions.join('\n'));
  }
  return join(folder, 'node_modules');
}

module.exports = { installTools };

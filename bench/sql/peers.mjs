// What a user would pick instead: SQLite in the process, a plain file for each actor. Both packages have the
// interface of better-sqlite3, so one bench drives either.
//
// `libsql` is a development dependency of this repository. `better-sqlite3` is not, since its install
// downloads or compiles a binary: bench/package.json has it, and `npm run bench` installs it where it can.

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { Complaint } from './report.mjs';

const require = createRequire(import.meta.url);
export const PEERS = ['libsql', 'better-sqlite3'];

/**
 * The peers that work on this machine, and why the others do not.
 *
 * @param {string[]} names
 */
export function loadPeers(names) {
  const unknown = names.filter((name) => !PEERS.includes(name));
  if (unknown.length > 0) {
    throw new Complaint(`--peers takes ${PEERS.join(', ')}, got ${unknown.join(', ')}`);
  }
  /** @type {{ name: string, open: (path: string) => any }[]} */
  const peers = [];
  /** @type {Record<string, string>} */
  const versions = {};
  /** @type {string[]} */
  const notes = [];
  for (const name of names) {
    try {
      const open = opener(name);
      const probe = open(':memory:');
      // The package alone is not enough: its binary may be missing, which shows at the first open.
      const { version: sqlite } = probe.prepare('SELECT sqlite_version() AS version').get();
      probe.close();
      versions[name] = `${versionOf(name)} (SQLite ${sqlite})`;
      peers.push({ name, open });
    } catch (error) {
      const [reason] = String(error instanceof Error ? error.message : error).split('\n');
      notes.push(`${name} was left out: ${withoutPaths(reason)}`);
    }
  }
  return { peers, versions, notes };
}

/**
 * @param {string} name
 * @returns {(path: string) => any}
 */
export function opener(name) {
  const Database = require(name);
  return (path) => new Database(path);
}

/**
 * From the file itself, since a package may not export it.
 *
 * @param {string} name
 */
function versionOf(name) {
  const entry = require.resolve(name);
  let directory = dirname(entry);
  while (!existsSync(join(directory, 'package.json'))) {
    directory = dirname(directory);
  }
  return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')).version;
}

/**
 * Opens a file the way an actor's would have to be: a commit is on disk when it returns.
 *
 * @param {any} file
 */
export function durable(file) {
  file.pragma('journal_mode = WAL');
  file.pragma('synchronous = FULL');
  return file;
}

/**
 * The order of the sides in a turn: another one begins each time, so that none is always the one that runs
 * after a particular other.
 *
 * @template T
 * @param {T[]} sides
 * @param {number} round
 */
export function rotated(sides, round) {
  const first = round % sides.length;
  return [...sides.slice(first), ...sides.slice(0, first)];
}

/** Where the repository lies on this machine is nobody's business who reads the page. */
function withoutPaths(/** @type {string} */ text) {
  return text.replace(/(?:\/[^\s/'"]+){2,}/g, '…');
}

// What a commit of one row writes to the disk, and whether it stays so: a store that once held a large actor, which was
// rewritten and deleted, against a fresh one. Bytes are those of the kernel (`write_bytes` in /proc/self/io), so this
// needs Linux and a directory on a disk.
//
//   npm run build && npm run bench:writes
//   npm run bench:writes -- --help

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { requireRelease } from './release.mjs';

const HELP = `Usage: npm run bench:writes -- [options]

  --commits N          one-row commits that a figure is of (default 200)
  --mib N              size of the actor that is written, rewritten and deleted (default 120)
  --directory PATH     where the store is made and removed again (default the system's temporary directory)
  --help               this text`;

const GOAL_RATIO = 2;
const ROW_BYTES = 1 << 20;

const { values: options } = parseArgs({
  options: {
    commits: { type: 'string', default: '200' },
    mib: { type: 'string', default: '120' },
    directory: { type: 'string', default: tmpdir() },
    help: { type: 'boolean', default: false },
  },
});

/** @param {'commits' | 'mib'} name */
function count(name) {
  const number = Number(options[name]);
  if (!Number.isInteger(number) || number < 1) {
    console.error(`--${name} takes a whole number above 0, got ${options[name]}\n\n${HELP}`);
    process.exit(1);
  }
  return number;
}

/** The bytes that this process has sent to the disk so far. */
function written() {
  const line = readFileSync('/proc/self/io', 'utf8').match(/^write_bytes: (\d+)$/m);
  return Number(line?.[1]);
}

/**
 * Bytes of a one-row commit, on average.
 *
 * @param {import('../index.js').Database} db
 * @param {number} commits
 */
async function measure(db, commits) {
  const before = written();
  for (let row = 0; row < commits; row += 1) {
    await db.run('INSERT INTO t(text) VALUES (?)', [`row ${row}`]);
  }
  return (written() - before) / commits;
}

/**
 * Writes a large actor, rewrites all of it, and deletes it.
 *
 * @param {import('../index.js').Store} store
 * @param {number} mib
 */
async function churn(store, mib) {
  const db = await store.openDatabase('large');
  await db.exec('CREATE TABLE blobs(id INTEGER PRIMARY KEY, bytes BLOB)');
  for (let row = 0; row < mib; row += 1) {
    await db.run('INSERT INTO blobs(bytes) VALUES (randomblob(?))', [ROW_BYTES]);
  }
  await db.run('UPDATE blobs SET bytes = randomblob(?)', [ROW_BYTES]);
  await db.close();
  await store.delete('large');
}

async function main() {
  requireRelease();
  const [commits, mib] = [count('commits'), count('mib')];
  // Imported here, so that --help works before the addon is built.
  const { Store } = await import('../index.mjs');
  const directory = mkdtempSync(join(options.directory, 'batondb-bench-'));
  try {
    const store = await Store.open({ path: join(directory, 'store') });
    const db = await store.openDatabase('small');
    await db.exec('CREATE TABLE t(id INTEGER PRIMARY KEY, text TEXT)');
    // What a store writes while it is being made is not what it writes later.
    await measure(db, commits);
    const fresh = await measure(db, commits);
    await churn(store, mib);
    const after = await measure(db, commits);
    const later = await measure(db, commits);
    await store.close();
    const kib = (/** @type {number} */ bytes) => `${(bytes / 1024).toFixed(1)} KiB`;
    console.log(`bytes written for a one-row commit, average of ${commits}`);
    console.log(`  in a fresh store                         ${kib(fresh)}`);
    console.log(
      `  after ${mib} MiB were rewritten and deleted  ${kib(after)}, ratio ${(after / fresh).toFixed(2)}`,
    );
    console.log(
      `  ${commits} commits later                         ${kib(later)}, ratio ${(later / fresh).toFixed(2)}`,
    );
    console.log(`  goal: a ratio of at most ${GOAL_RATIO}`);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

if (options.help) {
  console.log(HELP);
} else if (process.platform === 'linux') {
  await main();
} else {
  console.log('skipped: only Linux counts the bytes that a process has written');
}

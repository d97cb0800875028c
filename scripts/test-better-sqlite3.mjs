// Runs packages of others that take a better-sqlite3 database on Baton instead: the programs of scripts/better-sqlite3,
// on both durabilities. Installs the packages (about 250 MB) into a temporary folder, without their native parts.
//
//   npm run test:better-sqlite3 [-- <program>...]

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PROGRAMS = join(ROOT, 'scripts', 'better-sqlite3');
const TYPES = 'types.test-d.mts';
const TIMEOUT_MS = 120_000;

const PACKAGES = [
  '@blackglory/better-sqlite3-migrations@0.1.20',
  '@langchain/core@1.4.0',
  '@langchain/langgraph@1.7.3',
  '@langchain/langgraph-checkpoint-sqlite@1.0.4',
  '@lucia-auth/adapter-sqlite@3.0.2',
  '@mikro-orm/better-sqlite@6.6.16',
  '@mikro-orm/core@6.6.16',
  '@types/better-sqlite3@7.6.13',
  '@types/node@20.19.43',
  'better-auth@1.7.25',
  'better-sqlite3@12.11.1',
  'better-sqlite3-session-store@0.1.0',
  'drizzle-orm@0.45.4',
  'express-session@1.19.0',
  'knex@3.3.0',
  'kysely@0.29.9',
  'lucia@3.2.2',
  'plainjob@0.0.14',
  'rate-limiter-flexible@11.4.0',
  'reflect-metadata@0.2.2',
  'remult@3.3.18',
  'typeorm@1.1.1',
  'umzug@3.8.3',
];

/**
 * @param {string} folder
 * @param {string} command
 * @param {string[]} args
 */
function run(folder, command, ...args) {
  const shell = command === 'npm' && process.platform === 'win32';
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: TIMEOUT_MS * (command === 'npm' ? 5 : 1),
    shell,
  });
  if (status !== 0) {
    throw new Error(`${basename(command)} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
  }
}

/** @param {string} folder */
function prepare(folder) {
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--legacy-peer-deps', '--loglevel=error'];
  run(folder, 'npm', 'install', ...quiet, ...PACKAGES);
  symlinkSync(ROOT, join(folder, 'node_modules', 'batondb'), 'junction');
  cpSync(PROGRAMS, folder, { recursive: true });
}

/**
 * A database of this adapter is one of better-sqlite3 also for TypeScript.
 *
 * @param {string} folder
 */
function checkTypes(folder) {
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const options =
    '--ignoreConfig --noEmit --skipLibCheck --strict --module nodenext --target esnext --types node';
  run(folder, process.execPath, tsc, ...options.split(' '), TYPES);
  console.log("passed  the types of batondb/better-sqlite3 against better-sqlite3's own");
}

const all = readdirSync(PROGRAMS)
  .filter((file) => file !== 'run.mjs' && file !== TYPES)
  .map((file) => basename(file, '.mjs'));
const chosen = process.argv.length > 2 ? process.argv.slice(2) : all;
const folder = mkdtempSync(join(tmpdir(), 'baton-better-sqlite3-'));
try {
  prepare(folder);
  checkTypes(folder);
  for (const program of chosen) {
    run(folder, process.execPath, 'run.mjs', program, 'memory', 'full');
    run(folder, process.execPath, 'run.mjs', program, join(folder, 'data'), 'deferred');
    console.log(`passed  ${program} on batondb/better-sqlite3`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

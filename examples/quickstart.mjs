// A tour of Baton on a real SQLite file: npm run quickstart [file.sqlite]
//
// It imports the file as an actor, lets eight starters in three processes race for it, shows how the store
// refuses every owner but the last one, and has an independent SQLite check what comes out. The file given
// is only read. Everything else happens in a temporary directory that is gone afterwards.
//
// This file runs the tour; what happens to the store is in quickstart/scenes.mjs.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';

import { Store } from 'batondb';

import { otherProcess, thisProcess } from './quickstart/processes.mjs';
import { text, title } from './quickstart/report.mjs';
import * as scenes from './quickstart/scenes.mjs';
import { sqliteVersion, writeSample } from './quickstart/sqlite.mjs';

/** @param {string} argument */
function fileOf(argument) {
  // npm runs scripts in the package's directory and says where it was called from.
  const calledFrom = process.env.npm_lifecycle_event === 'quickstart' ? process.env.INIT_CWD : undefined;
  return resolve(calledFrom ?? process.cwd(), argument);
}

/**
 * What to import, and as which actor.
 *
 * @param {string} directory
 * @param {string | undefined} argument
 */
function chooseSource(directory, argument) {
  if (argument !== undefined) {
    const file = fileOf(argument);
    return { file, actorId: basename(file), description: file };
  }
  const file = join(directory, 'sample.sqlite');
  writeSample(file);
  return { file, actorId: 'room-1', description: `a chat room, just written by SQLite ${sqliteVersion()}` };
}

/**
 * @param {string} directory A scratch directory.
 * @param {string | undefined} argument The file to use.
 * @param {(atEnd: () => unknown) => void} defer Takes what is to be done at the end, last one first.
 */
async function tour(directory, argument, defer) {
  title(`Baton quickstart: the embedded engine on Node ${process.versions.node}`);
  const path = join(directory, 'store');
  const store = await Store.open({ path });
  defer(() => store.close());

  const source = chooseSource(directory, argument);
  const { actorId } = source;
  const original = await scenes.transfer(store, directory, source);

  const here = thisProcess(store, actorId);
  const others = [];
  for (const name of ['second', 'third']) {
    const other = await otherProcess(name, path, actorId);
    defer(() => other.stop());
    others.push(other);
  }
  const former = await scenes.firstOwner(store, actorId);
  const winner = await scenes.race([here, ...others], former);
  const held = await scenes.fence(here, former, winner, original.userVersion);
  const userVersion = await scenes.oneLineage(others, held, original.userVersion);
  await scenes.check(store, directory, source, original, userVersion);
}

async function main() {
  const args = process.argv.slice(2);
  if (args.length > 1) {
    throw new scenes.Complaint('one file at most: npm run quickstart [file.sqlite]');
  }
  const directory = mkdtempSync(join(tmpdir(), 'baton-quickstart-'));
  // Also after Ctrl-C, and after the store was closed, for Windows removes no open file.
  process.once('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));

  const started = performance.now();
  /** @type {(() => unknown)[]} */
  const atEnd = [];
  try {
    await tour(directory, args[0], (work) => atEnd.unshift(work));
  } finally {
    for (const work of atEnd) {
      await work();
    }
  }
  text();
  text(`All of it held, in ${((performance.now() - started) / 1_000).toFixed(1)} s.`);
}

main().catch((error) => {
  console.error(
    `\nquickstart: ${error instanceof scenes.Complaint ? error.message : (error.stack ?? error)}`,
  );
  process.exitCode = 1;
});

// A tour of Baton on a real SQLite file: npm run quickstart -- [--foundationdb PREFIX] [file.sqlite]
//
// It imports the file as an actor, lets eight starters in three processes race for it, shows how the store
// refuses every owner but the last one, and has an independent SQLite check what comes out. Then an actor
// with a table moves from this process to another, in SQL. The file given is only read. Everything else
// happens in a temporary directory that is gone afterwards; with --foundationdb below that prefix on the
// cluster of FDB_CLUSTER_FILE, where the tour's actors are deleted in the end.
//
// This file runs the tour; what happens to the store is in quickstart/scenes.mjs.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';

import { Complaint } from './quickstart/complaint.mjs';
import { engineOf, openStore, parse, storeOptions } from './quickstart/place.mjs';
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
 * @param {{ file?: string, prefix?: string }} chosen The file to use, and the prefix on a cluster.
 * @param {(atEnd: () => unknown) => void} defer Takes what is to be done at the end, last one first.
 */
async function tour(directory, { file, prefix }, defer) {
  const options = storeOptions(directory, prefix);
  const store = await openStore(options, defer);
  title(`Baton quickstart: ${await engineOf(store)} on Node ${process.versions.node}`);

  const source = chooseSource(directory, file);
  const { actorId } = source;
  const original = await scenes.transfer(store, directory, source);

  const here = thisProcess(store, actorId);
  const others = ['second', 'third'].map((name) => {
    const other = otherProcess(name, options, actorId);
    defer(() => other.stop());
    return other;
  });
  await Promise.all(others.map(({ ready }) => ready));
  const former = await scenes.firstOwner(store, actorId);
  const winner = await scenes.race([here, ...others], former);
  const held = await scenes.fence(here, former, winner, original.userVersion);
  const userVersion = await scenes.oneLineage(others, held, original.userVersion);
  await scenes.check(store, directory, source, original, userVersion);
  await scenes.moveWithSql(store, others[0]);
}

let interrupted = false;

async function main() {
  const chosen = parse(process.argv.slice(2));
  const directory = mkdtempSync(join(tmpdir(), 'baton-quickstart-'));
  // Last of all: other processes and the store would put files back.
  process.once('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  /** @type {(() => unknown)[]} */
  const atEnd = [];
  /** @type {Promise<void> | undefined} */
  let ending;
  // Once, whoever asks first: the tour that is over, or the signal that ends it.
  const end = () =>
    (ending ??= (async () => {
      for (let work = atEnd.shift(); work; work = atEnd.shift()) {
        await work();
      }
    })());
  // A second Ctrl-C does not wait.
  for (const [signal, exitCode] of /** @type {const} */ ([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])) {
    process.once(signal, () => {
      interrupted = true;
      end().finally(() => process.exit(exitCode));
    });
  }

  const started = performance.now();
  try {
    await tour(directory, chosen, (work) => atEnd.unshift(work));
  } finally {
    await end();
  }
  text();
  text(`All of it held, in ${((performance.now() - started) / 1_000).toFixed(1)} s.`);
}

main().catch((error) => {
  // What an interrupted tour stumbles over is no news.
  if (!interrupted) {
    const words = error instanceof Complaint ? error.message : (error.stack ?? error);
    console.error(`\nquickstart: ${words}`);
    process.exitCode = 1;
  }
});

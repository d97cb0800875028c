// A bench of several sections, each a module of its folder that answers results. Every section gets a scratch directory
// and the peers that work on this machine; all of them share one report.

import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';

import { requireRelease } from './release.mjs';
import { writeReport } from './report/results.js';
import { loadPeers, PEERS } from './sql/peers.mjs';
import { Complaint, title } from './sql/report.mjs';

/** The options that all of these benches take, for `parseArgs`. */
export const SHARED_OPTIONS = /** @type {const} */ ({
  peers: { type: 'string', multiple: false, default: PEERS.join(',') },
  directory: { type: 'string', multiple: false, default: tmpdir() },
  json: { type: 'string', multiple: false },
  help: { type: 'boolean', multiple: false, default: false },
});

export const SHARED_HELP = `  --peers A,B          what is compared with: ${PEERS.join(', ')} (default all that are installed)
  --directory PATH     where stores and files are made and removed again (default the temporary directory)
  --json FILE          writes the figures to a file as well
  --help               this text`;

/**
 * The numbers of an option, which are above 0.
 *
 * @param {Record<string, unknown>} values
 * @param {string} name
 */
export function numbers(values, name) {
  const list = String(values[name]).split(',').map(Number);
  if (!list.every((number) => number > 0)) {
    throw new Complaint(`--${name} takes numbers above 0, got ${values[name]}`);
  }
  return list;
}

/**
 * @param {string} bench Its name, and the folder of its sections.
 * @param {string[]} all The names of the sections.
 * @param {{ only: string, peers: string, directory: string, json?: string }} values What the command line said.
 * @param {object} given What each section is given besides its directory and the peers.
 */
export async function runSections(bench, all, values, given) {
  requireRelease();
  const sections = values.only.split(',');
  const unknown = sections.filter((section) => !all.includes(section));
  if (unknown.length > 0) {
    throw new Complaint(`--only takes ${all.join(', ')}, got ${unknown.join(', ')}`);
  }
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  title(
    `Node ${process.versions.node}, Linux ${release()}, ${cpus().length} x ${cpus()[0]?.model}, ${memory}`,
  );
  const { peers, versions, notes } = loadPeers(values.peers.split(','));
  title(
    Object.entries(versions)
      .map((pair) => pair.join(' '))
      .join(', '),
  );
  notes.forEach(title);
  /** What the reader of the figures has to know. @param {string} text */
  const note = (text) => {
    title(text);
    notes.push(text);
  };
  const results = [];
  for (const section of sections) {
    const directory = mkdtempSync(join(values.directory, 'batondb-bench-'));
    try {
      const { bench: measure } = await import(`./${bench}/${section}.mjs`);
      results.push(...(await measure({ ...given, directory, peers, note })));
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
  writeReport(values.json, { bench, versions, notes, results });
}

/**
 * Runs a bench. What its user can put right is said with the help; anything else with its stack.
 *
 * @param {string} help
 * @param {boolean} asked Whether the help is all that was asked for.
 * @param {() => Promise<void>} main
 */
export async function runOrHelp(help, asked, main) {
  if (asked) {
    console.log(help);
    return;
  }
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Complaint ? `${error.message}\n\n${help}` : error);
    process.exitCode = 1;
  }
}

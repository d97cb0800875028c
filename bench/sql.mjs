// SQL from Node against what a user would pick instead: the packages `libsql` and `better-sqlite3` (SQLite in
// the process) on a plain file for each actor, on the same disk, in the same run.
//
//   npm run build && npm run bench:sql
//   npm run bench:sql -- --help
//
// Every comparison alternates between the sides in short turns, so that whatever else the machine does hits
// all alike, and prints the median of the turns' ratios.

import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { requireRelease } from './release.mjs';
import { writeReport } from './report/results.js';
import { loadPeers, PEERS } from './sql/peers.mjs';
import { Complaint, title } from './sql/report.mjs';

const SECTIONS = ['commits', 'scan', 'points', 'starts', 'memory'];

const HELP = `Usage: npm run bench:sql -- [options]

  --only A,B           sections: ${SECTIONS.join(', ')} (default all)
  --rounds N           turns of each comparison (default 5)
  --seconds N          length of a turn of commits and point queries (default 1.5)
  --actors A,B         actors that commit side by side (default 1,16,64)
  --scan-mib N         size of the database that is scanned (default 50)
  --databases N        databases that are open at once for the memory of an idle one (default 10000)
  --peers A,B          what is compared with: ${PEERS.join(', ')} (default all that are installed)
  --directory PATH     where stores and files are made and removed again (default the temporary directory)
  --json FILE          writes the figures to a file as well
  --help               this text`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: SECTIONS.join(',') },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1.5' },
    actors: { type: 'string', default: '1,16,64' },
    'scan-mib': { type: 'string', default: '50' },
    databases: { type: 'string', default: '10000' },
    peers: { type: 'string', default: PEERS.join(',') },
    directory: { type: 'string', default: tmpdir() },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

/** @param {'rounds' | 'seconds' | 'actors' | 'scan-mib' | 'databases'} name */
function numbers(name) {
  const list = values[name].split(',').map(Number);
  if (!list.every((number) => number > 0)) {
    throw new Complaint(`--${name} takes numbers above 0, got ${values[name]}`);
  }
  return list;
}

async function main() {
  requireRelease();
  const sections = values.only.split(',');
  const unknown = sections.filter((section) => !SECTIONS.includes(section));
  if (unknown.length > 0) {
    throw new Complaint(`--only takes ${SECTIONS.join(', ')}, got ${unknown.join(', ')}`);
  }
  const [rounds] = numbers('rounds');
  const [seconds] = numbers('seconds');
  const [scanMib] = numbers('scan-mib');
  const [databases] = numbers('databases');
  const actors = numbers('actors');
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
  const results = [];
  for (const section of sections) {
    const directory = mkdtempSync(join(values.directory, 'batondb-bench-'));
    try {
      const { bench } = await import(`./sql/${section}.mjs`);
      results.push(...(await bench({ directory, rounds, seconds, actors, scanMib, databases, peers })));
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
  writeReport(values.json, { bench: 'sql', versions, notes, results });
}

if (values.help) {
  console.log(HELP);
} else {
  main().catch((error) => {
    console.error(error instanceof Complaint ? `${error.message}\n\n${HELP}` : error);
    process.exitCode = 1;
  });
}

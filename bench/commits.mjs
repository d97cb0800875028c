// Commits from Node: how many, how soon, how steady, and what they write, against what a user would pick instead: the
// packages `libsql` and `better-sqlite3` (SQLite in the process) on a plain file for each actor, on the same disk.
//
//   npm run build && npm run bench:commits
//   npm run bench:commits -- --help
//
// Both sides are durable when they answer. Every comparison alternates between the sides in short turns, so that whatever
// else the machine does hits all alike, and prints the median of the turns' ratios.

import { parseArgs } from 'node:util';

import { numbers, runOrHelp, runSections, SHARED_HELP, SHARED_OPTIONS } from './sections.mjs';

const SECTIONS = ['one', 'many', 'late', 'rate', 'stall', 'bytes', 'reopen'];

const HELP = `Usage: npm run bench:commits -- [options]

  --only A,B           sections (default all):
                         one     one actor, by calls in flight
                         many    actors side by side
                         late    how late the event loop is while they commit
                         rate    how soon writes are answered that arrive at a fixed rate
                         stall   the slowest commit while others write much
                         bytes   written to the disk for a commit, also after a large actor was deleted
                         reopen  open a store after kill -9
  --rounds N           turns of each comparison (default 5)
  --seconds N          length of a turn (default 1.5)
  --actors A,B         actors that commit side by side (default 16,64)
  --in-flight A,B      calls of one actor that are on their way at once (default 1,16,64)
  --rate N             writes a second that arrive, for rate (default 2000)
  --commits N          one-row commits that a figure of written bytes is of (default 500)
  --mib N              size of the large actor, for bytes (default 100)
  --stall-mib N        what the others write in a turn, for stall (default 64)
${SHARED_HELP}`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: SECTIONS.join(',') },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1.5' },
    actors: { type: 'string', default: '16,64' },
    'in-flight': { type: 'string', default: '1,16,64' },
    rate: { type: 'string', default: '2000' },
    commits: { type: 'string', default: '500' },
    mib: { type: 'string', default: '100' },
    'stall-mib': { type: 'string', default: '64' },
    ...SHARED_OPTIONS,
  },
});

await runOrHelp(HELP, values.help, () => {
  const [rounds] = numbers(values, 'rounds');
  const [seconds] = numbers(values, 'seconds');
  const [rate] = numbers(values, 'rate');
  const [commits] = numbers(values, 'commits');
  const [mib] = numbers(values, 'mib');
  const [stallMib] = numbers(values, 'stall-mib');
  const actors = numbers(values, 'actors');
  const inFlight = numbers(values, 'in-flight');
  const given = { rounds, seconds, actors, inFlight, rate, commits, mib, stallMib };
  return runSections('commits', SECTIONS, values, given);
});

// SQL from Node against what a user would pick instead: the packages `libsql` and `better-sqlite3` (SQLite in
// the process) on a plain file for each actor, on the same disk, in the same run.
//
//   npm run build && npm run bench:sql
//   npm run bench:sql -- --help
//
// Every comparison alternates between the sides in short turns, so that whatever else the machine does hits
// all alike, and prints the median of the turns' ratios.

import { parseArgs } from 'node:util';

import { numbers, runOrHelp, runSections, SHARED_HELP, SHARED_OPTIONS } from './sections.mjs';

const SECTIONS = ['scan', 'points', 'sync', 'starts', 'memory'];

const HELP = `Usage: npm run bench:sql -- [options]

  --only A,B           sections: ${SECTIONS.join(', ')} (default all)
  --rounds N           turns of each comparison (default 5)
  --seconds N          length of a turn of point queries (default 1.5)
  --scan-mib N         size of the database that is scanned (default 50)
  --databases N        databases that are open at once for the memory of an idle one (default 10000)
${SHARED_HELP}`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: SECTIONS.join(',') },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1.5' },
    'scan-mib': { type: 'string', default: '50' },
    databases: { type: 'string', default: '10000' },
    ...SHARED_OPTIONS,
  },
});

await runOrHelp(HELP, values.help, () => {
  const [rounds] = numbers(values, 'rounds');
  const [seconds] = numbers(values, 'seconds');
  const [scanMib] = numbers(values, 'scan-mib');
  const [databases] = numbers(values, 'databases');
  return runSections('sql', SECTIONS, values, { rounds, seconds, scanMib, databases });
});

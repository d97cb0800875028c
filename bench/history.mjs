// What history costs, from Node: commits with and without it, a restore and a fork by the size of the database, and the
// start of a fork of forks.
//
//   npm run build && npm run bench:history
//   npm run bench:history -- --help
//
// Every comparison alternates between its sides in short turns, and prints the median of the turns' ratios.

import { parseArgs } from 'node:util';

import { numbers, runOrHelp, runSections, SHARED_HELP, SHARED_OPTIONS } from './sections.mjs';

const SECTIONS = ['commits', 'size', 'depth'];

const HELP = `Usage: npm run bench:history -- [options]

  --only A,B           sections (default all):
                         commits  one-row commits of an actor that keeps history, against one that does not
                         size     a restore and a fork of a large database, against those of a small one
                         depth    the start of a fork of forks, against that of a plain actor
  --rounds N           turns of each comparison (default 7)
  --seconds N          length of a turn of commits (default 1)
  --mib A,B            sizes of the small and the large database, for size (default 1,1024)
  --segments N         how many actors the fork of forks shows, for depth (default 8)
${SHARED_HELP}`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: SECTIONS.join(',') },
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '1' },
    mib: { type: 'string', default: '1,1024' },
    segments: { type: 'string', default: '8' },
    ...SHARED_OPTIONS,
  },
});

await runOrHelp(HELP, values.help, () => {
  const [rounds] = numbers(values, 'rounds');
  const [seconds] = numbers(values, 'seconds');
  const [segments] = numbers(values, 'segments');
  return runSections('history', SECTIONS, values, { rounds, seconds, segments, mib: numbers(values, 'mib') });
});

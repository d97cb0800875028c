// The page of a run, docs/benchmarks/README.md, and its plots. Pure: results in, text out.

'use strict';

const { bars, lines } = require('./plots.js');
const { figure, rows } = require('./text.js');

/** @typedef {import('./types.js').Run} Run */
/** @typedef {import('./types.js').Result} Result */

const SECTIONS = [
  [
    'commits',
    'Durable one-row transactions',
    '`db.run` with one INSERT, answered when it is on disk, against SQLite in the process on a plain file for each actor. ' +
      'Unless a row says otherwise, the peers insert on the event loop, which they block',
  ],
  [
    'sql',
    'SQL against what a user would pick instead',
    'SQLite in the process on a plain file for each actor',
  ],
  ['startup', 'A start, by the size of the database', 'from Node, until the promise resolves'],
  [
    'history',
    'What history costs',
    'From Node: against the same commits without history, the same calls for a small database, the start of a plain actor',
  ],
  ['peers', 'Against the engine under it', 'LMDB that writes and reads the same rows, and nothing more'],
];

/** @param {string[][]} table The first row is the heading. */
function markdownTable([heading, ...body]) {
  const line = (/** @type {string[]} */ cells) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(heading), line(heading.map(() => '---')), ...body.map(line)].join('\n');
}

/**
 * The plots for which a run has figures, by the names of their files.
 *
 * @param {Run} run
 * @returns {Record<string, string>}
 */
function plots({ results, machine }) {
  const subtitle = `${machine.cores} cores, ${machine.cpu}; whiskers from the first to the third quartile`;
  /** @type {Record<string, string>} */
  const files = {};
  const starts = results.filter(({ params }) => params?.sizeMib !== undefined);
  if (starts.length > 0) {
    const preloads = [...new Set(starts.map(({ params }) => params?.preloadedPages ?? 0))];
    files['startup-latency.svg'] = lines({
      title: 'Start-up latency, by the size of the database',
      subtitle,
      xLabel: 'size of the database, MiB',
      yText: (value) => figure(value, 'ms'),
      series: preloads.map((pages) => ({
        name: `${pages} ${pages === 1 ? 'page' : 'pages'}`,
        points: starts
          .filter(({ params }) => params?.preloadedPages === pages)
          .map((result) => point(result, 'baton', result.params?.sizeMib ?? 0)),
      })),
    });
  }
  const commits = results.filter(({ bench, params }) => bench === 'commits' && params?.actors !== undefined);
  if (commits.length > 0) {
    files['commits.svg'] = lines({
      title: 'Durable one-row transactions a second, by the actors that commit at once',
      subtitle,
      xLabel: 'actors',
      series: sides(commits).map((side) => ({
        name: side === 'baton' ? 'Baton' : side,
        points: commits
          .filter(({ spread }) => side in spread)
          .map((result) => point(result, side, result.params?.actors ?? 0)),
      })),
    });
  }
  const scan = results.find(({ params }) => params?.scanMib !== undefined);
  if (scan !== undefined) {
    files['cold-scan.svg'] = bars({
      title: `A cold scan of ${scan.params?.scanMib} MiB through SQL: open, read every row, close`,
      subtitle: `${subtitle}. Shorter is better`,
      text: (value) => figure(value, scan.unit),
      bars: sides([scan]).map((side, series) => {
        const { y, low, high } = point(scan, side, 0);
        return { name: side === 'baton' ? 'Baton' : side, value: y, low, high, series };
      }),
    });
  }
  return files;
}

/** @param {Result[]} results */
function sides(results) {
  return [...new Set(['baton', ...results.flatMap(({ peers }) => Object.keys(peers))])];
}

/**
 * @param {Result} result
 * @param {string} side
 * @param {number} x
 */
function point({ baton, peers, spread }, side, x) {
  const [low, high] = spread[side];
  return { x, y: side === 'baton' ? baton : peers[side], low, high };
}

/**
 * @param {Run} run
 * @returns {string}
 */
function page(run) {
  const { date, command, seconds, machine, versions, notes, results } = run;
  const gib = Math.round(machine.memoryBytes / 2 ** 30);
  const images = Object.keys(plots(run)).map(
    (file) => `![${file.replace('.svg', '').replaceAll('-', ' ')}](${file})`,
  );
  const sections = SECTIONS.flatMap(([bench, title, about]) => {
    const shown = results.filter((result) => result.bench === bench && !result.detail);
    return shown.length > 0
      ? [`## ${title}`, `${about[0].toUpperCase()}${about.slice(1)}.`, markdownTable(rows(shown))]
      : [];
  });
  return `${[
    '# How fast',
    `Written by \`${command}\` on ${date}, ${seconds} seconds of measuring. Run it on yours: the page, the plots and \`results.json\` are made anew.`,
    `**Machine:** ${machine.cores} x ${machine.cpu}, ${gib} GiB, ${machine.kernel}, files on ${machine.filesystem}. ` +
      `**Versions:** ${Object.entries(versions)
        .map((pair) => pair.join(' '))
        .join(', ')}.`,
    ...notes.map((note) => `> ${note}`),
    ...images,
    ...sections,
    METHOD,
  ].join('\n\n')}\n`;
}

const METHOD = `## How to read it

- **Look at the ratios.** Each comparison alternates between its sides in short turns on the same disk, so that whatever else the
  machine does hits all alike. A figure is the median of its turns, a ratio the median of the ratios inside the turns; so a
  ratio need not be the quotient of the figures beside it. Figures of two runs, or of two machines, cannot be compared.
- **Durable means durable**: Baton with \`strict\`, the peers with WAL and \`synchronous = FULL\`. What a flush costs is the disk's
  affair; disks that only pretend to flush make all sides fast, and one actor alone look better here.
- **What the peers do not do**: libsql and better-sqlite3 have no fencing and no checksums. Each side has one flush a commit
  (its log or journal), where bare LMDB has two. The peers run on the thread that calls them; Baton's SQL runs on threads of its own, and its answers cross to the
  event loop. Bare LMDB has no fence, checksum, compression, queue or SQL.
- **Calls in flight** are one actor's calls that nobody waits for before the next one. A synchronous interface has no such thing:
  the peers' figure is the same in these rows, one transaction for each insert, as a service would run them. Peers in a worker
  thread get a message for each call, and answer it before the next one.
- **Late** is the event loop behind its 1 ms timer. The peers block it; in the rows of actors that commit they let it go on after
  every single insert, which is their best case. **Answers at a fixed rate** are timed from when a write should have arrived, by a
  schedule that is set before the first (so no write waits for a slow one without its being counted); another thread sends them.
- **Written bytes** are those that the kernel counts for the process. A large actor of the peers is a file of its own, so its
  deletion leaves nothing behind.
- **After kill -9** the store is opened as it was left, and as a copy in another directory, which must not rely on anything that was
  only in the system's memory.
- **What is missing**: machines with more cores, other disks, macOS and Windows, FoundationDB
  (\`npm run bench:foundationdb\`, \`cargo bench --bench foundationdb\`; figures in [foundationdb.md](../foundationdb.md)).
- A goal that was missed says so. Goals are those of the project's design, set before it was built.`;

module.exports = { markdownTable, page, plots };

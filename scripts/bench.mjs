// Runs every bench against its peers and writes the results into docs/benchmarks: a page, its plots, and the
// figures.
//
//   npm run bench [-- --quick] [-- --help]

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { requireRelease } from '../bench/release.mjs';
import { page, plots } from '../bench/report/page.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** @type {Record<string, { full: string, quick: string }>} */
const BENCHES = {
  commits: {
    full: 'node bench/commits.mjs',
    quick:
      'node bench/commits.mjs --rounds 1 --seconds 0.5 --actors 16 --in-flight 1,16 --rate 500 --commits 50 --mib 5 --stall-mib 4',
  },
  startup: {
    full: 'node bench/startup.mjs --rounds 200',
    quick: 'node bench/startup.mjs --rounds 10 --sizes 1,16',
  },
  sql: {
    full: 'node --expose-gc bench/sql.mjs --only scan,points,memory',
    quick:
      'node --expose-gc bench/sql.mjs --only scan,points,memory --rounds 1 --seconds 0.5 --scan-mib 5 --databases 500',
  },
  history: {
    full: 'node bench/history.mjs',
    quick: 'node bench/history.mjs --rounds 1 --seconds 0.5 --mib 1,16',
  },
  peers: {
    full: 'cargo bench --bench peers -- --only strict --rounds 31',
    quick: 'cargo bench --bench peers -- --only strict --rounds 3',
  },
};

const HELP = `Usage: npm run bench -- [options]

  --quick           a few turns of each: whether everything runs, not how fast it is
  --only A,B        ${Object.keys(BENCHES).join(', ')} (default all)
  --out DIR         where the page goes (default docs/benchmarks)
  --no-build        measure the addon that is there, which must be a release build
  --help            this text`;

const { values: options } = parseArgs({
  allowNegative: true,
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: Object.keys(BENCHES).join(',') },
    out: { type: 'string', default: join(ROOT, 'docs', 'benchmarks') },
    build: { type: 'boolean', default: true },
    help: { type: 'boolean', default: false },
  },
});

/** @param {string} command */
function run(command) {
  console.log(`\n> ${command}`);
  const { status } = spawnSync(command, { cwd: ROOT, stdio: 'inherit', shell: true });
  return status === 0;
}

/** @param {string} command */
function must(command) {
  if (!run(command)) {
    console.error(`\n${command} failed`);
    process.exit(1);
  }
}

/** The first line of a command's output, or '' if there is no such command. @param {string} command */
function said(command) {
  const { stdout } = spawnSync(command, {
    encoding: 'utf8',
    shell: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return stdout.trim().split('\n').at(-1) ?? '';
}

/** @returns {import('../bench/report/types.js').Machine} */
function machine() {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'an unknown processor',
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: `${process.platform} ${release()}`,
    filesystem: said(`df --output=fstype "${tmpdir()}"`) || 'an unknown file system',
  };
}

function main() {
  const names = options.only.split(',');
  const unknown = names.find((name) => !(name in BENCHES));
  if (unknown !== undefined) {
    console.error(`--only takes ${Object.keys(BENCHES).join(', ')}, got ${unknown}\n\n${HELP}`);
    process.exit(2);
  }
  if (options.build) {
    must('npm run --silent build');
  }
  requireRelease();
  // If a peer cannot be installed, its column is left out, and the page says so.
  run('npm install --prefix bench --no-audit --no-fund --no-package-lock --loglevel=error');
  const directory = mkdtempSync(join(tmpdir(), 'batondb-bench-results-'));
  const begin = Date.now();
  const reports = names.map((name) => {
    const file = join(directory, `${name}.json`);
    must(`${BENCHES[name][options.quick ? 'quick' : 'full']} --json "${file}"`);
    return /** @type {import('../bench/report/types.js').Report} */ (JSON.parse(readFileSync(file, 'utf8')));
  });
  rmSync(directory, { recursive: true });
  const given = [
    ...(options.quick ? ['--quick'] : []),
    ...(names.length < Object.keys(BENCHES).length ? [`--only ${options.only}`] : []),
  ];
  const where = machine();
  /** @type {import('../bench/report/types.js').Run} */
  const outcome = {
    date: new Date().toISOString().slice(0, 10),
    command: ['npm run bench', ...(given.length > 0 ? ['--', ...given] : [])].join(' '),
    seconds: Math.round((Date.now() - begin) / 1000),
    machine: where,
    versions: Object.assign(
      { Node: process.versions.node, Rust: said('rustc --version').split(' ')[1] ?? 'unknown' },
      ...reports.map(({ versions }) => versions),
    ),
    notes: [
      ...reports.flatMap(({ notes }) => notes),
      ...(where.filesystem === 'tmpfs'
        ? ['The files were in memory (tmpfs), so no figure here is of a durable commit.']
        : []),
    ],
    results: reports.flatMap(({ results }) => results),
  };
  mkdirSync(options.out, { recursive: true });
  writeFileSync(join(options.out, 'results.json'), `${JSON.stringify(outcome, undefined, 2)}\n`);
  writeFileSync(join(options.out, 'README.md'), page(outcome));
  for (const [file, svg] of Object.entries(plots(outcome))) {
    writeFileSync(join(options.out, file), svg);
  }
  console.log(`\nWritten: ${relative(process.cwd(), options.out)}, ${outcome.seconds} s of measuring`);
}

if (options.help) {
  console.log(HELP);
} else {
  main();
}

// All tests of a fresh clone: installs, builds a debug addon of their own, then cargo, tsc and Jest. It says first what it
// will run and how long that takes. A failing suite does not keep the others from running; the last lines say how each
// went.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
/** How long each step took the last time, in seconds. */
const TIMES = new URL('../target/test-times.json', import.meta.url);

const BUILD = 'npm run --silent build:debug';
/** Each step: what it is, and the seconds that it takes on a quiet machine with 2 cores, built from nothing. */
const STEPS = {
  [BUILD]: ['the debug addon', 240],
  'cargo test': ['Rust: units, engine and backends, simulation, fuzz corpora', 540],
  'npm run --silent shuttle': ['Rust: threads in many orders', 40],
  'npm run --silent test:types': ['TypeScript: declarations and adapters', 30],
  'npm run --silent test:js': ['Node: the public API, adapters, command line, docs', 270],
};

/** @returns {Record<string, number>} */
function lastTimes() {
  try {
    return JSON.parse(readFileSync(TIMES, 'utf8'));
  } catch {
    // The first time, or a file that was cut short.
    return {};
  }
}

/** @param {number} seconds */
function minutes(seconds) {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

const times = lastTimes();
let total = 0;
console.log('This runs:');
for (const [command, [what, usual]] of Object.entries(STEPS)) {
  const seconds = times[command] ?? usual;
  total += seconds;
  const since = command in times ? 'last time' : 'on 2 cores';
  console.log(`  ${command.padEnd(28)}  ${what}; ${minutes(seconds)} ${since}`);
}
console.log(`About ${minutes(total)} in all. Tests on FoundationDB are skipped unless there is a cluster.`);

/** @param {string} command */
function run(command) {
  console.log(`\n> ${command}`);
  const begun = performance.now();
  const passed = spawnSync(command, { cwd: root, stdio: 'inherit', shell: true }).status === 0;
  if (passed) {
    times[command] = Math.ceil((performance.now() - begun) / 1_000);
  }
  return passed;
}

if (!run(BUILD)) {
  console.error('\nThe addon does not build; no test was run.');
  process.exit(1);
}

const suites = Object.keys(STEPS).filter((command) => command !== BUILD);
const results = suites.map((command) => ({ command, passed: run(command) }));
mkdirSync(new URL('.', TIMES), { recursive: true });
writeFileSync(TIMES, JSON.stringify(times));

console.log();
for (const { command, passed } of results) {
  console.log(`${passed ? 'passed' : 'FAILED'}  ${command}`);
}
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1;

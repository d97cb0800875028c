// Fuzzing: each target of `fuzz/` with libFuzzer, and the addon's arguments and callbacks from Node.
//
//   npm run fuzz -- [target...] [--seconds N]
//
// Inputs that libFuzzer finds worth keeping go to target/fuzz-corpus, not into the committed corpora;
// docs/testing.md says how to add to those.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
/** libFuzzer's options for each target. A decoder that allocates a megabyte has trusted a length in a damaged row. */
const TARGETS = {
  decoders: ['-max_len=4096', '-malloc_limit_mb=1'],
  plans: ['-max_len=1024'],
  arguments: ['-max_len=4096'],
  // With short inputs, hardly anything happens to the file or database.
  vfs: ['-max_len=1024', '-len_control=0'],
  sql: ['-max_len=2048', '-len_control=0'],
  changesets: ['-max_len=1024', '-len_control=0'],
};
/** Not targets of libFuzzer: they run on the addon that was built last. */
const OF_NODE = { node: 'fuzz/arguments.mjs', callbacks: 'fuzz/callbacks.mjs' };

const { values: options, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '60' } },
  allowPositionals: true,
});
const seconds = Number(options.seconds);
const known = [...Object.keys(TARGETS), ...Object.keys(OF_NODE)];
const chosen = positionals.length > 0 ? positionals : known;

/** @param {string} message @returns {never} */
function stop(message) {
  console.error(message);
  process.exit(1);
}

/** @param {string} command @param {string[]} args */
function run(command, args) {
  console.log(`\n> ${command} ${args.join(' ')}`);
  // The addon of `npm run build:debug`.
  const env = { ...process.env, BATON_ADDON: 'tests' };
  return spawnSync(command, args, { cwd: root, stdio: 'inherit', env }).status === 0;
}

/** @param {string[]} args */
function works(...args) {
  return spawnSync('cargo', args, { cwd: root, stdio: 'ignore' }).status === 0;
}

const unknown = chosen.find((target) => !known.includes(target));
if (unknown !== undefined || !(seconds > 0)) {
  stop(`npm run fuzz -- [target...] [--seconds N], where a target is one of ${known.join(', ')}`);
}
const ofLibFuzzer = chosen.filter((target) => target in TARGETS);
if (ofLibFuzzer.length > 0) {
  if (!works('+nightly', '--version')) {
    stop('libFuzzer needs a nightly compiler: rustup toolchain install nightly --profile minimal');
  }
  if (!works('+nightly', 'fuzz', '--version')) {
    stop('cargo-fuzz is missing: cargo install cargo-fuzz --locked');
  }
}
if (chosen.some((target) => target in OF_NODE) && !existsSync(`${root}/node_modules`)) {
  stop('The addon is not built: npm run build:debug');
}

/** @param {keyof typeof TARGETS} target */
function fuzz(target) {
  const found = `${root}/target/fuzz-corpus/${target}`;
  mkdirSync(found, { recursive: true });
  // libFuzzer writes to the first directory.
  const args = ['+nightly', 'fuzz', 'run', target, found, `fuzz/corpus/${target}`, '--'];
  args.push(`-max_total_time=${seconds}`, '-timeout=60', '-rss_limit_mb=4096', '-print_final_stats=1');
  return run('cargo', [...args, ...TARGETS[target]]);
}

/** @param {string} file */
function fuzzNode(file) {
  return run(process.execPath, [file, '--calls', '1000000000', '--seconds', String(seconds)]);
}

const failed = chosen.filter((target) => {
  const passed =
    target in TARGETS
      ? fuzz(/** @type {keyof typeof TARGETS} */ (target))
      : fuzzNode(OF_NODE[/** @type {keyof typeof OF_NODE} */ (target)]);
  return !passed;
});
console.log();
for (const target of chosen) {
  console.log(`${failed.includes(target) ? 'FAILED' : 'passed'}  ${target}`);
}
if (failed.some((target) => target in TARGETS)) {
  console.log('A failing input is in fuzz/artifacts; cargo +nightly fuzz run TARGET FILE runs it again.');
}
process.exitCode = failed.length > 0 ? 1 : 0;

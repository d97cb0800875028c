// batondb sql: runs statements from the command line, from a pipe, or from a prompt.

'use strict';

const { createInterface } = require('node:readline');

const { BatonError, isBatonError } = require('../error.js');
const { isBlank, isComplete } = require('../addon/sql-state.js');
const { plain } = require('./output.js');
const { isDotCommand, runDotCommand } = require('./sql-dot.js');
const { MODES, runAndPrint } = require('./sql-print.js');
const { option, state } = require('./state.js');
const { UsageError } = require('./usage.js');

const FOREVER_MS = 2 ** 31 - 1;

/**
 * @typedef {object} Shell
 * @property {InstanceType<typeof import('../database/database.js').Database>} database
 * @property {'table' | 'json' | 'csv'} mode
 * @property {InstanceType<typeof import('./output.js').Output>} out
 * @property {(text: string) => void} note
 */

/** @type {import('./usage.js').Command} */
const command = {
  name: 'sql',
  summary: 'run SQL on the database of an actor; read-only unless told otherwise',
  args: ['<store>', '<actor>'],
  help: `Without --command it reads statements from a pipe, or, at a terminal, asks for them; .help there tells more.

Without --write it reads what was committed, beside whoever owns the actor, and refuses statements that write. With
--write it TAKES THE ACTOR OVER: its owner is fenced and has to start again. An actor that does not exist is an error
either way, unless --create comes with --write.

A script ends at the first statement that fails, with exit code 1.`,
  options: {
    command: { type: 'string', short: 'c', value: 'SQL', help: 'run these statements and end' },
    write: { type: 'boolean', help: 'take the actor over and allow statements that write' },
    create: { type: 'boolean', help: 'with --write: make an actor that does not exist' },
    at: option,
    mode: { type: 'string', value: MODES.join('|'), help: 'how rows are printed (table)' },
    json: { type: 'boolean', help: 'the same as --mode json' },
  },
  examples: [
    "batondb sql ./data room-1 -c 'SELECT count(*) FROM messages'",
    'batondb sql ./data room-1 --mode csv -c "SELECT * FROM messages" > messages.csv',
    'batondb sql ./data room-1 < report.sql',
    'batondb sql ./data room-1 --write',
  ],
  changes: true,
  onlyPrints: ({ write }) => !write,
  async run(call) {
    const {
      values,
      args: [, actorId],
      out,
      open,
      note,
      signal,
    } = call;
    const mode = chosenMode(values);
    if (values.create && !values.write) throw new UsageError('--create goes with --write');
    const store = await open(undefined, { readOnly: values.write !== true });
    if (!values.create && !(await store.stat(actorId))) {
      throw new BatonError('ERR_NOT_FOUND', `actor ${JSON.stringify(actorId)} does not exist`);
    }
    if (values.at !== undefined && values.write) {
      throw new UsageError('--at reads the past, so it goes without --write');
    }
    const interactive = values.command === undefined && process.stdin.isTTY === true;
    const database = await store.openDatabase(actorId, {
      readOnly: !values.write,
      at: values.at === undefined ? undefined : state(values.at),
      // Without it, tables that use it could not be queried.
      extensions: ['vec'],
      // Nobody else uses this database. A script may take as long as it needs, and so may a user who types.
      transactionTimeoutMs: FOREVER_MS,
    });
    /** @type {Shell} */
    const shell = { database, mode, out, note };
    let code = 0;
    try {
      if (interactive) {
        const { generation } = database.startup;
        const access = values.write
          ? `taken over, generation ${generation}`
          : 'read-only; --write takes it over';
        await out.line(`actor ${plain(actorId)}, ${access}. Statements end with ; and .help tells more.`);
        code = await converse(shell);
      } else {
        await runScript(shell, values.command ?? (await readAll(process.stdin)), signal);
      }
    } catch (error) {
      // The first error matters more than an open transaction.
      await database.close().catch(() => {});
      throw error;
    }
    // A transaction that is still open is lost now, and that is an error.
    await database.close();
    return code;
  },
};

/**
 * @param {Record<string, any>} values
 * @returns {'table' | 'json' | 'csv'}
 */
function chosenMode({ mode = 'table', json }) {
  if (!MODES.includes(mode)) throw new UsageError(`--mode is one of ${MODES.join(', ')}, got "${mode}"`);
  return json ? 'json' : mode;
}

/**
 * @param {Shell} shell
 * @param {string} text
 * @param {AbortSignal} signal
 */
async function runScript(shell, text, signal) {
  for (const part of partsOf(text)) {
    if (isDotCommand(part)) {
      if (await runDotCommand(shell, part)) return;
    } else {
      await runAndPrint(shell.database, part, shell.mode, shell.out, signal);
    }
  }
}

/**
 * Splits a script into its statements and its dot commands, which are on lines of their own, before or
 * between statements.
 *
 * @param {string} text
 */
function* partsOf(text) {
  let start = 0;
  for (const { 0: line, index } of text.matchAll(/^[ \t]*\.[^\n]*(?:\n|$)/gm)) {
    const before = text.slice(start, index);
    // Otherwise it is a line of a statement, perhaps inside a text.
    if (!mayEnd(before) || !(isBlank(before) || isComplete(before))) continue;
    if (before !== '') yield before;
    yield line;
    start = index + line.length;
  }
  if (start < text.length) yield text.slice(start);
}

/**
 * Whether it is worth asking SQLite if a text is complete: its last line shows whether it can be.
 *
 * @param {string} text
 */
function mayEnd(text) {
  const trimmed = text.trimEnd();
  return trimmed === '' || /;|--|\*\//.test(trimmed.slice(trimmed.lastIndexOf('\n') + 1));
}

/** @param {NodeJS.ReadStream} stream */
async function readAll(stream) {
  stream.setEncoding('utf8');
  let text = '';
  for await (const chunk of stream) text += chunk;
  return text;
}

/**
 * Prompts for statements until the input ends. After an error it prompts for the next statement.
 *
 * @param {Shell} shell
 * @param {import('node:readline').ReadLineOptions} [streams]
 */
async function converse(shell, streams = { input: process.stdin, output: process.stdout }) {
  const asking = createInterface({ ...streams, prompt: 'batondb> ' });
  let pending = '';
  /** @type {AbortController | undefined} */
  let running;
  // Ctrl-C interrupts the running statement, or discards the typed text; if there is neither, pressing it
  // twice ends the shell.
  asking.on('SIGINT', () => {
    if (running) {
      running.abort();
    } else if (pending === '' && asking.line === '') {
      asking.close();
    } else {
      pending = '';
      asking.write(null, { ctrl: true, name: 'u' });
      process.stdout.write('\n');
      asking.setPrompt('batondb> ');
      asking.prompt();
    }
  });
  asking.prompt();
  for await (const line of asking) {
    running = new AbortController();
    try {
      if (pending === '' && isDotCommand(line)) {
        if (await runDotCommand(shell, line)) break;
      } else {
        pending += `${line}\n`;
        if (mayEnd(pending) && (isBlank(pending) || isComplete(pending))) {
          const sql = pending;
          pending = '';
          await runAndPrint(shell.database, sql, shell.mode, shell.out, running.signal);
        }
      }
    } catch (thrown) {
      const error = /** @type {Error & { code?: string }} */ (thrown);
      if (!isBatonError(error) && !(error instanceof UsageError)) throw error;
      shell.note(`${plain(error.message)}${isBatonError(error) ? ` (${error.code})` : ''}`);
      if (shell.database.fencedBy) break;
    }
    running = undefined;
    asking.setPrompt(pending === '' ? 'batondb> ' : '    ...> ');
    asking.prompt();
  }
  asking.close();
  return shell.database.fencedBy ? 1 : 0;
}

module.exports = command;

// The dot commands of the SQL shell.

'use strict';

const { plain } = require('./output.js');
const { MODES } = require('./sql-print.js');
const { UsageError, suggestion } = require('./usage.js');

const HELP = `.tables [NAME]   the tables and views; NAME may have % for anything
.schema [NAME]   the statements that made them
.mode MODE       how rows are printed: ${MODES.join(', ')}
.help            this
.quit            end, as Ctrl-D does

Statements end with a semicolon and may take several lines. Ctrl-C gives up what was typed, or a statement that runs.`;

const TABLES = `SELECT name FROM sqlite_schema
  WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name LIKE ? ORDER BY name`;
const SCHEMA = `SELECT sql FROM sqlite_schema
  WHERE sql IS NOT NULL AND tbl_name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND tbl_name LIKE ? ORDER BY rowid`;

/** @typedef {import('./sql.js').Shell} Shell */

/** @type {Record<string, (shell: Shell, argument: string | undefined) => Promise<boolean | void>>} */
const COMMANDS = {
  '.tables': async ({ database, out }, name = '%') => {
    for (const { name: table } of await database.all(TABLES, [name])) await out.line(plain(String(table)));
  },
  '.schema': async ({ database, out }, name = '%') => {
    // Its line breaks are kept; control characters are not.
    for (const { sql } of await database.all(SCHEMA, [name])) {
      await out.line(`${String(sql).split('\n').map(plain).join('\n')};`);
    }
  },
  '.mode': async (shell, mode) => {
    if (mode === undefined || !MODES.includes(mode)) {
      throw new UsageError(`.mode is one of ${MODES.join(', ')}${suggestion(mode ?? '', MODES)}`);
    }
    shell.mode = /** @type {Shell['mode']} */ (mode);
  },
  '.help': async ({ out }) => await out.line(HELP),
  '.quit': async () => true,
  '.exit': async () => true,
};

/** @param {string} line */
function isDotCommand(line) {
  return /^\s*\./.test(line);
}

/**
 * Runs a dot command. Returns whether the shell should end.
 *
 * @param {Shell} shell
 * @param {string} line
 */
async function runDotCommand(shell, line) {
  const [name, argument, ...more] = line.trim().replace(/;\s*$/, '').split(/\s+/);
  const run = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!run || more.length > 0) {
    throw new UsageError(
      `there is no command "${line.trim()}"${suggestion(name, Object.keys(COMMANDS))}; .help lists them`,
    );
  }
  return (await run(shell, argument)) === true;
}

module.exports = { isDotCommand, runDotCommand };

// Parses and checks the options and arguments of a command. Its errors say what would have been right.

'use strict';

const { parseArgs } = require('node:util');

/** An invalid call: exit code 2. */
class UsageError extends Error {}

/**
 * @typedef {object} Option
 * @property {'string' | 'boolean'} type
 * @property {string} [short]
 * @property {string} [value] the placeholder for its value in the help
 * @property {string} help
 */

/**
 * @typedef {object} Command
 * @property {string} name
 * @property {string} summary one line
 * @property {string[]} args a placeholder for each argument; optional ones in brackets
 * @property {string} help what it does, in sentences
 * @property {Record<string, Option>} options
 * @property {string[]} examples
 * @property {boolean} [changes] whether it continues when nobody reads its output any more
 * @property {(values: Record<string, any>) => boolean} [onlyPrints] whether its output is its only result
 * @property {boolean} [reports] whether its output and its exit code are its only results
 * @property {number} [stores] how many of its arguments name stores (1)
 * @property {(call: import('./main.js').Call) => Promise<number | void>} run returns the exit code
 */

/** Options of every command. @type {Record<string, Option>} */
const COMMON = {
  'max-size': {
    type: 'string',
    value: 'BYTES',
    help: 'the largest size of a store in a directory, such as 512M or 4GiB',
  },
  help: { type: 'boolean', short: 'h', help: 'show this help' },
};

/**
 * The entry of `names` that was probably meant, as the end of a message.
 *
 * @param {string} given
 * @param {readonly string[]} names
 */
function suggestion(given, names) {
  const near = names
    .map((name) => ({ name, distance: name.startsWith(given) ? 1 : distance(given, name) }))
    .filter((each) => each.distance <= Math.max(1, Math.floor(each.name.length / 3)))
    .sort((one, other) => one.distance - other.distance)[0];
  return near ? `; did you mean "${near.name}"?` : '';
}

/**
 * How many letters have to be inserted, removed or replaced.
 *
 * @param {string} one
 * @param {string} other
 */
function distance(one, other) {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const changed = row[j - 1] + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(changed, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[other.length];
}

/**
 * @param {Command} command
 * @param {string[]} args
 */
function parse(command, args) {
  const options = { ...command.options, ...COMMON };
  const known = Object.keys(options);
  const shorts = known.flatMap((name) => options[name].short ?? []);
  const { tokens } = parseArgs({ args, options, allowPositionals: true, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const option = options[token.name];
    if (!option || (token.rawName.length === 2 && !shorts.includes(token.rawName[1]))) {
      const near = suggestion(
        token.rawName,
        known.map((name) => `--${name}`),
      );
      throw new UsageError(`"${command.name}" has no option ${token.rawName}${near}`);
    }
    if (option.type === 'string' && (token.value === undefined || token.value === '')) {
      throw new UsageError(`${token.rawName} takes a value: ${token.rawName} ${option.value}`);
    }
    if (option.type === 'boolean' && token.value !== undefined) {
      throw new UsageError(`${token.rawName} takes no value, got "${token.value}"`);
    }
  }
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  return { values: /** @type {Record<string, any>} */ (values), positionals };
}

/**
 * An integer in an option.
 *
 * @param {string | undefined} text
 * @param {string} name
 * @param {number} min
 * @param {number} max
 */
function whole(text, name, min, max) {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < min || number > max) {
    throw new UsageError(`--${name} takes a whole number from ${min} to ${max}, got "${text}"`);
  }
  return number;
}

/** @type {Record<string, number>} */
const SUFFIXES = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/**
 * A number of bytes in an option: a plain number, or with a suffix in steps of 1,024.
 *
 * @param {string | undefined} text
 * @param {string} name
 * @param {number} min
 */
function bytes(text, name, min) {
  if (text === undefined) return undefined;
  const [, digits, suffix] = /^(\d+)(?:([KMGT])(?:iB)?)?$/i.exec(text) ?? [];
  const number = Number(digits) * SUFFIXES[(suffix ?? '').toUpperCase()];
  if (!(number >= min && Number.isSafeInteger(number))) {
    throw new UsageError(
      `--${name} takes bytes, at least ${min}, or a number with K, M, G or T (of 1,024 each), got "${text}"`,
    );
  }
  return number;
}

/** @param {Command} command */
function commandHelp(command) {
  const options = Object.entries({ ...command.options, ...COMMON }).map(([name, { short, value, help }]) => {
    const long = `--${name}${value ? ` ${value}` : ''}`;
    return [`${short ? `-${short}, ` : '    '}${long}`, help];
  });
  const width = Math.max(...options.map(([left]) => left.length));
  return [
    `batondb ${command.name}: ${command.summary}`,
    '',
    `Usage: batondb ${[command.name, ...command.args].join(' ')} [options]`,
    '',
    command.help.trim(),
    '',
    'Options:',
    ...options.map(([left, help]) => `  ${left.padEnd(width)}  ${help}`),
    '',
    'Examples:',
    ...command.examples.map((example) => `  ${example}`),
  ].join('\n');
}

module.exports = { UsageError, bytes, commandHelp, parse, suggestion, whole };

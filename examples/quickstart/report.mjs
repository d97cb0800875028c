// What the quickstart prints: short sections of aligned plain text, in colour only for a person.

const colours = process.stdout.isTTY && !process.env.NO_COLOR && process.env.TERM !== 'dumb';

/**
 * @param {number} code An SGR code.
 * @param {string} words
 */
const styled = (code, words) => (colours ? `\x1b[${code}m${words}\x1b[0m` : words);
/** @param {string} words */
const bold = (words) => styled(1, words);
/** @param {string} words */
const dim = (words) => styled(2, words);
/** @param {string} words */
const green = (words) => styled(32, words);

let sections = 0;

/** @param {string} [line] */
export function text(line = '') {
  console.log(line === '' ? '' : `   ${line}`);
}

/** @param {string} words */
export function title(words) {
  console.log(bold(words));
}

/** @param {string} words */
export function section(words) {
  sections += 1;
  console.log(`\n${bold(`${sections}  ${words}`)}\n`);
}

/** @param {number | bigint} number */
export function count(number) {
  return number.toLocaleString('en-US');
}

/** @param {number} number @param {string} noun */
export function many(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
}

/**
 * Names and values, one a line.
 *
 * @param {Record<string, unknown>} values
 */
export function facts(values) {
  const width = Math.max(...Object.keys(values).map((name) => name.length));
  for (const [name, value] of Object.entries(values)) {
    text(`${dim(name.padEnd(width))}   ${value}`);
  }
}

/**
 * A table. Columns of numbers are aligned to the right; rows that are `good` stand out.
 *
 * @param {string[]} names
 * @param {unknown[][]} rows
 * @param {(row: unknown[]) => boolean} good
 */
export function table(names, rows, good = () => false) {
  const cells = [names, ...rows].map((row) => row.map(String));
  const widths = names.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const numeric = names.map((_, column) => cells.slice(1).every((row) => /^\d/.test(row[column])));
  cells.forEach((row, index) => {
    const line = row
      .map((cell, column) => (numeric[column] ? cell.padStart(widths[column]) : cell.padEnd(widths[column])))
      .join('   ')
      .trimEnd();
    text(index === 0 ? dim(line) : good(rows[index - 1]) ? green(line) : line);
  });
}

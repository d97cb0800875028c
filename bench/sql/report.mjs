// How the benches print what they measured.

import { rows } from '../report/text.js';

/** What the person who runs a bench can put right. */
export class Complaint extends Error {}

/** @param {string} text */
export function title(text) {
  console.log(text);
}

/**
 * @param {string} name
 * @param {string} what
 */
export function section(name, what) {
  console.log(`\n${name}: ${what}`);
}

/** @param {string[][]} rows The first one is the heading. */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
    );
    console.log(`  ${cells.join('  ')}`);
  }
}

/** @param {import('../report/types.js').Result[]} results */
export function print(results) {
  table(rows(results).map((row) => row.map((cell) => cell.replaceAll('*', ''))));
}

/** @param {number} ratio */
export function times(ratio) {
  return `${ratio.toFixed(2)}x`;
}

/** @param {number} number */
export function whole(number) {
  return Math.round(number).toLocaleString('en-US');
}

/** @param {number} ms */
export function millis(ms) {
  return `${ms.toFixed(2)} ms`;
}

// How the benches print what they measured.

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

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
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

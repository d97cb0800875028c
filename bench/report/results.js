// What a bench measured, in the one shape that all of them share (types.d.ts), and the statistics in it.

'use strict';

const { writeFileSync } = require('node:fs');

/** @typedef {import('./types.js').Result} Result */
/** @typedef {import('./types.js').Goal} Goal */

/**
 * The figure that is `share` of the way through the others' order, between two of them if need be.
 *
 * @param {number[]} figures
 * @param {number} share
 */
function quantile(figures, share) {
  if (figures.length === 0) {
    throw new Error('nothing was measured');
  }
  const sorted = [...figures].sort((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}

/** @param {number[]} figures */
function median(figures) {
  return quantile(figures, 0.5);
}

/**
 * @param {number[]} figures
 * @returns {[number, number]}
 */
function quartiles(figures) {
  return [quantile(figures, 0.25), quantile(figures, 0.75)];
}

/**
 * A result from the turns of a comparison. Each turn holds the figure of `baton` and those of its peers.
 *
 * @param {Pick<Result, 'bench' | 'case' | 'unit' | 'better'> & Partial<Pick<Result, 'detail' | 'params'>> & { goal?: Goal }} about
 * @param {Record<string, number>[]} turns
 * @returns {Result}
 */
function resultOf(about, turns) {
  const { goal, ...rest } = about;
  const peers = Object.keys(turns[0] ?? {}).filter((name) => name !== 'baton');
  const of = (/** @type {string} */ name) => turns.map((turn) => turn[name]);
  const ratios = (/** @type {string} */ name) => turns.map((turn) => turn.baton / turn[name]);
  /** @template T @param {string[]} names @param {(name: string) => T} figure */
  const by = (names, figure) => Object.fromEntries(names.map((name) => [name, figure(name)]));
  return {
    ...rest,
    baton: median(of('baton')),
    peers: by(peers, (name) => median(of(name))),
    ratio: by(peers, (name) => median(ratios(name))),
    samples: turns.length,
    spread: by(['baton', ...peers], (name) => quartiles(of(name))),
    ratioSpread: by(peers, (name) => quartiles(ratios(name))),
    // A goal against a peer that was not there says nothing.
    goal: goal === undefined || (goal.peer !== undefined && !peers.includes(goal.peer)) ? null : goal,
  };
}

/**
 * A result whose sides are not to be divided by each other: the peers are there for context.
 *
 * @param {Result} result
 * @returns {Result}
 */
function withoutRatios(result) {
  return { ...result, ratio: {}, ratioSpread: {} };
}

/**
 * How far a goal was kept.
 *
 * @param {Result} result
 * @returns {'met' | 'missed' | 'none'}
 */
function verdict({ goal, ratio, baton }) {
  if (goal === null) {
    return 'none';
  }
  const figure = goal.peer === undefined ? baton : ratio[goal.peer];
  if (figure === undefined || Number.isNaN(figure)) {
    return 'none';
  }
  const { atLeast = -Infinity, atMost = Infinity } = goal;
  return figure >= atLeast && figure <= atMost ? 'met' : 'missed';
}

/**
 * @param {string | undefined} file Nothing is written without one.
 * @param {import('./types.js').Report} report
 */
function writeReport(file, report) {
  if (file !== undefined) {
    writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
  }
}

module.exports = { median, quantile, quartiles, resultOf, verdict, withoutRatios, writeReport };

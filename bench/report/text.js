// Figures and goals as people read them, in the tables on the terminal and on the page.

'use strict';

const { verdict } = require('./results.js');

/** @typedef {import('./types.js').Result} Result */

/**
 * A figure with its unit: three digits or more where the figure has them.
 *
 * @param {number} value
 * @param {string} unit
 */
function figure(value, unit) {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  const text = value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return unit === '' || unit.startsWith('/') ? `${text}${unit}` : `${text} ${unit}`;
}

/** @param {number} value */
function ratio(value) {
  return value.toLocaleString('en-US', {
    minimumFractionDigits: value >= 10 ? 1 : 2,
    maximumFractionDigits: value >= 10 ? 1 : 2,
  });
}

/**
 * @param {Result} result
 * @param {string} [unnamed] A peer that need not be named, being the only one.
 */
function goal({ goal, unit }, unnamed) {
  if (goal === null) {
    return '';
  }
  const bound = (/** @type {number} */ value) =>
    goal.peer === undefined ? (unit === '' ? String(value) : `${value} ${unit}`) : `${value}`;
  const bounds = [
    ...(goal.atLeast === undefined ? [] : [`at least ${bound(goal.atLeast)}`]),
    ...(goal.atMost === undefined ? [] : [`at most ${bound(goal.atMost)}`]),
  ].join(', ');
  return goal.peer === undefined || goal.peer === unnamed ? bounds : `${bounds} of ${goal.peer}`;
}

/** @param {Result} result */
function outcome(result) {
  const answer = verdict(result);
  return answer === 'none' ? '' : answer === 'met' ? 'met' : '**missed**';
}

/**
 * Results as rows of cells, the first row being the heading, with columns for those peers alone that appear.
 *
 * @param {Result[]} results
 */
function rows(results) {
  const peers = [...new Set(results.flatMap((result) => Object.keys(result.peers)))];
  const unnamed = peers.length === 1 ? peers[0] : undefined;
  const heading = ['', 'Baton', ...peers, ...peers.map((name) => `Baton / ${name}`), 'goal', ''];
  return [
    heading,
    ...results.map((result) => [
      result.case,
      figure(result.baton, result.unit),
      ...peers.map((name) => (name in result.peers ? figure(result.peers[name], result.unit) : '')),
      ...peers.map((name) => (name in result.ratio ? ratio(result.ratio[name]) : '')),
      goal(result, unnamed),
      outcome(result),
    ]),
  ];
}

module.exports = { figure, goal, outcome, ratio, rows };

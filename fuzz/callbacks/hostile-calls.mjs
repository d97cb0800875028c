// Calls of the synchronous methods with arguments that are wrong.

import { Hostile } from '../hostile.mjs';
import { mutated } from '../mutated.mjs';

/** A write whose row cannot be read has taken effect, so every integer can. */
export const SYNC = { rowMode: 'array', readBigInts: true };

/** The synchronous methods, each with arguments that are right. */
export const METHODS = {
  execSync: ['SELECT 1'],
  runSync: ['INSERT INTO noise VALUES (?, ?)', [1, 'two'], SYNC],
  getSync: ['SELECT ?, ?', [1, 'two'], SYNC],
  allSync: ['SELECT :a', { a: 1 }, SYNC],
  iterateSync: ['SELECT ?, ?', [1, 'two'], SYNC],
  prepareSync: ['SELECT ?'],
  batchSync: [['SELECT 1', { sql: 'SELECT ?', params: [1] }], SYNC],
  transactionSync: [() => 1, { behavior: 'immediate' }],
  serializeSync: [],
  function: ['g', { deterministic: true, directOnly: false, readBigInts: true, varargs: true }, () => 1],
  aggregate: [
    'g',
    { start: 0, step: (sum, n) => sum + n, inverse: (sum, n) => sum - n, result: (sum) => sum },
  ],
  collation: ['g', () => 0],
};

export const OF_STATEMENT = {
  runSync: [[1], SYNC],
  getSync: [[1], SYNC],
  allSync: [[1], SYNC],
  iterateSync: [[1], SYNC],
};

/**
 * @param {import('../draw.mjs').Draw} draw
 * @param {any} object
 * @param {Record<string, any[]>} methods
 * @param {() => void} look Called by hostile code in the middle of the call.
 */
export function hostileCall(draw, object, methods, look) {
  const hostile = new Hostile(draw, look);
  const method = draw.of(Object.keys(methods));
  const valid = methods[method];
  const args = [...valid];
  for (let count = draw.of([1, 1, 2]); count > 0; count -= 1) {
    const index = draw.below(args.length + 1);
    args[index] = index < valid.length ? mutated(valid[index], hostile, draw) : hostile.value();
  }
  if (draw.oneIn(3) && typeof args.at(-1) === 'function') {
    args[args.length - 1] = ofHostileLength(args.at(-1), hostile);
  }
  const answer = object[method](...args);
  return method === 'iterateSync' ? [...answer] : answer;
}

function ofHostileLength(fn, hostile) {
  return Object.defineProperty((...args) => fn(...args), 'length', { value: hostile.value(0) });
}

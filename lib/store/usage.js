// What the history of a store's actors holds, added up step by step.

'use strict';

const { toMeta } = require('../results/meta.js');

/** How many of the largest histories are told by name. */
const LARGEST = 10;

/**
 * @param {import('../../binding.js').NativeHistoryUsage} native
 * @returns {import('../../index.js').ActorHistory}
 */
function toActorHistory({ oldest, oldestTimeMs, ...usage }) {
  return oldest === undefined || oldestTimeMs === undefined
    ? usage
    : { ...usage, oldest, oldestTime: new Date(oldestTimeMs) };
}

/**
 * The state of an actor, and what its history holds, if that is wanted.
 *
 * @param {InstanceType<typeof import('./calls.js').Calls>} calls
 * @param {string} id
 * @param {ReturnType<typeof import('../arguments/options.js').statOptions>} settings
 * @returns {Promise<any>}
 */
async function stat(calls, id, { history, signal }) {
  const meta = await calls.call((native) => native.stat(id), signal);
  if (!meta || !history) return meta ? toMeta(meta) : undefined;
  const usage = await calls.call((native) => native.actorHistory(id), signal);
  return { ...toMeta(meta), history: toActorHistory(usage) };
}

/**
 * Each step is a call of its own, so that the store can be closed in between.
 *
 * @param {InstanceType<typeof import('./calls.js').Calls>} calls
 * @param {ReturnType<typeof import('../arguments/options.js').historyUsageOptions>} settings
 * @returns {Promise<import('../../index.js').HistoryUsage>}
 */
async function historyUsage(calls, { prefix, signal, onProgress }) {
  const survey = await calls.call(async (native) => native.historySurvey(prefix), signal);
  /** @type {import('../../index.js').HistoryUsage} */
  const usage = {
    actors: 0,
    withHistory: 0,
    points: 0,
    pins: 0,
    rows: 0,
    bytes: 0,
    ownBytes: 0,
    sharedBytes: 0,
    largest: [],
  };
  let rowsRead = 0;
  let bytesRead = 0;
  for (;;) {
    const step = await calls.call(() => survey.next(), signal);
    if (!step) return usage;
    usage.actors += step.actors;
    rowsRead += step.rows;
    bytesRead += step.bytes;
    if (step.counted) add(usage, step.counted.actorId, toActorHistory(step.counted.history));
    onProgress?.({ actors: usage.actors, withHistory: usage.withHistory, rowsRead, bytesRead });
  }
}

/**
 * @param {import('../../index.js').HistoryUsage} usage
 * @param {string} actorId
 * @param {import('../../index.js').ActorHistory} history
 */
function add(usage, actorId, { points, pins, rows, bytes, ownBytes, sharedBytes, oldestTime }) {
  // What is left of a policy that is off is no history.
  if (points === 0 && bytes === 0 && sharedBytes === 0) return;
  usage.withHistory += 1;
  usage.points += points;
  usage.pins += pins;
  usage.rows += rows;
  usage.bytes += bytes;
  usage.ownBytes += ownBytes;
  usage.sharedBytes += sharedBytes;
  if (oldestTime && !(usage.oldestTime && usage.oldestTime <= oldestTime)) usage.oldestTime = oldestTime;
  usage.largest.push({ actorId, points, bytes, sharedBytes });
  usage.largest.sort((one, other) => other.bytes - one.bytes);
  usage.largest.length = Math.min(usage.largest.length, LARGEST);
}

module.exports = { historyUsage, stat };

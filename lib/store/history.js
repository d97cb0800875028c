// The past of a store's actors: points and pins, restores and forks.

'use strict';

const history = require('../arguments/history.js');
const options = require('../arguments/options.js');
const { tell } = require('../observe/channels.js');
const { historyUsage } = require('./usage.js');

const POINTS_AT_ONCE = 500;
const POINT = /^[0-9a-f]{16}$/;

/** @typedef {InstanceType<typeof import('./calls.js').Calls>} Calls */
/** @typedef {InstanceType<typeof import('../database/open-databases.js').OpenDatabases>} OpenDatabases */

/**
 * @param {import('../../binding.js').NativePoint} point
 * @returns {import('../../index.js').Point}
 */
function toPoint({ point, timeMs, kind, pages, sizePages, names }) {
  return { point, time: new Date(timeMs), kind, pages: pages ?? undefined, sizePages, names };
}

/**
 * The point before another one, as a text.
 *
 * @param {string} point
 */
function before(point) {
  return (BigInt(`0x${point}`) - 1n).toString(16).padStart(16, '0');
}

class History {
  #calls;
  #databases;

  /**
   * @param {Calls} calls
   * @param {OpenDatabases} databases
   */
  constructor(calls, databases) {
    this.#calls = calls;
    this.#databases = databases;
  }

  /**
   * @param {string} actorId
   * @param {import('../../index.js').HistoryPolicy | false} [policy]
   */
  async setHistory(actorId, policy) {
    const id = options.actorId(actorId);
    const checked = policy === undefined ? undefined : history.policy(policy, 'policy');
    await this.#calls.call((native) => native.setHistory(id, checked));
  }

  /**
   * @param {string} actorId
   * @param {import('../../index.js').PointsOptions} [pointsOptions]
   */
  async *points(actorId, pointsOptions) {
    const id = options.actorId(actorId);
    const { from, to, limit } = history.pointsOptions(pointsOptions);
    const oldest = from.time ?? -Infinity;
    let last = to.point;
    if (to.time !== undefined) {
      const time = { time: to.time };
      const found = await this.#find(id, time).catch((error) => {
        if (error.code === 'ERR_NOT_RETAINED') return undefined;
        throw error;
      });
      if (found === undefined) return;
      last = found.point;
    }
    for (let left = limit; left > 0;) {
      const length = Math.min(left, POINTS_AT_ONCE);
      const until = last;
      const found = await this.#calls.call((native) => native.points(id, from.point, until, length));
      for (const point of found) {
        if (point.timeMs < oldest) return;
        yield toPoint(point);
      }
      const end = found.at(-1)?.point;
      if (found.length < length || end === undefined) return;
      left -= length;
      last = before(end);
    }
  }

  /**
   * @param {string} actorId
   * @param {Date | string | { ago: import('../../index.js').Duration }} when
   */
  async pointAt(actorId, when) {
    const id = options.actorId(actorId);
    const { point, timeMs } = await this.#find(id, history.when(when, 'when'));
    return { point, time: new Date(timeMs) };
  }

  /**
   * @param {string} actorId
   * @param {import('../../index.js').PinOptions} [pinOptions]
   */
  async pin(actorId, pinOptions) {
    const id = options.actorId(actorId);
    const { name, at, expiresAtMs, traceparent } = history.pinOptions(pinOptions);
    const point = await this.#calls.call((native) => native.pin(id, at, name, expiresAtMs, traceparent));
    tell('pin', () => ({ actorId: id, point, name: name === '' ? undefined : name }));
    return { point };
  }

  /**
   * @param {string} actorId
   * @param {string} nameOrPoint
   * @param {import('../../index.js').UnpinOptions} [unpinOptions]
   */
  async unpin(actorId, nameOrPoint, unpinOptions) {
    const id = options.actorId(actorId);
    const isPoint = typeof nameOrPoint === 'string' && POINT.test(nameOrPoint);
    const name = isPoint ? undefined : history.pinName(nameOrPoint, 'nameOrPoint');
    const point = isPoint ? nameOrPoint : undefined;
    const { traceparent } = history.traceOptions(unpinOptions);
    const removed = await this.#calls.call((native) => native.unpin(id, name, point, traceparent));
    if (removed) tell('unpin', () => ({ actorId: id, point, name }));
    return removed;
  }

  /**
   * @param {string} actorId
   * @param {import('../../index.js').RestoreOptions} restoreOptions
   */
  async restore(actorId, restoreOptions) {
    const id = options.actorId(actorId);
    const { to, traceparent } = history.restoreOptions(restoreOptions);
    const { timeMs, ...answer } = await this.#calls.call((native) => native.restore(id, to, traceparent));
    const restored = { ...answer, time: new Date(timeMs) };
    // An open database of this store learns at once that it has lost the actor.
    this.#databases.takenOver(id, restored.generation);
    tell('restore', () => ({ actorId: id, ...restored }));
    return restored;
  }

  /**
   * @param {string} from
   * @param {string} to
   * @param {import('../../index.js').ForkOptions} [forkOptions]
   */
  async fork(from, to, forkOptions) {
    const source = options.actorId(from, 'from');
    const child = options.actorId(to, 'to');
    const { at, traceparent } = history.forkOptions(forkOptions);
    const forked = await this.#calls.call((native) => native.fork(source, child, at, traceparent));
    tell('fork', () => ({ actorId: child, from: source, ...forked }));
    return forked;
  }

  /**
   * @param {string} actorId
   * @param {import('../../index.js').FlattenOptions} [flattenOptions]
   */
  async flatten(actorId, flattenOptions) {
    const id = options.actorId(actorId);
    const { traceparent } = history.traceOptions(flattenOptions);
    await this.#calls.call((native) => native.flatten(id, traceparent));
    tell('flatten', () => ({ actorId: id }));
  }

  /** @param {import('../../index.js').HistoryUsageOptions} [usageOptions] */
  async historyUsage(usageOptions) {
    const settings = options.historyUsageOptions(usageOptions);
    return await historyUsage(this.#calls, settings);
  }

  /**
   * @param {string} id
   * @param {import('../../binding.js').NativePointRef} at
   */
  async #find(id, at) {
    return await this.#calls.call((native) => native.findPoint(id, at));
  }
}

module.exports = { History };

// Checks every row of a store, step by step, and runs SQLite's own checks on each database.

'use strict';

const { throwIfAborted } = require('../abort.js');
const { isBatonError, result } = require('../error.js');
const { checkIntegrity } = require('./integrity.js');

const MAGIC = 'SQLite format 3\0';
/** The maximum number of problems in a report; further ones are only counted. */
const PROBLEMS_MAX = 10_000;
const ATTEMPTS_MAX = 4;
/** What a read of a database says that has moved on. */
const MOVED = ['ERR_FENCE_MISMATCH', 'ERR_NOT_RETAINED', 'ERR_UNAVAILABLE', 'SQLITE_BUSY'];
const COUNTS = /** @type {const} */ (['points', 'pins', 'rows', 'bytes']);

/** @typedef {InstanceType<typeof import('./store.js').Store>} Store */
/** @typedef {import('../../index.js').VerifyReport} VerifyReport */

/**
 * @param {import('../../index.js').Problem} problem
 */
function toProblem({ actorId, kind, page, txid, severity, detail }) {
  return {
    kind,
    severity,
    detail,
    ...(actorId === undefined ? {} : { actorId }),
    ...(page === undefined ? {} : { page }),
    ...(txid === undefined ? {} : { txid }),
  };
}

/**
 * @param {import('../../binding.js').NativeInspection} native
 * @returns {import('../../index.js').Inspection}
 */
function toInspection({ fence, problems, ...inspection }) {
  if (fence === undefined) {
    return { ...inspection, problems: problems.map(toProblem) };
  }
  const { createdAtMs, ...rest } = fence;
  return {
    fence: { ...rest, createdAt: new Date(createdAtMs) },
    ...inspection,
    problems: problems.map(toProblem),
  };
}

/**
 * @param {Store} store
 * @param {import('../../binding.js').NativeVerification} verification
 * @param {import('../arguments/options.js').VerifySettings} settings
 * @returns {Promise<VerifyReport>}
 */
async function verify(store, verification, { deep, signal, onProgress }) {
  /** @type {VerifyReport} */
  const report = {
    ok: true,
    actors: 0,
    databases: 0,
    rows: 0,
    bytes: 0,
    history: { actors: 0, points: 0, pins: 0, rows: 0, bytes: 0 },
    problems: [],
    problemsOmitted: 0,
    busy: [],
  };
  /** @param {import('../../index.js').Problem} problem */
  const tell = (problem) => {
    report.ok &&= problem.severity !== 'error';
    if (report.problems.length < PROBLEMS_MAX) {
      report.problems.push(toProblem(problem));
    } else {
      report.problemsOmitted += 1;
    }
  };
  for (;;) {
    throwIfAborted(signal);
    const step = result(await verification.next());
    if (!step) {
      return report;
    }
    report.rows += step.rows;
    report.bytes += step.bytes;
    step.problems.forEach(tell);
    report.problemsOmitted += step.problemsOmitted;
    if (step.actor) {
      report.actors += 1;
      const { actorId, busy, live, sizePages, history } = step.actor;
      if (history !== undefined && history.rows > 0) {
        report.history.actors += 1;
        for (const count of COUNTS) report.history[count] += history[count];
      }
      if (busy) {
        report.busy.push(actorId);
      }
      const damaged = step.problems.some(({ severity }) => severity === 'error');
      // What cannot be read as pages cannot be read as a database either, and was already reported.
      if (deep && live && !damaged && sizePages > 0) {
        const checked = await checkDatabase(store, actorId, (history?.points ?? 0) > 0, tell);
        report.databases += checked === 'checked' ? 1 : 0;
        if (checked === 'busy') {
          report.busy.push(actorId);
        }
      }
    }
    const { actors, databases, rows, bytes } = report;
    onProgress?.({
      actorId: step.actor?.actorId,
      actors,
      databases,
      rows,
      bytes,
      problems: report.problems.length,
    });
  }
}

/**
 * Runs SQLite's own check. Pages with other content are not a database. If an actor that keeps history commits too
 * often, its last point is checked, which commits do not move.
 *
 * @param {Store} store
 * @param {string} actorId
 * @param {boolean} keepsHistory
 * @param {(problem: import('../../index.js').Problem) => void} tell
 * @returns {Promise<'checked' | 'no database' | 'busy'>}
 */
async function checkDatabase(store, actorId, keepsHistory, tell) {
  const checked = await checkAt(store, actorId, undefined, tell);
  if (checked !== 'busy' || !keepsHistory) return checked;
  for await (const { point } of store.points(actorId, { limit: 1 })) {
    return await checkAt(store, actorId, point, tell);
  }
  return 'busy';
}

/**
 * @param {Store} store
 * @param {string} actorId
 * @param {string | undefined} at A point, or undefined for the head.
 * @param {(problem: import('../../index.js').Problem) => void} tell
 * @returns {Promise<'checked' | 'no database' | 'busy'>}
 */
async function checkAt(store, actorId, at, tell) {
  /** @param {string} detail */
  const finding = (detail) => tell({ actorId, kind: 'integrity', severity: 'error', detail });
  try {
    const first = await firstPage(store, actorId);
    const magic = Buffer.from(first?.subarray(0, MAGIC.length) ?? MAGIC);
    if (magic.every((byte) => byte === 0)) {
      finding('page 1 is empty, so the others are no database; pass deep: false for pages that are none');
    }
    if (first === undefined || !magic.equals(Buffer.from(MAGIC))) {
      return 'no database';
    }
    const database = await store.openDatabase(actorId, { readOnly: true, at });
    try {
      const { damage, unchecked } = await checkIntegrity(database);
      damage.forEach(finding);
      unchecked.forEach((detail) => tell({ actorId, kind: 'integrity', severity: 'warning', detail }));
    } finally {
      await database.close();
    }
    return 'checked';
  } catch (thrown) {
    const error = /** @type {import('../../index.js').BatonError} */ (thrown);
    if (!isBatonError(error)) {
      throw error;
    }
    if (error.code === 'ERR_NOT_FOUND') {
      // It was deleted meanwhile.
      return 'no database';
    }
    if (MOVED.includes(error.code)) {
      // Its head moved each time, or its point is gone, unless the store is unavailable.
      await store.ping();
      return 'busy';
    }
    // A header that does not match the pages is refused as an invalid argument.
    const isDamage =
      ['ERR_CORRUPT', 'ERR_INVALID_ARG'].includes(error.code) || error.code.startsWith('SQLITE_');
    if (!isDamage) {
      throw error;
    }
    finding(error.message);
    return 'checked';
  }
}

/**
 * The first page at a recent head; undefined if there is none any more.
 *
 * @param {Store} store
 * @param {string} actorId
 */
async function firstPage(store, actorId) {
  for (let attempt = 1; ; attempt += 1) {
    const meta = await store.stat(actorId);
    if (!meta || meta.sizePages === 0) {
      return undefined;
    }
    try {
      return (await store.getPages(actorId, { generation: meta.generation, pages: [1] })).get(1);
    } catch (error) {
      if (attempt === ATTEMPTS_MAX || !isBatonError(error, 'ERR_FENCE_MISMATCH')) {
        throw error;
      }
    }
  }
}

module.exports = { toInspection, verify };

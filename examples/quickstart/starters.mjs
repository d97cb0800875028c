// What a process of the quickstart does with an actor: starting it, and committing to it.

import { setTimeout as sleep } from 'node:timers/promises';

import { isBatonError } from 'batondb';

import { withUserVersion } from './file.mjs';

/** As much as an answer tells another process. @typedef {Awaited<ReturnType<typeof start>>} Answer */
/** @typedef {import('batondb').BatonErrorOf<'ERR_FENCE_MISMATCH'>} Mismatch */
/**
 * What a commit came to.
 *
 * @typedef {{ txid: bigint }
 *   | { refused: Pick<Mismatch, 'code' | 'held' | 'current' | 'currentHeadTxid' | 'retryable'> }} Committed
 */

const PRELOAD_PAGES = 32;

/** Milliseconds on a clock that all processes of this machine share, finer than `Date.now()`. */
export function nowMs() {
  return performance.timeOrigin + performance.now();
}

/** @param {number} atMs */
async function until(atMs) {
  // Timers are late by a millisecond or more; the last stretch is waited out awake.
  await sleep(Math.max(0, atMs - nowMs() - 3));
  while (nowMs() < atMs);
}

/**
 * @param {import('batondb').Store} store
 * @param {string} actorId
 */
async function start(store, actorId) {
  const before = performance.now();
  const { outcome, generation, meta, pages } = await store.loadStartup(actorId, {
    preload: { ranges: [{ start: 1, end: 1 + PRELOAD_PAGES }] },
  });
  const micros = Math.round((performance.now() - before) * 1_000);
  return {
    outcome,
    generation,
    headTxid: meta.headTxid,
    sizePages: meta.sizePages,
    pages: pages.size,
    micros,
  };
}

/**
 * Starts an actor `count` times at one moment.
 *
 * @param {import('batondb').Store} store
 * @param {string} actorId
 * @param {{ count: number, atMs: number }} request
 */
export async function race(store, actorId, { count, atMs }) {
  await until(atMs);
  return Promise.all(Array.from({ length: count }, () => start(store, actorId)));
}

/**
 * Commits one changed page as the owner that holds `generation` at `headTxid`.
 *
 * @param {import('batondb').Store} store
 * @param {string} actorId
 * @param {{ generation: bigint, headTxid: bigint, sizePages: number, userVersion: number,
 *   page?: Uint8Array, atMs?: number }} request Page 1 is read if it is not given.
 * @returns {Promise<Committed>}
 */
export async function setUserVersion(store, actorId, request) {
  const { generation, headTxid, sizePages, userVersion, atMs = 0 } = request;
  try {
    const page = request.page ?? (await store.getPages(actorId, { generation, headTxid, pages: [1] })).get(1);
    if (!page) {
      throw new Error('the database has no page 1');
    }
    const pages = [{ page: 1, data: withUserVersion(page, sizePages, userVersion) }];
    await until(atMs);
    const { txid } = await store.commit(actorId, { generation, headTxid, sizePages, pages });
    return { txid };
  } catch (error) {
    if (!isBatonError(error, 'ERR_FENCE_MISMATCH')) {
      throw error;
    }
    // Its fields by name: an error loses them on the way to another process.
    const { code, held, current, currentHeadTxid, retryable } = error;
    return { refused: { code, held, current, currentHeadTxid, retryable } };
  }
}

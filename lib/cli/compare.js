// Compares the pages of an actor in two stores, for an actor that was copied before.

'use strict';

const { BatonError, isBatonError } = require('../error.js');

const BYTES_TOGETHER = 1024 * 1024;

/**
 * Reads every page in both stores, at one head each. Returns `false` if the source has moved on meanwhile, so
 * that the copied state no longer exists and cannot be compared.
 *
 * @param {{
 *   source: InstanceType<typeof import('../store/store.js').Store>,
 *   target: InstanceType<typeof import('../store/store.js').Store>,
 *   actorId: string,
 *   signal: AbortSignal,
 * }} what
 * @param {{ source: bigint, target: bigint }} heads the head that was copied, and the head that it has become
 */
async function compare({ source, target, actorId, signal }, heads) {
  const [one, other] = await Promise.all([source.stat(actorId), target.stat(actorId)]);
  if (one?.headTxid !== heads.source) return false;
  if (!other) throw different(actorId, 'it is gone from the target');
  if (other.headTxid !== heads.target) {
    throw new BatonError('ERR_INVALID_ARG', 'it was used in the target since it was copied', {
      actor: actorId,
    });
  }
  if (one.sizePages !== other.sizePages || (one.sizePages > 0 && one.pageSize !== other.pageSize)) {
    throw different(
      actorId,
      `${one.sizePages} pages of ${one.pageSize} and ${other.sizePages} of ${other.pageSize}`,
    );
  }
  const step = Math.max(1, Math.floor(BYTES_TOGETHER / one.pageSize));
  for (let first = 1; first <= one.sizePages; first += step) {
    signal.throwIfAborted();
    const length = Math.min(step, one.sizePages - first + 1);
    const pages = Uint32Array.from({ length }, (_, index) => first + index);
    const [here, there] = await Promise.all([
      pagesAt(source, actorId, one, pages),
      target.getPages(actorId, { generation: other.generation, headTxid: other.headTxid, pages }),
    ]);
    if (!here) return false;
    for (const [page, data] of here) {
      if (Buffer.compare(data, there.get(page) ?? new Uint8Array(0)) !== 0) {
        throw different(actorId, `page ${page} differs`);
      }
    }
  }
  return true;
}

/**
 * Pages of a head; undefined once the owner has moved on.
 *
 * @param {InstanceType<typeof import('../store/store.js').Store>} store
 * @param {string} actorId
 * @param {import('../../index.js').Meta} meta
 * @param {Uint32Array} pages
 */
async function pagesAt(store, actorId, { generation, headTxid }, pages) {
  try {
    return await store.getPages(actorId, { generation, headTxid, pages });
  } catch (error) {
    if (isBatonError(error, 'ERR_FENCE_MISMATCH') || isBatonError(error, 'ERR_NOT_FOUND')) return undefined;
    throw error;
  }
}

/**
 * @param {string} actorId
 * @param {string} how
 */
function different(actorId, how) {
  return new BatonError('ERR_CORRUPT', `the copy is not what was copied: ${how}`, { actor: actorId });
}

module.exports = { compare };

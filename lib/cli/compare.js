// Whether an actor has the same pages in two stores.

'use strict';

const { BatonError } = require('../error.js');

const BYTES_TOGETHER = 1024 * 1024;

/**
 * Reads every page in both stores, from one head each.
 *
 * @param {{
 *   source: InstanceType<typeof import('../store.js').Store>,
 *   target: InstanceType<typeof import('../store.js').Store>,
 *   actorId: string,
 *   signal: AbortSignal,
 * }} what
 * @param {{ source: bigint, target: bigint }} heads what was copied, and what it has become
 */
async function compare({ source, target, actorId, signal }, heads) {
  const [one, other] = await Promise.all([source.stat(actorId), target.stat(actorId)]);
  if (!one || !other) throw different(actorId, 'it is gone from one of the stores');
  if (one.headTxid !== heads.source || other.headTxid !== heads.target) {
    const message = 'it was written to while it was copied; stop its owner and run the same command again';
    throw new BatonError('ERR_UNAVAILABLE', message, { actor: actorId, retryable: true });
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
      source.getPages(actorId, { generation: one.generation, headTxid: one.headTxid, pages }),
      target.getPages(actorId, { generation: other.generation, headTxid: other.headTxid, pages }),
    ]);
    for (const [page, data] of here) {
      if (Buffer.compare(data, there.get(page) ?? new Uint8Array(0)) !== 0) {
        throw different(actorId, `page ${page} differs`);
      }
    }
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

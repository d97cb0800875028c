// Gives an actor another id: a copy inside the store, fenced at both ends.

'use strict';

const { throwIfAborted } = require('../abort.js');
const { BatonError, isBatonError } = require('../error.js');

/** @typedef {InstanceType<typeof import('./store.js').Store>} Store */

/**
 * The actor is taken over, so that no commit goes unnoticed behind the copy, and is deleted only as its
 * owner: if somebody intervenes, they keep it, and the copy is removed.
 *
 * @param {Store} store
 * @param {string} from
 * @param {string} to
 * @param {import('../arguments/options.js').RenameSettings} settings
 * @returns {Promise<import('../../index.js').Meta>}
 */
async function rename(store, from, to, { signal, onProgress }) {
  await refuseTaken(store, from, to);
  throwIfAborted(signal);
  const { outcome, generation } = await store.loadStartup(from, { preload: { hints: false, maxBytes: 0 } });
  if (outcome === 'lost') throw overtaken(from, 'was started at the same time');
  const { source, target } = await store.copyTo(from, store, { as: to, verify: true, signal, onProgress });
  try {
    await store.delete(from, { generation, headTxid: source.headTxid });
  } catch (error) {
    if (!isBatonError(error, 'ERR_FENCE_MISMATCH')) throw error;
    await undo(store, from, to, target);
    throw overtaken(from, 'was started while it was renamed, and stays what it is');
  }
  return target;
}

/**
 * Checked before anybody is fenced for nothing.
 *
 * @param {Store} store
 * @param {string} from
 * @param {string} to
 */
async function refuseTaken(store, from, to) {
  if (from === to) {
    throw new BatonError(
      'ERR_INVALID_ARG',
      `newActorId must not be the id that actor ${JSON.stringify(from)} has`,
    );
  }
  const [source, target] = await Promise.all([store.stat(from), store.stat(to)]);
  if (source === undefined) {
    throw new BatonError('ERR_NOT_FOUND', `actor ${JSON.stringify(from)} does not exist`, { actor: from });
  }
  if (target !== undefined && target.sizePages > 0) {
    throw new BatonError(
      'ERR_INVALID_ARG',
      `actor ${JSON.stringify(from)} cannot be renamed: actor ${JSON.stringify(to)} has ${target.sizePages} pages already`,
    );
  }
}

/**
 * @param {Store} store
 * @param {string} from
 * @param {string} to
 * @param {import('../../index.js').Meta} target
 */
async function undo(store, from, to, { generation, headTxid }) {
  try {
    await store.delete(to, { generation, headTxid });
  } catch (cause) {
    const both = `actors ${JSON.stringify(from)} and ${JSON.stringify(to)} have both been started while the one was renamed to the other, and both have pages`;
    throw new BatonError('ERR_CONCURRENT_TAKEOVER', both, { actor: from, cause });
  }
}

/**
 * @param {string} actor
 * @param {string} what
 */
function overtaken(actor, what) {
  return new BatonError('ERR_CONCURRENT_TAKEOVER', `actor ${JSON.stringify(actor)} ${what}`, {
    actor,
    retryable: true,
  });
}

module.exports = { rename };

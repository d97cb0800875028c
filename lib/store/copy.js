// Copies an actor to another store, step by step.

'use strict';

const { throwIfAborted } = require('../abort.js');
const { result } = require('../error.js');
const { toMeta } = require('../results/meta.js');

/**
 * @param {import('../../binding.js').NativeCopying} copying
 * @param {string} actorId
 * @param {import('../arguments/options.js').CopySettings} settings
 * @returns {Promise<import('../../index.js').CopyResult>}
 */
async function copy(copying, actorId, { signal, onProgress }) {
  try {
    let step = result(await copying.state());
    while (!step.done) {
      const [source, target] = [toMeta(step.source), toMeta(step.target)];
      // Awaited: what is recorded here must be recorded before anything is written.
      const { pagesDone, pagesVerified } = step;
      await onProgress?.({ actorId, source, target, pagesDone, pagesVerified, pages: source.sizePages });
      throwIfAborted(signal);
      step = result(await copying.next());
    }
    return { source: toMeta(step.source), target: toMeta(step.target) };
  } finally {
    await copying.close();
  }
}

module.exports = { copy };

// Converts the state of an actor from the addon's answer to what users see.

'use strict';

/**
 * @param {import('../../binding.js').NativeMeta} meta
 * @returns {import('../../index.js').Meta}
 */
function toMeta({ createdAtMs, ...meta }) {
  return { ...meta, createdAt: new Date(createdAtMs) };
}

module.exports = { toMeta };

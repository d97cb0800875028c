// Converts the status of a backend from the addon's answer to what users see.

'use strict';

/**
 * @param {import('../../binding.js').NativeStatus} status
 * @returns {import('../../index.js').StoreStatus}
 */
function toStatus({ foundationdb, ...status }) {
  return foundationdb
    ? { ...status, foundationdb: { ...foundationdb, json: JSON.parse(foundationdb.json) } }
    : status;
}

module.exports = { toStatus };

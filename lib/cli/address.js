// Store addresses: a directory, or `foundationdb:PREFIX?cluster-file=FILE`.

'use strict';

const { Store } = require('../store/store.js');
const { UsageError, suggestion } = require('./usage.js');

const CLUSTER = 'foundationdb:';
/** @type {Record<string, string>} */
const PARAMETERS = { 'cluster-file': 'clusterFile', 'client-library': 'clientLibrary' };

/**
 * @param {string | undefined} address
 * @returns {string}
 */
function resolved(address) {
  if (address !== undefined && address !== '-' && address !== '') return address;
  const fromEnvironment = process.env.BATON_STORE;
  if (!fromEnvironment) {
    const what =
      address === undefined ? 'no store was named' : `"${address}" stands for BATON_STORE, which is not set`;
    throw new UsageError(`${what}: give a directory, foundationdb:PREFIX, or set BATON_STORE`);
  }
  return fromEnvironment;
}

/** @param {string} address */
function isCluster(address) {
  return address.startsWith(CLUSTER);
}

/**
 * @param {string} address
 * @param {{ maxSizeBytes?: number, readOnly?: boolean }} directory for a store in a directory
 * @returns {import('../../index.js').StoreOptions}
 */
function storeOptions(address, directory) {
  if (!isCluster(address)) return { path: address, ...directory };
  const [prefix, query = '', ...more] = address.slice(CLUSTER.length).split('?');
  if (prefix === '' || more.length > 0) {
    throw new UsageError(
      `"${address}" is not foundationdb:PREFIX?cluster-file=FILE; in names write ? as %3F`,
    );
  }
  /** @type {any} */
  const foundationdb = { prefix: decoded(prefix, address) };
  for (const part of query.split('&').filter((each) => each !== '')) {
    const [name, ...value] = part.split('=');
    if (!Object.hasOwn(PARAMETERS, name) || value.join('') === '') {
      const near = suggestion(name, Object.keys(PARAMETERS));
      throw new UsageError(
        `"${part}" in "${address}" is not cluster-file=FILE or client-library=FILE${near}`,
      );
    }
    foundationdb[PARAMETERS[name]] = decoded(value.join('='), address);
  }
  return { foundationdb };
}

/**
 * @param {string} text
 * @param {string} address
 */
function decoded(text, address) {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new UsageError(`"${address}" has a % that no two hexadecimal digits follow; write it as %25`);
  }
}

/**
 * Opens a store. Unless `create` is set, a place without a store is an error: a mistyped name creates
 * nothing. A store that is only read may be in a directory that is not writable.
 *
 * @param {string | undefined} address
 * @param {{ create?: boolean, maxSizeBytes?: number, readOnly?: boolean }} [how]
 */
async function openStore(address, { create = false, maxSizeBytes, readOnly } = {}) {
  const options = /** @type {import('../../index.js').FoundationDbStoreOptions} */ (
    storeOptions(resolved(address), { maxSizeBytes, readOnly })
  );
  return await Store.open({ ...options, create });
}

module.exports = { isCluster, openStore, resolved };

// Where the quickstart's store is: in a directory that is gone afterwards, or on a FoundationDB cluster.

import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { Store, isBatonError } from 'batondb';

import { Complaint } from './complaint.mjs';

/** @typedef {import('batondb').StoreOptions} StoreOptions */

const USAGE = 'npm run quickstart -- [--foundationdb PREFIX] [file.sqlite]';

/**
 * What the person who runs this has asked for.
 *
 * @param {string[]} args
 */
export function parse(args) {
  try {
    const { values, positionals } = parseArgs({
      args,
      options: { foundationdb: { type: 'string' } },
      allowPositionals: true,
    });
    if (positionals.length > 1) {
      throw new Error('one file at most');
    }
    return { prefix: values.foundationdb, file: positionals.at(0) };
  } catch (error) {
    throw new Complaint(`${/** @type {Error} */ (error).message}: ${USAGE}`);
  }
}

/**
 * @param {string} directory
 * @param {string | undefined} prefix
 * @returns {StoreOptions}
 */
export function storeOptions(directory, prefix) {
  return prefix === undefined ? { path: join(directory, 'store') } : { foundationdb: { prefix } };
}

/**
 * Opens the store. On a cluster it must have no actors, and those of the tour are deleted in the end.
 *
 * @param {StoreOptions} options
 * @param {(atEnd: () => unknown) => void} defer
 */
export async function openStore(options, defer) {
  const store = await Store.open(options).catch((error) => {
    // No library, no cluster file or no cluster: the message says which, and what to do.
    throw options.foundationdb && isBatonError(error) ? new Complaint(error.message) : error;
  });
  defer(() => store.close());
  if (options.foundationdb) {
    const { prefix } = options.foundationdb;
    if ((await store.list({ limit: 1 })).length > 0) {
      throw new Complaint(
        `the store below the prefix ${prefix} has actors: give the tour a prefix of its own`,
      );
    }
    defer(async () => {
      for await (const { actorId } of store.actors()) {
        await store.delete(actorId);
      }
    });
  }
  return store;
}

/**
 * The engine in a few words.
 *
 * @param {Store} store
 */
export async function engineOf(store) {
  const { foundationdb } = await store.status();
  return foundationdb ? `FoundationDB ${foundationdb.clusterVersion ?? ''}`.trim() : 'the embedded engine';
}

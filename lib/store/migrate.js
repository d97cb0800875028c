// Imports of v1 data: takes the entries of an actor's key-value store and passes them to the addon in
// batches.

'use strict';

const { types } = require('node:util');

const { throwIfAborted } = require('../abort.js');
const check = require('../arguments/check.js');
const { toMeta } = require('../results/meta.js');

// The batch size, so that neither many small entries nor a few large ones cost much.
const BATCH_ENTRIES_MAX = 256;
const BATCH_BYTES_MAX = 1024 * 1024;
// A slow source must not look like a dead importer: the entries so far are passed on, which also renews the
// lease.
const BATCH_MS_MAX = 5_000;

/** @typedef {import('../../binding.js').NativeStore} NativeStore */
/** @typedef {import('../../binding.js').NativeV1Migration} NativeV1Migration */
/** @typedef {import('../../binding.js').Failure} Failure */
/**
 * What a store does with each call of the addon: counts it, and turns a failure into an error.
 *
 * @typedef {<T>(dispatch: (native: NativeStore) => Promise<T | Failure>) => Promise<Exclude<T, Failure>>} Call
 */

/**
 * @param {unknown} value
 * @returns {AsyncIterable<unknown> | Iterable<unknown>}
 */
function entriesArgument(value) {
  const iterable = /** @type {any} */ (value);
  const isObject = typeof value === 'object' && value !== null;
  const iterates = (/** @type {symbol} */ name) => isObject && typeof iterable[name] === 'function';
  if (!iterates(Symbol.asyncIterator) && !iterates(Symbol.iterator)) {
    throw check.invalid('entries', 'an iterable or async iterable of { key, value }', value);
  }
  return iterable;
}

/**
 * A copy, because a source may reuse its buffers as soon as it is asked for the next entry.
 *
 * @param {unknown} value
 * @param {string} name
 */
function bytes(value, name) {
  const isBuffer = types.isAnyArrayBuffer(value);
  if (!isBuffer && !ArrayBuffer.isView(value)) {
    throw check.invalid(name, 'a Buffer, TypedArray, DataView or ArrayBuffer', value);
  }
  try {
    return (
      isBuffer ? new Uint8Array(value) : new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    ).slice();
  } catch {
    // If it were treated as empty, it would become zeros in the database.
    throw check.invalid(name, 'bytes whose buffer is not detached', value);
  }
}

/** Entries on their way to the addon. */
class Batch {
  /** @type {Uint8Array[]} */
  keys = [];
  /** @type {Uint8Array[]} */
  values = [];
  #bytes = 0;
  #begun = performance.now();

  /** @param {unknown} entry @param {string} at */
  add(entry, at) {
    if (typeof entry !== 'object' || entry === null) {
      throw check.invalid(at, 'an object of the form { key, value }', entry);
    }
    // Other fields belong to the store that the entries come from.
    const { key, value } = /** @type {{ key?: unknown, value?: unknown }} */ (entry);
    this.keys.push(bytes(key, `${at}.key`));
    const copied = bytes(value, `${at}.value`);
    this.values.push(copied);
    this.#bytes += copied.byteLength;
  }

  get isFull() {
    return (
      this.keys.length >= BATCH_ENTRIES_MAX ||
      this.#bytes >= BATCH_BYTES_MAX ||
      performance.now() - this.#begun >= BATCH_MS_MAX
    );
  }
}

/**
 * @param {NativeV1Migration} migration
 * @param {AsyncIterable<unknown> | Iterable<unknown>} entries
 * @param {Call} call
 * @param {AbortSignal | undefined} signal
 */
async function takeAll(migration, entries, call, signal) {
  /** @param {Batch} batch */
  const hand = async ({ keys, values }) => {
    await call(() => migration.takeEntries(keys, values));
    throwIfAborted(signal);
  };
  let batch = new Batch();
  let index = 0;
  for await (const entry of entries) {
    throwIfAborted(signal);
    batch.add(entry, `entries[${index}]`);
    index += 1;
    if (batch.isFull) {
      await hand(batch);
      batch = new Batch();
    }
  }
  await hand(batch);
}

/**
 * Imports entries into an actor that does not exist yet.
 *
 * @param {string} actorId
 * @param {AsyncIterable<unknown> | Iterable<unknown>} entries
 * @param {Call} call
 * @param {AbortSignal | undefined} signal
 * @param {Set<NativeV1Migration>} open The running migrations of the store.
 * @param {<T>(work: () => Promise<T>) => Promise<T>} keepOpen Makes the store wait before it closes.
 */
async function migrate(actorId, entries, call, signal, open, keepOpen) {
  throwIfAborted(signal);
  // A store that closes at this moment must find it among the migrations that it gives up.
  const begun = await keepOpen(async () => {
    const answer = await call((native) => native.beginV1Migration(actorId));
    if ('takeEntries' in answer) {
      open.add(answer);
    }
    return answer;
  });
  if (!('takeEntries' in begun)) {
    return toMeta(begun);
  }
  try {
    await takeAll(begun, entries, call, signal);
    return toMeta(await call(() => begun.finish()));
  } catch (error) {
    // If the addon has failed, it has given up by itself, and this does nothing. If giving up fails, the
    // actor stays reserved; the caller should see the first error.
    await begun.giveUp().catch(() => {});
    throw error;
  } finally {
    open.delete(begun);
  }
}

module.exports = { entriesArgument, migrate };

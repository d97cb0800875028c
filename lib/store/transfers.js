// Databases that come from streams and bytes or go to them: `importFrom`, `exportTo` and `serialize` without
// a file. A transfer ends when its signal aborts and when the store closes: its other end may never finish.

'use strict';

const { pipeline } = require('node:stream/promises');
const { types } = require('node:util');

const { throwIfAborted } = require('../abort.js');
const check = require('../arguments/check.js');
const { BatonError, result } = require('../error.js');
const { onAbort } = require('../signals.js');

/** How many bytes are passed to the addon at once. */
const PART_BYTES = 1024 * 1024;

/** @typedef {import('../../binding.js').NativeReceiving} NativeReceiving */
/** @typedef {import('../../binding.js').NativeSending} NativeSending */
/**
 * A source of bytes. `stop` gives up a source that has not ended, and waits for nothing.
 *
 * @typedef {{ next: () => Promise<{ done?: boolean, value?: unknown }>, stop: (reason: unknown) => void }} Source
 */

/** The running transfers of a store. */
class Transfers {
  /** @type {Set<AbortController>} */
  #open = new Set();

  /**
   * @template T
   * @param {AbortSignal | undefined} signal
   * @param {(stopped: AbortSignal) => Promise<T>} work
   * @returns {Promise<T>}
   */
  async run(signal, work) {
    throwIfAborted(signal);
    const controller = new AbortController();
    const stopWaiting =
      signal &&
      onAbort(signal, () => {
        const message = 'The operation was aborted while it was under way';
        controller.abort(new BatonError('ERR_ABORTED', message, { cause: signal.reason }));
      });
    this.#open.add(controller);
    try {
      return await work(controller.signal);
    } finally {
      this.#open.delete(controller);
      stopWaiting?.();
    }
  }

  /** Ends all of them. */
  close() {
    for (const controller of this.#open) {
      controller.abort(new BatonError('ERR_CLOSED', 'The store was closed, and with it what was under way'));
    }
  }
}

/**
 * Returns the answer, unless the signal aborts first.
 *
 * @template T
 * @param {Promise<T>} answer
 * @param {AbortSignal} stopped
 * @returns {Promise<T>}
 */
function orStopped(answer, stopped) {
  return new Promise((resolve, reject) => {
    const stop = () => reject(stopped.reason);
    if (stopped.aborted) stop();
    stopped.addEventListener('abort', stop, { once: true });
    answer.then(resolve, reject).finally(() => stopped.removeEventListener('abort', stop));
  });
}

/** @param {unknown} value @returns {value is ArrayBufferLike | ArrayBufferView} */
function isBytes(value) {
  return types.isAnyArrayBuffer(value) || ArrayBuffer.isView(value);
}

/**
 * A view of bytes, not a copy.
 *
 * @param {unknown} value
 * @param {string} name
 */
function viewOf(value, name) {
  if (!isBytes(value)) {
    throw check.invalid(name, 'a Buffer, TypedArray, DataView or ArrayBuffer', value);
  }
  try {
    const view = ArrayBuffer.isView(value)
      ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
      : new Uint8Array(value);
    // If it were treated as empty, it would become an empty database. Only a detached buffer throws here.
    view.subarray(0, 0).slice();
    if (/** @type {{ detached?: boolean }} */ (view.buffer).detached) throw new TypeError('detached');
    return view;
  } catch {
    throw check.invalid(name, 'bytes whose buffer is not detached', value);
  }
}

/**
 * The sources of `importFrom` other than paths; undefined for a value that should be a path.
 *
 * @param {any} value
 * @param {string} name
 * @returns {(() => Source) | undefined}
 */
function sourceArgument(value, name) {
  if (isBytes(value)) {
    // A copy, because the arguments of a call belong to the caller again when it returns.
    const copied = viewOf(value, name).slice();
    return () => ofIterable([copied]);
  }
  if (typeof value !== 'object' || value === null || check.isUrl(value)) return undefined;
  if (typeof value.getReader === 'function') {
    if (value.locked) throw check.invalid(name, 'a stream that nobody else reads', value);
    return () => ofWebStream(value);
  }
  if (typeof value[Symbol.asyncIterator] !== 'function' && typeof value[Symbol.iterator] !== 'function') {
    throw check.invalid(name, 'a path, a file: URL, bytes, or a stream or iterable of bytes', value);
  }
  if (value.readableEnded === true || value.destroyed === true) {
    // It would end at once, and look like an empty database.
    throw check.invalid(name, 'a stream that was not read before', value);
  }
  return () => ofIterable(value);
}

/** @param {ReadableStream<unknown>} stream @returns {Source} */
function ofWebStream(stream) {
  const reader = stream.getReader();
  if (typeof reader?.read !== 'function') throw check.invalid('file', 'a stream of bytes', stream);
  return { next: () => reader.read(), stop: (reason) => void reader.cancel(reason).catch(() => {}) };
}

/** @param {any} iterable @returns {Source} */
function ofIterable(iterable) {
  const iterator = iterable[Symbol.asyncIterator]?.() ?? iterable[Symbol.iterator]?.();
  if (typeof iterator?.next !== 'function') throw check.invalid('file', 'a stream of bytes', iterable);
  return {
    next: async () => await iterator.next(),
    stop: () => {
      // While the iterator of a Node stream waits, it cannot end the stream. Without an error, which nobody
      // would handle.
      if (typeof iterable.destroy === 'function') iterable.destroy();
      Promise.resolve(iterator.return?.()).catch(() => {});
    },
  };
}

/**
 * Passes everything from a source to the addon, and makes it the content of the actor.
 *
 * @param {NativeReceiving} receiving
 * @param {() => Source} begin
 * @param {AbortSignal} stopped
 */
async function receive(receiving, begin, stopped) {
  const source = begin();
  let hasEnded = false;
  try {
    let part = new Uint8Array(PART_BYTES);
    let used = 0;
    for (let index = 0; ; index += 1) {
      const step = await orStopped(source.next(), stopped);
      if (typeof step !== 'object' || step === null) {
        throw check.invalid('file', 'an iterable whose steps are objects', step);
      }
      const { done, value } = step;
      if (done) break;
      const bytes = viewOf(value, `file[${index}]`);
      for (let at = 0; at < bytes.length;) {
        const count = Math.min(bytes.length - at, PART_BYTES - used);
        part.set(bytes.subarray(at, at + count), used);
        at += count;
        used += count;
        if (used === PART_BYTES) {
          used = 0;
          result(await orStopped(receiving.take(part), stopped));
        }
      }
    }
    hasEnded = true;
    if (used > 0) result(await orStopped(receiving.take(part.subarray(0, used)), stopped));
    // From here on it takes effect, or not.
    if (stopped.aborted) throw stopped.reason;
    return result(await receiving.finish());
  } catch (error) {
    if (!hasEnded) source.stop(error);
    throw error;
  } finally {
    await receiving.close();
  }
}

/**
 * The targets of `exportTo` other than paths; undefined for a value that should be a path.
 *
 * @param {any} value
 * @param {string} name
 * @returns {'web' | 'node' | undefined}
 */
function targetArgument(value, name) {
  if (typeof value !== 'object' || value === null || check.isUrl(value)) return undefined;
  if (typeof value.getWriter === 'function') {
    if (value.locked) throw check.invalid(name, 'a stream that nobody else writes to', value);
    return 'web';
  }
  if (typeof value.write === 'function' && typeof value.on === 'function') {
    if (value.writableEnded === true || value.destroyed === true) {
      throw check.invalid(name, 'a stream that is open', value);
    }
    return 'node';
  }
  throw check.invalid(name, 'a path, a file: URL, or a stream that can be written', value);
}

/**
 * The pieces of a database. Never starts again: the caller could not.
 *
 * @param {NativeSending} sending
 */
async function* pieces(sending) {
  for (;;) {
    const { bytes, again } = result(await sending.next());
    if (bytes) yield bytes;
    else if (!again) return;
  }
}

/**
 * Writes a database to a stream, and ends the stream.
 *
 * @param {NativeSending} sending
 * @param {any} target
 * @param {'web' | 'node'} kind
 * @param {AbortSignal} stopped
 */
async function send(sending, target, kind, stopped) {
  try {
    await (kind === 'web' ? sendToWeb : sendToNode)(sending, target, stopped);
    return result(await sending.meta());
  } finally {
    await sending.close();
  }
}

/** @param {NativeSending} sending @param {NodeJS.WritableStream} target @param {AbortSignal} stopped */
async function sendToNode(sending, target, stopped) {
  try {
    await pipeline(pieces(sending), target, { signal: stopped });
  } catch (error) {
    throw stopped.aborted ? stopped.reason : error;
  }
}

/** @param {NativeSending} sending @param {WritableStream<Uint8Array>} target @param {AbortSignal} stopped */
async function sendToWeb(sending, target, stopped) {
  const writer = target.getWriter();
  try {
    for await (const piece of pieces(sending)) {
      await orStopped(writer.ready, stopped);
      await orStopped(writer.write(piece), stopped);
    }
    await orStopped(writer.close(), stopped);
  } catch (error) {
    writer.abort(error).catch(() => {});
    throw error;
  } finally {
    // A stream that has failed has released its lock.
    writer.closed.catch(() => {});
    writer.releaseLock();
  }
}

/**
 * A database as bytes.
 *
 * @param {NativeSending} sending
 * @param {AbortSignal} stopped
 */
async function serialize(sending, stopped) {
  try {
    let bytes = await roomFor(sending);
    let used = 0;
    for (;;) {
      const sent = result(await orStopped(sending.next(), stopped));
      if (sent.bytes) {
        bytes.set(sent.bytes, used);
        used += sent.bytes.length;
      } else if (sent.again) {
        bytes = await roomFor(sending);
        used = 0;
      } else {
        return bytes;
      }
    }
  } finally {
    await sending.close();
  }
}

/** @param {NativeSending} sending */
async function roomFor(sending) {
  const { sizePages, pageSize } = result(await sending.meta());
  try {
    return new Uint8Array(sizePages * pageSize);
  } catch (cause) {
    const message = `The database has ${sizePages * pageSize} bytes, more than memory has room for; exportTo takes a stream or a file`;
    throw new BatonError('ERR_TOO_LARGE', message, { cause });
  }
}

/**
 * Refuses options that only a file can have.
 *
 * @param {{ [name: string]: unknown }} given
 */
function refuseForStream(given) {
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined)
      throw check.invalid(`options.${name}`, 'absent where a stream is written', value);
  }
}

module.exports = { Transfers, receive, refuseForStream, send, serialize, sourceArgument, targetArgument };

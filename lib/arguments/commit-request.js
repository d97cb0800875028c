// Checks a commit, and packs its pages for the addon.

'use strict';

const { types } = require('node:util');

const check = require('./check.js');
const { BatonError } = require('../error.js');
const { traceparent } = require('./traceparent.js');

const PAGE_BYTES_MIN = 512;
const PAGE_BYTES_MAX = 65_536;

/** @param {unknown} value */
function commitRequest(value) {
  const keys = ['generation', 'headTxid', 'sizePages', 'pages', 'signal', 'traceparent'];
  const request = check.object(value, 'request', keys);
  const generation = check.u64(request.generation, 'request.generation');
  const headTxid = check.u64(request.headTxid, 'request.headTxid');
  const sizePages = check.integer(request.sizePages, 'request.sizePages', 0, check.U32_MAX);
  const signal = check.signal(request.signal, 'request.signal');
  const trace = traceparent(request.traceparent, 'request.traceparent');
  return {
    base: { generation, headTxid, sizePages },
    signal,
    traceparent: trace,
    ...pageWrites(request.pages, 'request.pages'),
  };
}

/**
 * @param {unknown} value
 * @param {string} name
 */
function pageWrites(value, name) {
  /** @type {Uint8Array[]} */
  const data = [];
  /** @type {Map<number, number>} */
  const seen = new Map();
  const numbers = check.list(value, name, 'an array of { page, data }', (each, at, index) => {
    const entry = check.object(each, at, ['page', 'data']);
    const page = check.integer(entry.page, `${at}.page`, 1, check.U32_MAX);
    const earlier = seen.get(page);
    if (earlier !== undefined) {
      const message = `The "${at}.page" property must differ from "${name}[${earlier}].page". Received ${page} twice`;
      throw new BatonError('ERR_INVALID_ARG', message);
    }
    seen.set(page, index);
    data.push(pageBytes(entry.data, `${at}.data`, data[0]?.length));
    return page;
  });
  return { numbers: Uint32Array.from(numbers), data };
}

/**
 * @param {unknown} value
 * @param {string} name
 * @param {number | undefined} length That of the first page; all pages have the same length.
 * @returns {Uint8Array}
 */
function pageBytes(value, name, length) {
  if (!ArrayBuffer.isView(value)) {
    throw check.invalid(name, 'a Buffer, TypedArray or DataView', value);
  }
  const { byteLength } = value;
  if (length !== undefined && byteLength !== length) {
    throw wrongLength(name, `as long as the other pages, ${length} bytes`, byteLength);
  }
  const isPowerOfTwo = Number.isInteger(Math.log2(byteLength));
  if (byteLength < PAGE_BYTES_MIN || byteLength > PAGE_BYTES_MAX || !isPowerOfTwo) {
    throw wrongLength(name, 'one page, a power of two from 512 to 65536 bytes', byteLength);
  }
  if (types.isSharedArrayBuffer(value.buffer)) {
    // Other threads may write to it while the addon reads, so the addon gets a private copy.
    return new Uint8Array(value.buffer, value.byteOffset, byteLength).slice();
  }
  return types.isUint8Array(value) ? value : new Uint8Array(value.buffer, value.byteOffset, byteLength);
}

/**
 * @param {string} name
 * @param {string} expected
 * @param {number} byteLength
 */
function wrongLength(name, expected, byteLength) {
  // The usual reason for an empty view is a detached buffer.
  const hint = byteLength === 0 ? ' (is its buffer detached?)' : '';
  return new BatonError(
    'ERR_INVALID_ARG',
    `The "${name}" property must be ${expected}. Received ${byteLength} bytes${hint}`,
  );
}

module.exports = { commitRequest };

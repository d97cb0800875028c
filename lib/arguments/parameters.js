// Parameters of a statement, from JavaScript values to the bytes that the addon takes:
//
//   u8 kind (1 positional, 2 named), u32 count, then for each parameter
//     named only: u32 byte length and UTF-8 of the name, without its prefix
//     u8 tag and the value: 0 null; 1 i64; 2 f64; 3 text and 4 blob, each u32 byte length and the bytes
//
// All numbers are big-endian. The bytes are in a scratch buffer that the next call overwrites: the addon
// copies them before its method returns, and nothing may run in between.

'use strict';

const check = require('./check.js');
const { BatonError } = require('../error.js');
const { AS_REAL, bareName, blobBytes, label, plainObject } = require('./parameters-check.js');

const POSITIONAL = 1;
const NAMED = 2;

const NULL = 0;
const INTEGER = 1;
const REAL = 2;
const TEXT = 3;
const BLOB = 4;

const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;
const U32_SIZE = 2 ** 32;
/** Also for the answer of a synchronous call; see {@link exchange}. */
const SCRATCH_BYTES = 16_384;
// A larger scratch buffer is not kept, so that one large blob does not stay in memory for good.
const SCRATCH_KEPT_BYTES_MAX = 1024 * 1024;
/** SQLite's own limit for a value and for a row. It also keeps all lengths within 32 bits. */
const PARAMS_BYTES_MAX = 1_000_000_000;
/** Up to this length, three bytes per UTF-16 unit are reserved without counting. */
const UNCOUNTED_LENGTH_MAX = 4_096;

/** Encoded parameters for later. */
class OwnParams {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
  }
}

class ParamWriter {
  #bytes = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;
  /** The same bytes for who reads an answer in them, and takes no Buffer. @type {Uint8Array | undefined} */
  #answer;

  get capacity() {
    return this.#bytes.length;
  }

  get buffer() {
    return this.#bytes;
  }

  get view() {
    return this.#view;
  }

  get answer() {
    this.#answer ??= new Uint8Array(this.#bytes.buffer);
    return this.#answer;
  }

  rewind() {
    this.#at = 0;
  }

  /**
   * @param {unknown} params
   * @param {string} name
   * @returns {Uint8Array | undefined}
   */
  write(params, name) {
    if (params === undefined) {
      return undefined;
    }
    const start = this.#at;
    this.append(params, name);
    return this.#bytes.subarray(start, this.#at);
  }

  /**
   * @param {unknown} params
   * @param {string} name
   * @returns {number} The end of what was written.
   */
  append(params, name) {
    if (params instanceof OwnParams) {
      this.#reserve(params.bytes.length);
      this.#bytes.set(params.bytes, this.#at);
      this.#at += params.bytes.length;
    } else if (Array.isArray(params)) {
      const { length } = params;
      this.#header(POSITIONAL, length);
      // By index, because `forEach` would skip the holes of a sparse array.
      for (let index = 0; index < length; index += 1) {
        this.#value(params[index], name, index);
      }
    } else {
      this.#named(plainObject(params, name), name);
    }
    return this.#at;
  }

  /**
   * @param {Record<string, unknown>} params
   * @param {string} name
   */
  #named(params, name) {
    const keys = Object.keys(params);
    this.#header(NAMED, keys.length);
    for (const key of keys) {
      this.#text(bareName(key, params, name));
      this.#value(params[key], name, key);
    }
  }

  /**
   * @param {unknown} value
   * @param {string} name
   * @param {number | string} key
   */
  #value(value, name, key) {
    switch (typeof value) {
      case 'number':
        this.#number(value, name, key);
        return;
      case 'string':
        if (!value.isWellFormed()) {
          throw check.invalid(label(name, key), 'well-formed Unicode, without lone surrogates', value);
        }
        this.#tag(TEXT, 0);
        this.#text(value);
        return;
      case 'bigint':
        if (value < I64_MIN || value > I64_MAX) {
          throw check.outOfRange(label(name, key), `from ${I64_MIN}n to ${I64_MAX}n`, value);
        }
        this.#tag(INTEGER, 8);
        this.#view.setBigInt64(this.#at, value);
        this.#at += 8;
        return;
      case 'boolean':
        this.#integer(value ? 1 : 0);
        return;
    }
    if (value === null) {
      this.#tag(NULL, 0);
      return;
    }
    const real = /** @type {any} */ (value)?.[AS_REAL];
    if (real !== undefined) {
      this.#real(real);
      return;
    }
    const bytes = blobBytes(value, name, key);
    this.#tag(BLOB, 4 + bytes.length);
    this.#view.setUint32(this.#at, bytes.length);
    this.#bytes.set(bytes, this.#at + 4);
    this.#at += 4 + bytes.length;
  }

  /**
   * @param {number} value
   * @param {string} name
   * @param {number | string} key
   */
  #number(value, name, key) {
    // Minus zero is not an integer: SQLite has it only as a real.
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      this.#integer(value);
      return;
    }
    if (Number.isNaN(value)) {
      const expected = "a number other than NaN, which SQLite cannot store (pass null for SQL's NULL)";
      throw check.invalid(label(name, key), expected, value);
    }
    this.#real(value);
  }

  /** @param {number} value */
  #real(value) {
    this.#tag(REAL, 8);
    this.#view.setFloat64(this.#at, value);
    this.#at += 8;
  }

  /** @param {number} value */
  #integer(value) {
    this.#tag(INTEGER, 8);
    this.#view.setInt32(this.#at, Math.floor(value / U32_SIZE));
    this.#view.setUint32(this.#at + 4, value >>> 0);
    this.#at += 8;
  }

  /** @param {string} value */
  #text(value) {
    this.#reserve(4 + (value.length <= UNCOUNTED_LENGTH_MAX ? 3 * value.length : Buffer.byteLength(value)));
    const length = this.#bytes.write(value, this.#at + 4);
    this.#view.setUint32(this.#at, length);
    this.#at += 4 + length;
  }

  /**
   * @param {number} kind
   * @param {number} count
   */
  #header(kind, count) {
    this.#tag(kind, 4);
    this.#view.setUint32(this.#at, count);
    this.#at += 4;
  }

  /**
   * @param {number} tag
   * @param {number} following How many bytes the caller will write after it.
   */
  #tag(tag, following) {
    this.#reserve(1 + following);
    this.#bytes[this.#at] = tag;
    this.#at += 1;
  }

  /** @param {number} count */
  #reserve(count) {
    const needed = this.#at + count;
    if (needed <= this.#bytes.length) {
      return;
    }
    if (needed > PARAMS_BYTES_MAX) {
      const message = `The parameters of a call must have at most ${PARAMS_BYTES_MAX} bytes together. Received more`;
      throw new BatonError('ERR_TOO_LARGE', message);
    }
    // Earlier results of `write` keep the old buffer, where their bytes stay unchanged.
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
    this.#answer = undefined;
  }
}

// Taken while it is in use, so that a getter among the parameters that runs a query gets another one.
/** @type {ParamWriter | undefined} */
let spare;

/**
 * @template T
 * @param {(writer: ParamWriter) => T} write
 * @returns {T}
 */
function withWriter(write) {
  const writer = spare ?? new ParamWriter();
  spare = undefined;
  try {
    return write(writer);
  } finally {
    if (writer.capacity <= SCRATCH_KEPT_BYTES_MAX) {
      writer.rewind();
      spare = writer;
    }
  }
}

/**
 * Encodes the parameters of one statement. The result is valid until the next call of a function of this
 * module.
 *
 * @param {unknown} params
 * @returns {Uint8Array | undefined}
 */
function encodeParams(params) {
  return params === undefined ? undefined : withWriter((writer) => writer.write(params, 'params'));
}

/**
 * Encodes the parameters of a call that is made later.
 *
 * @param {unknown} params
 */
function ownParams(params) {
  const bytes = encodeParams(params);
  return bytes && new OwnParams(bytes.slice());
}

/**
 * Makes a synchronous call, which takes its parameters from a buffer and may put its answer there. Nothing but `read`
 * may use that.
 *
 * @template T, A
 * @param {unknown} params
 * @param {(buffer: Buffer, length: number) => A} call Given how many bytes the parameters have; -1 without any.
 * @param {(answer: A, writer: InstanceType<typeof ParamWriter>) => T} read
 * @returns {T}
 */
function exchange(params, call, read) {
  return withWriter((writer) => {
    const length = params === undefined ? -1 : writer.append(params, 'params');
    return read(call(writer.buffer, length), writer);
  });
}

/**
 * Encodes the parameters of several statements, like {@link encodeParams}.
 *
 * @param {readonly unknown[]} list
 * @param {(index: number) => string} name The name of a statement's parameters in errors.
 * @returns {(Uint8Array | undefined)[]}
 */
function encodeParamsList(list, name) {
  return withWriter((writer) => list.map((params, index) => writer.write(params, name(index))));
}

module.exports = { encodeParams, encodeParamsList, exchange, ownParams };

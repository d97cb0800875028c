// Decodes the rows of an answer from the addon's bytes. The bytes of a chunk, all numbers big-endian:
//
//    0  u32 rows in this chunk
//    4  u32 cursor: 0 for the last chunk, else where more rows can be fetched
//    8  f64 changes
//   16  i64 last insert rowid
//   24  u32 byte length of the columns; 0 where an earlier chunk of the answer had them
//   28  u32 number of columns
//   32  u32 byte length of the text
//   36  u8 1 if the text is ASCII; u8 1 if the list is; u8 flags (see src/database/session/wire.rs); a zero
//   40  u32 byte length of the list
//   44  the columns, a JSON array of strings; then the text, all short text values one after the other; then the list,
//       a JSON array of those of middle length; then the cells, row by row, each a tag and a value (see the constants)
//
// Decoding each value by a separate call costs several times as much as cutting it out of a longer string, or
// letting `JSON.parse` create many at once. Only very short ones are cut: V8 copies these, while a longer
// substring is a view that keeps the whole string alive.

'use strict';

const { BatonError } = require('../error.js');

const HEADER_BYTES = 44;

const NULL = 0;
const I8 = 1;
const I32 = 2;
const I64 = 3;
const REAL = 4;
const SHORT_TEXT = 5;
const LISTED_TEXT = 7;
const LONG_TEXT = 8;

const U32_SIZE = 2 ** 32;
const SHAPES_MAX = 256;

/** Works on any Uint8Array, without creating a Buffer. */
const { latin1Slice, utf8Slice } =
  /** @type {Record<'latin1Slice' | 'utf8Slice', (start: number, end: number) => string>} */ (
    /** @type {unknown} */ (Buffer.prototype)
  );

/**
 * The columns of an answer.
 *
 * @typedef {{ names: string[], hasProto: boolean }} Shape
 */

/**
 * The format of returned rows.
 *
 * @typedef {{ rowMode: 'object' | 'array', readBigInts: boolean, integerHint?: string | undefined, buffers?: boolean }} RowFormat
 */

/** The columns that the answers of one database had, so that those of a repeated query are parsed only once. */
class ShapeCache {
  /** @type {Map<string, Shape>} */
  #shapes = new Map();

  /**
   * @param {ChunkHeader} header
   * @returns {Shape}
   */
  get({ bytes, columnsBytes }) {
    // One character per byte: a key that is cheap to create and different for different columns.
    const key = latin1Slice.call(bytes, HEADER_BYTES, HEADER_BYTES + columnsBytes);
    let shape = this.#shapes.get(key);
    if (shape === undefined) {
      /** @type {string[]} */
      const names =
        columnsBytes === 0
          ? []
          : JSON.parse(utf8Slice.call(bytes, HEADER_BYTES, HEADER_BYTES + columnsBytes));
      shape = { names, hasProto: names.includes('__proto__') };
      if (this.#shapes.size >= SHAPES_MAX) {
        this.#shapes.clear();
      }
      this.#shapes.set(key, shape);
    }
    return shape;
  }
}

/** The header of a chunk. */
class ChunkHeader {
  /**
   * @param {Uint8Array} bytes May go on behind the chunk.
   * @param {DataView} [view] Of these bytes.
   */
  constructor(bytes, view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)) {
    this.bytes = bytes;
    this.view = view;
    this.rows = this.view.getUint32(0);
    this.cursor = this.view.getUint32(4);
    this.columnsBytes = this.view.getUint32(24);
  }

  get changes() {
    return this.view.getFloat64(8);
  }

  get flags() {
    return this.view.getUint8(38);
  }

  /**
   * @param {boolean} readBigInts
   * @returns {number | bigint}
   */
  lastInsertRowid(readBigInts) {
    const rowid = this.view.getBigInt64(16);
    const asNumber = Number(rowid);
    return readBigInts || !Number.isSafeInteger(asNumber) ? rowid : asNumber;
  }
}

/**
 * @param {DataView} view
 * @param {number} flagAt Where the chunk says whether the bytes are ASCII.
 */
function decoder(view, flagAt) {
  return view.getUint8(flagAt) === 1 ? latin1Slice : utf8Slice;
}

/** Reads the rows of one chunk, as many at a time as the caller has time for. */
class RowReader {
  #bytes;
  #view;
  #names;
  #hasProto;
  #asArray;
  #readBigInts;
  #integerHint;
  #buffers;
  #text = '';
  #textAt = 0;
  /** @type {string[]} */
  #list = [];
  #listAt = 0;
  #at;

  /**
   * @param {ChunkHeader} header
   * @param {Shape} shape
   * @param {RowFormat} format
   */
  constructor(
    { bytes, view, rows, columnsBytes },
    { names, hasProto },
    { rowMode, readBigInts, integerHint, buffers },
  ) {
    this.rowsLeft = rows;
    this.#bytes = bytes;
    this.#view = view;
    this.#names = names;
    this.#hasProto = hasProto;
    this.#asArray = rowMode === 'array';
    this.#readBigInts = readBigInts;
    this.#integerHint = integerHint;
    this.#buffers = buffers;
    const textAt = HEADER_BYTES + columnsBytes;
    const textEnd = textAt + view.getUint32(32);
    if (textEnd > textAt) {
      this.#text = decoder(view, 36).call(bytes, textAt, textEnd);
    }
    const listEnd = textEnd + view.getUint32(40);
    if (listEnd > textEnd) {
      this.#list = JSON.parse(decoder(view, 37).call(bytes, textEnd, listEnd));
    }
    this.#at = listEnd;
  }

  /**
   * Appends the next rows.
   *
   * @param {unknown[]} rows
   * @param {number} count
   */
  read(rows, count) {
    const end = Math.min(count, this.rowsLeft);
    for (let done = 0; done < end; done += 1) {
      rows.push(this.next());
    }
  }

  /** The next row; there must be one. */
  next() {
    this.rowsLeft -= 1;
    return this.#asArray ? this.#array() : this.#object();
  }

  #array() {
    const names = this.#names;
    /** @type {unknown[]} */
    const row = [];
    for (let column = 0; column < names.length; column += 1) {
      row.push(this.#cell(column));
    }
    return row;
  }

  #object() {
    const names = this.#names;
    /** @type {Record<string, unknown>} */
    const row = {};
    for (let column = 0; column < names.length; column += 1) {
      const value = this.#cell(column);
      if (this.#hasProto && names[column] === '__proto__') {
        // An assignment would set the row's prototype, or do nothing.
        Object.defineProperty(row, '__proto__', {
          value,
          writable: true,
          enumerable: true,
          configurable: true,
        });
      } else {
        row[names[column]] = value;
      }
    }
    return row;
  }

  /**
   * @param {number} column For the message of an error.
   * @returns {null | number | bigint | string | Uint8Array}
   */
  #cell(column) {
    const at = this.#at + 1;
    switch (this.#bytes[at - 1]) {
      case NULL:
        this.#at = at;
        return null;
      case I8:
        this.#at = at + 1;
        return this.#integer(this.#view.getInt8(at));
      case I32:
        this.#at = at + 4;
        return this.#integer(this.#view.getInt32(at));
      case I64:
        this.#at = at + 8;
        return this.#int64(at, column);
      case REAL:
        this.#at = at + 8;
        return this.#view.getFloat64(at);
      case SHORT_TEXT: {
        this.#at = at + 4;
        const start = this.#textAt;
        this.#textAt = start + this.#view.getUint32(at);
        return this.#text.substring(start, this.#textAt);
      }
      case LISTED_TEXT:
        this.#at = at;
        this.#listAt += 1;
        return this.#list[this.#listAt - 1];
      case LONG_TEXT: {
        const end = at + 5 + this.#view.getUint32(at + 1);
        this.#at = end;
        return decoder(this.#view, at).call(this.#bytes, at + 5, end);
      }
      default: {
        const end = at + 4 + this.#view.getUint32(at);
        this.#at = end;
        // A copy, since a view would keep the whole chunk in memory.
        const blob = Uint8Array.prototype.slice.call(this.#bytes, at + 4, end);
        return this.#buffers ? Buffer.from(blob.buffer) : blob;
      }
    }
  }

  /** @param {number} value */
  #integer(value) {
    return this.#readBigInts ? BigInt(value) : value;
  }

  /**
   * @param {number} at
   * @param {number} column
   */
  #int64(at, column) {
    if (this.#readBigInts) {
      return this.#view.getBigInt64(at);
    }
    // Rounding cannot bring a value from outside the safe range into it.
    const value = this.#view.getInt32(at) * U32_SIZE + this.#view.getUint32(at + 4);
    if (!Number.isSafeInteger(value)) {
      const name = JSON.stringify(this.#names[column]);
      throw new BatonError(
        'ERR_OUT_OF_RANGE',
        `The column ${name} holds ${this.#view.getBigInt64(at)}, which a number cannot hold exactly. ` +
          (this.#integerHint ?? 'Pass { readBigInts: true } to read integers as bigint'),
      );
    }
    return value;
  }
}

module.exports = { ChunkHeader, RowReader, ShapeCache };

'use strict';

const { setImmediate: turn } = require('node:timers/promises');

const { allRows, batchResults, firstRow, runResult } = require('../../lib/results/results.js');
const { ChunkHeader, RowReader, ShapeCache } = require('../../lib/results/rows.js');
const { expectBytes } = require('../helpers.js');

const OBJECTS = { rowMode: 'object', readBigInts: false };
const ARRAYS = { rowMode: 'array', readBigInts: false };
const BIGINTS = { rowMode: 'array', readBigInts: true };

const u32 = (value) => Buffer.from(Uint32Array.of(value).buffer).swap32();
const sized = (write, ...args) => {
  const bytes = Buffer.alloc(8);
  bytes[write](...args);
  return bytes;
};

/** One cell as the addon writes it. Integers are bigints here, so that reals can be told apart. */
function cell(value) {
  if (value === null) {
    return Buffer.of(0);
  }
  if (typeof value === 'bigint') {
    if (value >= -128n && value < 128n) {
      return Buffer.of(1, Number(BigInt.asUintN(8, value)));
    }
    return value >= -(2n ** 31n) && value < 2n ** 31n
      ? Buffer.concat([Buffer.of(2), u32(Number(BigInt.asUintN(32, value)))])
      : Buffer.concat([Buffer.of(3), sized('writeBigInt64BE', value)]);
  }
  if (typeof value === 'number') {
    return Buffer.concat([Buffer.of(4), sized('writeDoubleBE', value)]);
  }
  if (typeof value === 'string') {
    const bytes = Buffer.from(value);
    const parts = {
      short: [5, u32(value.length)],
      listed: [7],
      long: [8, isAscii(bytes), u32(bytes.length), bytes],
    };
    return Buffer.concat(
      parts[travel(value)].map((part) => (typeof part === 'number' ? Buffer.of(part) : part)),
    );
  }
  return Buffer.concat([Buffer.of(6), u32(value.length), value]);
}

const isAscii = (bytes) => Number([...bytes].every((byte) => byte < 128));

/** How a text travels. */
function travel(value) {
  return Buffer.byteLength(value) >= 40 ? 'long' : value.length >= 13 ? 'listed' : 'short';
}

/** A chunk as the addon writes it, at an odd place of a larger buffer. */
function chunk(columns, rows, { cursor = 0, changes = 0, rowid = 0n, isFirst = true } = {}) {
  const names = isFirst && columns.length > 0 ? Buffer.from(JSON.stringify(columns)) : Buffer.alloc(0);
  const strings = (how) => rows.flat().filter((value) => typeof value === 'string' && travel(value) === how);
  const text = Buffer.from(strings('short').join(''));
  const listed = strings('listed');
  const list = Buffer.from(listed.length > 0 ? JSON.stringify(listed) : '');
  const parts = [
    u32(rows.length),
    u32(cursor),
    sized('writeDoubleBE', changes),
    sized('writeBigInt64BE', rowid),
    u32(names.length),
    u32(columns.length),
    u32(text.length),
    Buffer.of(isAscii(text), isAscii(list), 0, 0),
    u32(list.length),
    names,
    text,
    list,
    ...rows.flat().map(cell),
  ];
  const bytes = Buffer.concat([Buffer.of(1, 2, 3), ...parts, Buffer.of(9)]);
  return new Uint8Array(bytes.buffer, bytes.byteOffset + 3, bytes.length - 4);
}

const decode = (answer, format = ARRAYS) => allRows(answer, new ShapeCache(), format);

/** The cells of one row, with integers as bigints, so that nothing is lost. */
const oneRow = async (row) =>
  (
    await decode(
      chunk(
        row.map((_, index) => `c${index}`),
        [row],
      ),
      BIGINTS,
    )
  )[0];

test('every kind of value comes out as it went in', async () => {
  const integers = [0n, 1n, -1n, 127n, -128n, 128n, -129n, 2n ** 31n - 1n, -(2n ** 31n), 2n ** 31n];
  expect(await oneRow(integers)).toEqual(integers);
  const limits = [2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)];
  expect(await oneRow(limits)).toEqual(limits);
  const reals = [0, -0, 1.5, -1e300, Infinity, -Infinity, Number.MIN_VALUE];
  expect(await oneRow(reals)).toEqual(reals);
  expect(await oneRow([null, '', 'text', null])).toEqual([null, '', 'text', null]);
});

test('safe integers are numbers unless bigints are asked for', async () => {
  const row = [1n, -300n, 2n ** 32n, 2n ** 53n - 1n, -(2n ** 53n) + 1n];
  expect(await decode(chunk(['a', 'b', 'c', 'd', 'e'], [row]))).toEqual([row.map(Number)]);
});

test.each([2n ** 53n, -(2n ** 53n), 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)])(
  'the integer %d is refused with the name of its column and what to do',
  async (value) => {
    const answer = chunk(['fine', 'too "big"'], [[1n, value]]);
    await expect(decode(answer)).rejects.toMatchObject({
      code: 'ERR_OUT_OF_RANGE',
      message: expect.stringContaining(`"too \\"big\\"" holds ${value},`),
    });
    await expect(decode(answer)).rejects.toThrow('readBigInts: true');
  },
);

test('text of one and of several bytes a character is cut at the right places', async () => {
  const ascii = [
    ['one', 'two'],
    ['', 'four'],
  ];
  expect(await decode(chunk(['a', 'b'], ascii))).toEqual(ascii);
  const unicode = [
    ['é', '漢字', '😀!'],
    ['', '\ufeffbom', 'a\0b'],
  ];
  expect(await decode(chunk(['a', 'b', 'c'], unicode))).toEqual(unicode);
});

test('a blob is a copy of its own, and a Uint8Array', async () => {
  const answer = chunk(['b', 'e'], [[Buffer.from([1, 2, 3]), Buffer.alloc(0)]]);
  const [[blob, empty]] = await decode(answer);
  expectBytes(blob, [1, 2, 3]);
  expectBytes(empty, []);
  expect(Buffer.isBuffer(blob)).toBe(false);
  answer.fill(0);
  expectBytes(blob, [1, 2, 3]);
  expect(blob.buffer.byteLength).toBe(3);
});

describe('rows as objects', () => {
  test('have the columns in order, the last one of those with one name', async () => {
    const [row] = await decode(chunk(['b', 'a', 'b'], [[1n, 2n, 3n]]), OBJECTS);
    expect(Object.entries(row)).toEqual([
      ['b', 3],
      ['a', 2],
    ]);
  });

  test('take no column for a prototype', async () => {
    const [row] = await decode(chunk(['__proto__', 'constructor'], [['x', 'y']]), OBJECTS);
    expect(Object.entries(row)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
    expect(Object.getPrototypeOf(Object.getPrototypeOf(row))).toBe(null);
  });

  test('have names of any characters', async () => {
    const names = ['größe', '', '漢', 'a"b', '1', 'count(*)'];
    const [row] = await decode(chunk(names, [[1n, 2n, 3n, 4n, 5n, 6n]]), OBJECTS);
    expect(names.map((name) => row[name])).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

describe('an answer', () => {
  test('of several chunks names its columns once', async () => {
    const answer = [
      chunk(['a', 'é'], [[1n, 'x']], { cursor: 1 }),
      chunk(['a', 'é'], [[2n, 'ü']], { isFirst: false }),
      chunk(['a', 'é'], [], { isFirst: false }),
    ];
    expect(await decode(answer, OBJECTS)).toEqual([
      { a: 1, é: 'x' },
      { a: 2, é: 'ü' },
    ]);
  });

  test('without rows is an empty list, and no first row', async () => {
    const answer = chunk(['a'], []);
    expect(await decode(answer)).toEqual([]);
    expect(firstRow(new ChunkHeader(answer), new ShapeCache(), OBJECTS)).toBeUndefined();
    expect(await decode(chunk([], []))).toEqual([]);
  });

  test('knows its first row', () => {
    const answer = chunk(['a'], [['x'], ['y']]);
    expect(firstRow(new ChunkHeader(answer), new ShapeCache(), OBJECTS)).toEqual({ a: 'x' });
    expect(firstRow(new ChunkHeader(answer), new ShapeCache(), ARRAYS)).toEqual(['x']);
  });

  test('tells changes, and the last rowid as a number where that is exact', () => {
    const result = (rowid, format) =>
      runResult(new ChunkHeader(chunk([], [], { changes: 3e9, rowid })), format);
    expect(result(7n, OBJECTS)).toEqual({ changes: 3e9, lastInsertRowid: 7 });
    expect(result(-(2n ** 53n) + 1n, OBJECTS).lastInsertRowid).toBe(Number.MIN_SAFE_INTEGER);
    expect(result(2n ** 53n, OBJECTS).lastInsertRowid).toBe(2n ** 53n);
    expect(result(7n, BIGINTS)).toEqual({ changes: 3e9, lastInsertRowid: 7n });
  });

  test('of a batch has all of it for each statement', async () => {
    const answers = [chunk([], [], { changes: 1, rowid: 5n }), chunk(['n'], [[1n], [2n]], { rowid: 5n })];
    expect(await batchResults(answers, new ShapeCache(), OBJECTS)).toEqual([
      { changes: 1, lastInsertRowid: 5, columns: [], rows: [] },
      { changes: 0, lastInsertRowid: 5, columns: ['n'], rows: [{ n: 1 }, { n: 2 }] },
    ]);
  });
});

test('the names of a repeated query are parsed once, and those of very many queries forgotten', () => {
  const shapes = new ShapeCache();
  const shapeOf = (columns) => shapes.get(new ChunkHeader(chunk(columns, [])));
  expect(shapeOf(['a', 'b'])).toBe(shapeOf(['a', 'b']));
  expect(shapeOf(['a,b'])).not.toBe(shapeOf(['a', 'b']));
  const first = shapeOf(['first']);
  for (let index = 0; index < 256; index += 1) {
    shapeOf([`column ${index}`]);
  }
  expect(shapeOf(['first'])).not.toBe(first);
  expect(shapeOf(['first'])).toEqual(first);
});

test('a reader reads as many rows as it is asked for', () => {
  const header = new ChunkHeader(chunk(['n'], [[1n], [2n], [3n]]));
  const reader = new RowReader(header, new ShapeCache().get(header), ARRAYS);
  const rows = [];
  reader.read(rows, 2);
  expect([rows, reader.rowsLeft]).toEqual([[[1], [2]], 1]);
  reader.read(rows, 2);
  expect([rows, reader.rowsLeft]).toEqual([[[1], [2], [3]], 0]);
});

test('large answers are decoded in slices, between which the event loop turns', async () => {
  const rows = Array.from({ length: 100_000 }, (_, index) => [BigInt(index), `row ${index}`]);
  const answer = chunk(['id', 'text'], rows);
  const done = [0, 1].map(() => decode(answer, OBJECTS));
  let turns = 0;
  const finished = Promise.all(done).then(() => true);
  while (!(await Promise.race([finished, turn(false)]))) {
    turns += 1;
  }
  expect(turns).toBeGreaterThan(2);
  for (const decoded of await Promise.all(done)) {
    expect(decoded).toHaveLength(rows.length);
    expect(decoded[99_999]).toEqual({ id: 99_999, text: 'row 99999' });
  }
});

'use strict';

const { PageSet } = require('../..');

const pages = [1, 2, 7, 4294967295];
const data = Uint8Array.from({ length: pages.length * 4 }, (_, index) => index >> 2);
const set = new PageSet({ headTxid: 5n, pageSize: 4, pages: Uint32Array.from(pages), data });

test('knows its size, head and page size', () => {
  expect(set).toMatchObject({ size: 4, headTxid: 5n, pageSize: 4 });
  expect(set.data).toBe(data);
});

test('finds each of its pages and no other', () => {
  for (const [index, number] of pages.entries()) {
    expect(set.has(number)).toBe(true);
    expect([...set.get(number)]).toEqual(Array(4).fill(index));
  }
  for (const absent of [0, 3, 6, 8, 4294967294, 4294967296, -1, 1.5, NaN, Infinity, undefined, '1', 1n]) {
    expect(set.has(absent)).toBe(false);
    expect(set.get(absent)).toBeUndefined();
  }
});

test('iterates in ascending order', () => {
  expect([...set.keys()]).toEqual(pages);
  expect([...set].map(([page, bytes]) => [page, bytes[0]])).toEqual([
    [1, 0],
    [2, 1],
    [7, 2],
    [4294967295, 3],
  ]);
  expect(new Map(set).get(7)).toHaveLength(4);
});

test('gives views of its data, not copies', () => {
  const view = set.get(2);
  expect(view.buffer).toBe(data.buffer);
  expect(view.byteOffset).toBe(4);
});

test('may be empty', () => {
  const empty = new PageSet({
    headTxid: 0n,
    pageSize: 4096,
    pages: new Uint32Array(),
    data: new Uint8Array(),
  });
  expect(empty.size).toBe(0);
  expect([...empty]).toEqual([]);
  expect(empty.get(1)).toBeUndefined();
});

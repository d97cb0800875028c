'use strict';

const { Store } = require('../..');
const { expectRefusal, page, rejection } = require('../helpers.js');

const INVALID = 'ERR_INVALID_ARG';
const RANGE = 'ERR_OUT_OF_RANGE';

let store;
beforeAll(async () => {
  store = await Store.open({ memory: true });
});
afterAll(() => store.close());

class Custom {}

describe('Store.open refuses', () => {
  test.each([
    [undefined, INVALID, ['"options"', 'undefined']],
    [null, INVALID, ['"options"', 'null']],
    ['/tmp/x', INVALID, ['"options"', "type string ('/tmp/x')"]],
    [[], INVALID, ['"options"', 'an instance of Array']],
    [{}, INVALID, ['"path"', '"memory"', '"foundationdb"', 'none']],
    [{ path: '/tmp/x', memory: true }, INVALID, ['"path" and "memory"']],
    [{ path: 'x', memory: true, foundationdb: {} }, INVALID, ['"path" and "memory" and "foundationdb"']],
    [{ path: '/tmp/x', durabilty: 'strict' }, INVALID, ["'durabilty'", '"durability"']],
    [{ memory: true, mem: 1 }, INVALID, ["'mem'"]],
    [{ memory: false }, INVALID, ['options.memory', 'false']],
    [{ memory: 1 }, INVALID, ['options.memory', 'type number (1)']],
    [{ memory: true, durability: 'strict' }, INVALID, ['options.durability', '"memory"']],
    [{ memory: true, maxSizeBytes: 1 }, INVALID, ['options.maxSizeBytes', '"memory"']],
    [
      { foundationdb: { prefix: 'p' }, durability: 'strict' },
      INVALID,
      ['options.durability', '"foundationdb"'],
    ],
    [{ foundationdb: true }, INVALID, ['options.foundationdb', 'true']],
    [{ foundationdb: null }, INVALID, ['options.foundationdb', 'null']],
    [{ path: '' }, INVALID, ['options.path', "''"]],
    [{ path: 5 }, INVALID, ['options.path', 'type number (5)']],
    [{ path: null }, INVALID, ['options.path', 'null']],
    [{ path: 'a\0b' }, INVALID, ['options.path', 'null bytes', 'a\\x00b']],
    [{ path: 'a\ud800' }, INVALID, ['options.path', 'surrogates', '\\uD800']],
    [{ path: 'x', durability: 'sometimes' }, INVALID, ['options.durability', "'sometimes'"]],
    [{ path: 'x', durability: true }, INVALID, ['options.durability', 'true']],
    [{ path: 'x', maxSizeBytes: '1' }, INVALID, ['options.maxSizeBytes', "type string ('1')"]],
    [{ path: 'x', maxSizeBytes: 1n }, INVALID, ['options.maxSizeBytes', '1n']],
    [{ path: 'x', cacheBytes: '1' }, INVALID, ['options.cacheBytes', "type string ('1')"]],
    [{ memory: true, cacheBytes: -1 }, 'ERR_OUT_OF_RANGE', ['options.cacheBytes', '-1']],
    ...[0, -1, 2_000_000.5, NaN, Infinity, 2 ** 53, 1_048_575].map((value) => [
      { path: 'x', maxSizeBytes: value },
      RANGE,
      ['options.maxSizeBytes', String(value)],
    ]),
  ])('%p', (options, code, fragments) => expectRefusal(() => Store.open(options), code, ...fragments));
});

describe('Store.open refuses a cluster with', () => {
  const at = (name) => `options.foundationdb.${name}`;

  test.each([
    [{}, INVALID, [at('prefix'), 'of type string', 'undefined']],
    [{ prefix: undefined }, INVALID, [at('prefix'), 'undefined']],
    [{ prefix: '' }, INVALID, [at('prefix'), 'non-empty', "''"]],
    [{ prefix: 5 }, INVALID, [at('prefix'), 'type number (5)']],
    [{ prefix: 'a\ud800' }, INVALID, [at('prefix'), 'surrogates']],
    [{ prefix: 'x'.repeat(257) }, INVALID, [at('prefix'), '257', '256 bytes']],
    [{ prefix: '\u00e9'.repeat(129) }, INVALID, [at('prefix'), '258', '256 bytes']],
    [{ prefix: 'p', prefx: 'p' }, INVALID, ['options.foundationdb', "'prefx'", '"clusterFile"']],
    [{ prefix: 'p', clusterFile: 5 }, INVALID, [at('clusterFile'), 'type number (5)']],
    [{ prefix: 'p', clusterFile: '' }, INVALID, [at('clusterFile'), "''"]],
    [{ prefix: 'p', clusterFile: 'a\0b' }, INVALID, [at('clusterFile'), 'null bytes']],
    [{ prefix: 'p', clientLibrary: {} }, INVALID, [at('clientLibrary'), '{}']],
    [{ prefix: 'p', clientLibrary: '' }, INVALID, [at('clientLibrary'), "''"]],
    [{ prefix: 'p', timeoutMs: '100' }, INVALID, [at('timeoutMs'), "type string ('100')"]],
    [{ prefix: 'p', retryLimit: null }, INVALID, [at('retryLimit'), 'null']],
    [{ prefix: 'p', transactionBytes: 1n }, INVALID, [at('transactionBytes'), '1n']],
    ...[0, -1, 99, 100.5, NaN, Infinity, 600_001].map((value) => [
      { prefix: 'p', timeoutMs: value },
      RANGE,
      [at('timeoutMs'), '100 to 600000', String(value)],
    ]),
    ...[-1, 0.5, NaN, 1_001].map((value) => [
      { prefix: 'p', retryLimit: value },
      RANGE,
      [at('retryLimit'), '0 to 1000', String(value)],
    ]),
    ...[0, 99_999, 100_000.5, 5_000_001].map((value) => [
      { prefix: 'p', transactionBytes: value },
      RANGE,
      [at('transactionBytes'), '100000 to 5000000', String(value)],
    ]),
  ])('%p', (foundationdb, code, fragments) =>
    expectRefusal(() => Store.open({ foundationdb }), code, ...fragments),
  );

  test('a page cache of less than nothing', () =>
    expectRefusal(
      () => Store.open({ foundationdb: { prefix: 'p' }, cacheBytes: -1 }),
      RANGE,
      'options.cacheBytes',
    ));
});

describe('an actor id must be a non-empty well-formed string of at most 256 bytes', () => {
  const calls = [
    ['loadStartup', (id) => store.loadStartup(id)],
    ['getPages', (id) => store.getPages(id, { generation: 1n, pages: [1] })],
    ['commit', (id) => store.commit(id, { generation: 1n, headTxid: 0n, sizePages: 0, pages: [] })],
    ['stat', (id) => store.stat(id)],
    ['delete', (id) => store.delete(id)],
    ['importFrom', (id) => store.importFrom(id, 'x.sqlite')],
    ['exportTo', (id) => store.exportTo(id, 'x.sqlite')],
  ];
  const ids = [
    [undefined, 'undefined'],
    [null, 'null'],
    [5, 'type number (5)'],
    [5n, '5n'],
    [Symbol('s'), 'Symbol(s)'],
    [['a'], 'an instance of Array'],
    [new Custom(), 'an instance of Custom'],
    [{}, '{}'],
    [() => {}, 'function'],
    ['', "''"],
    ['\ud800', '\\uD800'],
    ['a\udc00b', '\\uDC00'],
    ['x'.repeat(257), '257 bytes'],
    ['\u00e9'.repeat(129), '258 bytes'],
  ];
  describe.each(calls)('%s', (_name, call) => {
    test.each(ids)('refuses %p', (id, fragment) =>
      expectRefusal(() => call(id), INVALID, 'actorId', fragment),
    );
  });

  test('and may be 256 bytes', async () => {
    expect(await store.stat('\u00e9'.repeat(128))).toBeUndefined();
  });
});

describe('loadStartup refuses', () => {
  test.each([
    [5, INVALID, ['"options"', '5']],
    [{ prelod: {} }, INVALID, ['"options"', "'prelod'", '"preload"']],
    [{ preload: [] }, INVALID, ['options.preload', 'an instance of Array']],
    [{ preload: { page: [1] } }, INVALID, ['options.preload', "'page'"]],
    [{ preload: { pages: 1 } }, INVALID, ['options.preload.pages', '1']],
    [{ preload: { pages: 'abc' } }, INVALID, ['options.preload.pages', "'abc'"]],
    [
      { preload: { pages: new DataView(new ArrayBuffer(4)) } },
      INVALID,
      ['options.preload.pages', 'DataView'],
    ],
    [{ preload: { pages: [1, '2'] } }, INVALID, ['options.preload.pages[1]', "'2'"]],
    [{ preload: { pages: [1n] } }, INVALID, ['options.preload.pages[0]', '1n']],
    [{ preload: { pages: [, 1] } }, INVALID, ['options.preload.pages[0]', 'undefined']],
    [{ preload: { pages: new Array(2 ** 32 - 1) } }, INVALID, ['options.preload.pages[0]', 'undefined']],
    [{ preload: { ranges: [, { start: 1, end: 2 }] } }, INVALID, ['options.preload.ranges[0]', 'undefined']],
    [{ preload: { pages: { constructor: { name: Symbol('odd') } } } }, INVALID, ['options.preload.pages']],
    ...[0, -1, 1.5, NaN, 2 ** 32, Infinity].map((value) => [
      { preload: { pages: [1, value] } },
      RANGE,
      ['options.preload.pages[1]', String(value), '4294967295'],
    ]),
    [{ preload: { ranges: { start: 1, end: 2 } } }, INVALID, ['options.preload.ranges', 'start']],
    [{ preload: { ranges: [[1, 2]] } }, INVALID, ['options.preload.ranges[0]', 'Array']],
    [{ preload: { ranges: [{ start: 1 }] } }, INVALID, ['options.preload.ranges[0].end', 'undefined']],
    [{ preload: { ranges: [{ start: 1, stop: 2 }] } }, INVALID, ['options.preload.ranges[0]', "'stop'"]],
    [
      { preload: { ranges: [{ start: 0, end: 2 }] } },
      RANGE,
      ['options.preload.ranges[0].start', 'Received 0'],
    ],
    [
      { preload: { ranges: [{ start: 5, end: 4 }] } },
      RANGE,
      ['options.preload.ranges[0].end', '5', 'Received 4'],
    ],
    [{ preload: { ranges: [{ start: 1, end: 2 ** 32 }] } }, RANGE, ['ranges[0].end', '4294967296']],
    [{ preload: { hints: 'yes' } }, INVALID, ['options.preload.hints', "'yes'"]],
    [{ preload: { maxBytes: '1' } }, INVALID, ['options.preload.maxBytes', "'1'"]],
    ...[-1, 0.5, NaN, 2 ** 32].map((value) => [
      { preload: { maxBytes: value } },
      RANGE,
      ['options.preload.maxBytes', String(value)],
    ]),
    [{ signal: {} }, INVALID, ['options.signal', 'AbortSignal', '{}']],
    [{ signal: null }, INVALID, ['options.signal', 'null']],
  ])('%p', (options, code, fragments) =>
    expectRefusal(() => store.loadStartup('bad', options), code, ...fragments),
  );

  test('without taking the actor over', async () => {
    expect(await store.stat('bad')).toBeUndefined();
  });
});

const BIGINTS = [
  [undefined, INVALID, ['undefined', 'bigint']],
  [null, INVALID, ['null']],
  [1, INVALID, ['pass 1n, not 1', 'type number (1)']],
  [1.5, INVALID, ['1.5']],
  ['1', INVALID, ["type string ('1')"]],
  [-1n, RANGE, ['-1n', '18446744073709551615n']],
  [2n ** 64n, RANGE, ['18446744073709551616n']],
];

describe('getPages refuses', () => {
  const good = { generation: 1n, pages: [1] };

  test.each([
    [undefined, INVALID, ['"request"', 'undefined']],
    [{ ...good, page: 1 }, INVALID, ['"request"', "'page'"]],
    [{ generation: 1n }, INVALID, ['request.pages', 'undefined']],
    [{ ...good, pages: [0] }, RANGE, ['request.pages[0]', 'Received 0']],
    [{ ...good, pages: [1, 4294967296] }, RANGE, ['request.pages[1]', '4294967296']],
    [{ ...good, pages: new Float64Array([1, 0.5]) }, RANGE, ['request.pages[1]', '0.5']],
    [{ ...good, headTxid: 1 }, INVALID, ['request.headTxid', 'pass 1n']],
    [{ ...good, headTxid: 2n ** 64n }, RANGE, ['request.headTxid', '18446744073709551616n']],
    [{ ...good, signal: 'stop' }, INVALID, ['request.signal', "'stop'"]],
  ])('%p', (request, code, fragments) =>
    expectRefusal(() => store.getPages('a', request), code, ...fragments),
  );

  test.each(BIGINTS)('a generation of %p', (generation, code, fragments) =>
    expectRefusal(
      () => store.getPages('a', { ...good, generation }),
      code,
      'request.generation',
      ...fragments,
    ),
  );
});

describe('commit refuses', () => {
  const good = { generation: 1n, headTxid: 0n, sizePages: 1, pages: [] };
  const commit = (request) => () => store.commit('a', request);
  const detached = () => {
    const data = page(1);
    structuredClone(data, { transfer: [data.buffer] });
    return data;
  };

  test.each(BIGINTS)('a generation or head of %p', async (value, code, fragments) => {
    await expectRefusal(commit({ ...good, generation: value }), code, 'request.generation', ...fragments);
    await expectRefusal(commit({ ...good, headTxid: value }), code, 'request.headTxid', ...fragments);
  });

  test.each([
    [undefined, INVALID, ['"request"', 'undefined']],
    [{ ...good, sizePage: 1 }, INVALID, ['"request"', "'sizePage'"]],
    [{ ...good, sizePages: undefined }, INVALID, ['request.sizePages', 'undefined']],
    [{ ...good, sizePages: 1n }, INVALID, ['request.sizePages', '1n']],
    ...[-1, 0.5, NaN, Infinity, 4294967296].map((value) => [
      { ...good, sizePages: value },
      RANGE,
      ['request.sizePages', String(value)],
    ]),
    [{ ...good, pages: undefined }, INVALID, ['request.pages', 'undefined']],
    [{ ...good, pages: new Map() }, INVALID, ['request.pages', 'an instance of Map']],
    [{ ...good, pages: new Array(1) }, INVALID, ['request.pages[0]', 'undefined']],
    // Four billion holes: without a byte taken for each of them.
    [{ ...good, pages: new Array(2 ** 32 - 1) }, INVALID, ['request.pages[0]', 'undefined']],
    [{ ...good, signal: 1 }, INVALID, ['request.signal', '1']],
  ])('%p', (request, code, fragments) => expectRefusal(commit(request), code, ...fragments));

  test.each([
    ['nothing', null, INVALID, ['request.pages[1]', 'null']],
    ['a pair', [2, page(1)], INVALID, ['request.pages[1]', 'Array']],
    ['a misspelt property', { page: 2, bytes: page(1) }, INVALID, ['request.pages[1]', "'bytes'"]],
    ['page 0', { page: 0, data: page(1) }, RANGE, ['request.pages[1].page', 'Received 0']],
    ['page -1', { page: -1, data: page(1) }, RANGE, ['request.pages[1].page', 'Received -1']],
    ['page 1.5', { page: 1.5, data: page(1) }, RANGE, ['request.pages[1].page', 'Received 1.5']],
    ['page NaN', { page: NaN, data: page(1) }, RANGE, ['request.pages[1].page', 'Received NaN']],
    ['page 2^32', { page: 2 ** 32, data: page(1) }, RANGE, ['request.pages[1].page', '4294967296']],
    ['page "2"', { page: '2', data: page(1) }, INVALID, ['request.pages[1].page', "'2'"]],
    [
      'a page twice',
      { page: 1, data: page(1) },
      INVALID,
      ['request.pages[1].page', 'request.pages[0].page', '1 twice'],
    ],
    ['no data', { page: 2 }, INVALID, ['request.pages[1].data', 'undefined']],
    ['an array', { page: 2, data: [1, 2] }, INVALID, ['request.pages[1].data', 'an instance of Array']],
    [
      'an ArrayBuffer',
      { page: 2, data: new ArrayBuffer(4096) },
      INVALID,
      ['request.pages[1].data', 'ArrayBuffer'],
    ],
    [
      'another length',
      { page: 2, data: page(1, 512) },
      INVALID,
      ['request.pages[1].data', '4096', '512 bytes'],
    ],
    [
      'a detached buffer',
      { page: 2, data: detached() },
      INVALID,
      ['request.pages[1].data', '0 bytes', 'detached'],
    ],
  ])('%s among its pages', (_name, entry, code, fragments) =>
    expectRefusal(commit({ ...good, pages: [{ page: 1, data: page(1) }, entry] }), code, ...fragments),
  );

  test.each([0, 1, 256, 511, 513, 4095, 4097, 6144, 131_072])('a page of %i bytes', (length) =>
    expectRefusal(
      commit({ ...good, pages: [{ page: 1, data: new Uint8Array(length) }] }),
      INVALID,
      'request.pages[0].data',
      `${length} bytes`,
      '512 to 65536',
    ),
  );

  test('a page past the size of the database', async () => {
    const { generation } = await store.loadStartup('past');
    const pages = [{ page: 2, data: page(1) }];
    const error = await rejection(store.commit('past', { generation, headTxid: 0n, sizePages: 1, pages }));
    expect(['ERR_INVALID_ARG', 'ERR_OUT_OF_RANGE']).toContain(error.code);
    expect(error.message).toMatch(/2/);
    expect((await store.stat('past')).headTxid).toBe(0n);
  });

  test('an onFenced that a getter changes after it was checked', async () => {
    let reads = 0;
    const options = {
      get onFenced() {
        reads += 1;
        return reads === 1 ? () => {} : 5;
      },
    };
    const db = await store.openDatabase('tricky', options);
    expect(reads).toBe(1);
    await db.close();
  });

  test('a buffer that a getter detaches while the request is read', async () => {
    const { generation } = await store.loadStartup('tricky');
    const first = page(1);
    const second = {
      get page() {
        structuredClone(first, { transfer: [first.buffer] });
        return 2;
      },
      data: page(2),
    };
    const error = await rejection(
      store.commit('tricky', {
        generation,
        headTxid: 0n,
        sizePages: 2,
        pages: [{ page: 1, data: first }, second],
      }),
    );
    expect(error.code).toBe(INVALID);
  });
});

describe('list and actors refuse', () => {
  test.each([
    ['room', INVALID, ['"options"', "'room'"]],
    [{ prefx: '' }, INVALID, ['"options"', "'prefx'"]],
    [{ prefix: 1 }, INVALID, ['options.prefix', '1']],
    [{ prefix: '\ud800' }, INVALID, ['options.prefix', 'surrogates']],
    [{ after: null }, INVALID, ['options.after', 'null']],
    [{ limit: '5' }, INVALID, ['options.limit', "'5'"]],
    ...[0, -1, 1.5, NaN, 2 ** 32].map((limit) => [{ limit }, RANGE, ['options.limit', String(limit)]]),
  ])('%p', async (options, code, fragments) => {
    await expectRefusal(() => store.list(options), code, ...fragments);
    await expectRefusal(() => store.actors(options).next(), code, ...fragments);
  });
});

describe('importFrom and exportTo refuse', () => {
  test.each([
    [undefined, ['undefined']],
    ['', ["''"]],
    [5, ['type number (5)']],
    [new URL('http://localhost/x'), ['http://localhost/x', 'scheme file']],
    ['file://elsewhere/x', ['file://elsewhere/x']],
    [new URL('file:///a%2Fb'), ['file:///a%2fb']],
    [new URL('file:///a%00b'), ['null']],
    [{}, ['{}']],
    [null, ['null']],
    ['a\0b', ['null bytes']],
  ])('a file of %p', async (file, fragments) => {
    await expectRefusal(() => store.importFrom('a', file), INVALID, '"file"', ...fragments);
    await expectRefusal(() => store.exportTo('a', file), INVALID, '"file"', ...fragments);
  });

  test.each([
    [true, ['"options"', 'true']],
    [{ overwrite: true }, ['"options"', "'overwrite'"]],
    [{ replace: 1 }, ['options.replace', '1']],
    [{ signal: 1 }, ['options.signal', '1']],
  ])('options of %p', (options, fragments) =>
    expectRefusal(() => store.importFrom('a', 'x.sqlite', options), INVALID, ...fragments),
  );

  test.each([
    [true, ['"options"', 'true']],
    [{ replace: true }, ['"options"', "'replace'"]],
    [{ overwrite: 1 }, ['options.overwrite', '1']],
  ])('options of an export, %p', (options, fragments) =>
    expectRefusal(() => store.exportTo('a', 'x.sqlite', options), INVALID, ...fragments),
  );
});

test('a store is not made with new', () => {
  expect(() => new Store({ memory: true })).toThrow(expect.objectContaining({ code: INVALID }));
});

test('a long value is shown shortened', async () => {
  const error = await rejection(store.stat(`${'y'.repeat(100_000)}\ud800`));
  expect(error.message.length).toBeLessThan(400);
  expect(error.message).toContain('yyyy');
});

'use strict';

const { Store } = require('../..');
const { expectRefusal, rejection } = require('../helpers.js');

const INVALID = 'ERR_INVALID_ARG';
const RANGE = 'ERR_OUT_OF_RANGE';

let store;
let db;
beforeAll(async () => {
  store = await Store.open({ memory: true });
  db = await store.openDatabase('a');
});
afterAll(() => store.close());

describe('openDatabase refuses', () => {
  test.each([
    [5, INVALID, ['"options"', '5']],
    [{ onFence: () => {} }, INVALID, ["'onFence'", '"onFenced"']],
    [{ preload: { page: [1] } }, INVALID, ['options.preload', "'page'"]],
    [{ preload: { hints: 1 } }, INVALID, ['options.preload.hints', '1']],
    [{ preload: { pages: [0] } }, RANGE, ['options.preload.pages[0]']],
    [{ readAhead: 1 }, INVALID, ['options.readAhead', '1']],
    [{ maxQueuedCalls: '5' }, INVALID, ['options.maxQueuedCalls', "'5'"]],
    ...[0, -1, 1.5, NaN, 2 ** 32].map((value) => [
      { maxQueuedCalls: value },
      RANGE,
      ['options.maxQueuedCalls', String(value)],
    ]),
    [{ transactionTimeoutMs: 5n }, INVALID, ['options.transactionTimeoutMs', '5n']],
    ...[0, -1, 0.5, Infinity, 2 ** 31].map((value) => [
      { transactionTimeoutMs: value },
      RANGE,
      ['options.transactionTimeoutMs', String(value), '2147483647'],
    ]),
    [{ onFenced: true }, INVALID, ['options.onFenced', 'a function', 'true']],
    [{ signal: {} }, INVALID, ['options.signal']],
  ])('%p', async (options, code, fragments) => {
    await expectRefusal(() => store.openDatabase('bad', options), code, ...fragments);
    expect(await store.stat('bad')).toBeUndefined();
  });

  test.each([
    [undefined, 'undefined'],
    ['', "''"],
    ['\ud800', '\\uD800'],
    ['x'.repeat(257), '257 bytes'],
  ])('the actor id %p', (id, fragment) =>
    expectRefusal(() => store.openDatabase(id), INVALID, 'actorId', fragment),
  );

  test('a signal that is aborted already', async () => {
    const options = { signal: AbortSignal.abort() };
    await expectRefusal(() => store.openDatabase('bad', options), 'ERR_ABORTED', 'nothing was done');
    expect(await store.stat('bad')).toBeUndefined();
  });
});

const withSql = [
  ['exec', (sql) => db.exec(sql)],
  ['run', (sql) => db.run(sql)],
  ['get', (sql) => db.get(sql)],
  ['all', (sql) => db.all(sql)],
  ['iterate', (sql) => db.iterate(sql).next()],
  ['prepare', (sql) => db.prepare(sql)],
];

describe.each(withSql)('%s refuses SQL that is', (_name, call) => {
  test.each([
    [undefined, ['"sql"', 'undefined']],
    [null, ['null']],
    [5, ['type number (5)']],
    [['SELECT 1'], ['Array']],
    ['SELECT 1\0', ['null bytes']],
    ["SELECT '\ud800'", ['surrogates']],
  ])('%p', (sql, fragments) => expectRefusal(() => call(sql), INVALID, ...fragments));
});

const withOptions = [
  ['run', (options) => db.run('SELECT 1', [], options)],
  ['get', (options) => db.get('SELECT 1', [], options)],
  ['all', (options) => db.all('SELECT 1', [], options)],
  ['iterate', (options) => db.iterate('SELECT 1', [], options).next()],
  ['batch', (options) => db.batch(['SELECT 1'], options)],
  ['Statement.all', async (options) => (await db.prepare('SELECT 1')).all([], options)],
];

describe.each(withOptions)('%s refuses options of', (_name, call) => {
  test.each([
    [null, INVALID, ['"options"', 'null']],
    ['array', INVALID, ['"options"', "'array'"]],
    [{ rowmode: 'array' }, INVALID, ["'rowmode'", '"rowMode"']],
    [{ rowMode: 'map' }, INVALID, ['options.rowMode', "'object' or 'array'", "'map'"]],
    [{ readBigInts: 1 }, INVALID, ['options.readBigInts', '1']],
    [{ signal: 5 }, INVALID, ['options.signal', '5']],
    [{ timeoutMs: '5' }, INVALID, ['options.timeoutMs', "'5'"]],
    ...[0, -1, 1.5, NaN, Infinity, 2 ** 31].map((timeoutMs) => [
      { timeoutMs },
      RANGE,
      ['options.timeoutMs', String(timeoutMs)],
    ]),
  ])('%p', (options, code, fragments) => expectRefusal(() => call(options), code, ...fragments));
});

test.each([
  ['exec', (options) => db.exec('SELECT 1', options)],
  ['prepare', (options) => db.prepare('SELECT 1', options)],
])('%s takes no options of rows', (_name, call) =>
  expectRefusal(() => call({ rowMode: 'array' }), INVALID, "'rowMode'"),
);

describe('batch refuses', () => {
  test.each([
    [undefined, ['"statements"', 'undefined']],
    ['SELECT 1', ['"statements"', "'SELECT 1'"]],
    [[5], ['"statements[0]"', '5']],
    [
      [, 'SELECT 1'],
      ['"statements[0]"', 'undefined'],
    ],
    [
      ['SELECT 1', { params: [] }],
      ['"statements[1].sql"', 'undefined'],
    ],
    [[{ sql: 'SELECT 1', args: [] }], ['"statements[0]"', "'args'"]],
    [[{ sql: 'SELECT 1\0' }], ['"statements[0].sql"', 'null bytes']],
    [[{ sql: 'SELECT ?', params: 5 }], ['"statements[0].params"', '5']],
    [
      ['SELECT 1', { sql: 'SELECT ?', params: [undefined] }],
      ['"statements[1].params[0]"', 'undefined'],
    ],
  ])('%p', (statements, fragments) => expectRefusal(() => db.batch(statements), INVALID, ...fragments));

  test('parameters that do not go with a statement, by its number', async () => {
    const error = await rejection(db.batch(['SELECT 1', { sql: 'SELECT ?', params: [] }]));
    expect(error).toMatchObject({ code: INVALID, statement: 1 });
  });
});

describe('transaction refuses', () => {
  test.each([[undefined], [null], ['BEGIN'], [{}]])('%p for a function', (fn) =>
    expectRefusal(() => db.transaction(fn), INVALID, '"fn"', 'a function'),
  );

  test.each([
    [{ behaviour: 'deferred' }, INVALID, ["'behaviour'", '"behavior"']],
    [{ behavior: 'concurrent' }, INVALID, ['options.behavior', "'concurrent'"]],
    [{ behavior: 0 }, INVALID, ['options.behavior', '0']],
    [{ timeoutMs: 0 }, RANGE, ['options.timeoutMs', '0']],
    [{ signal: null }, INVALID, ['options.signal', 'null']],
  ])('options of %p, without calling the function', async (options, code, fragments) => {
    const fn = jest.fn();
    await expectRefusal(() => db.transaction(fn, options), code, ...fragments);
    await db.transaction((tx) => expectRefusal(() => tx.transaction(fn, options), code, ...fragments));
    expect(fn).not.toHaveBeenCalled();
  });
});

test('parameters are refused with their name', async () => {
  await expectRefusal(() => db.all('SELECT ?', [new Date(0)]), INVALID, '"params[0]"', 'toISOString');
  await expectRefusal(() => db.get('SELECT :v', { v: undefined }), INVALID, '"params.v"', 'null');
  await expectRefusal(() => db.run('SELECT ?', [2n ** 63n]), RANGE, '"params[0]"', '9223372036854775808n');
});

'use strict';

const vm = require('node:vm');

const { encodeParams, encodeParamsList } = require('../../lib/arguments/parameters.js');

const INVALID = 'ERR_INVALID_ARG';
const RANGE = 'ERR_OUT_OF_RANGE';

/** What the addon reads: an independent decoder of the format. */
function decode(bytes) {
  const buffer = Buffer.from(bytes);
  let at = 5;
  const take = (length) => buffer.subarray(at, (at += length));
  const sized = () => take(take(4).readUInt32BE());
  const value = () => {
    const tag = take(1)[0];
    const readers = [
      () => null,
      () => take(8).readBigInt64BE(),
      () => take(8).readDoubleBE(),
      () => sized().toString('utf8'),
      () => [...sized()],
    ];
    return readers[tag]();
  };
  const isNamed = buffer[0] === 2;
  expect([1, 2]).toContain(buffer[0]);
  const entries = Array.from({ length: buffer.readUInt32BE(1) }, () =>
    isNamed ? [sized().toString('utf8'), value()] : value(),
  );
  expect(at).toBe(buffer.length);
  return isNamed ? Object.fromEntries(entries) : entries;
}

const roundTrip = (params) => decode(encodeParams(params));

/** The error that encoding throws. */
function refusal(params) {
  try {
    encodeParams(params);
  } catch (error) {
    return error;
  }
  throw new Error('expected an error');
}

describe('a value becomes', () => {
  const view = new Uint8Array([9, 1, 2, 3, 9]).subarray(1, 4);
  const shared = new Uint8Array(new SharedArrayBuffer(2)).fill(7);

  test.each([
    ['NULL for null', null, null],
    ['an integer for 0', 0, 0n],
    ['an integer for -1', -1, -1n],
    ['an integer for 2^31', 2 ** 31, 2n ** 31n],
    ['an integer for -(2^31) - 1', -(2 ** 31) - 1, -(2n ** 31n) - 1n],
    ['an integer for 2^32', 2 ** 32, 2n ** 32n],
    ['an integer for -(2^32)', -(2 ** 32), -(2n ** 32n)],
    ['an integer for the largest safe one', Number.MAX_SAFE_INTEGER, 2n ** 53n - 1n],
    ['an integer for the smallest safe one', Number.MIN_SAFE_INTEGER, -(2n ** 53n) + 1n],
    ['a real for 2^53', 2 ** 53, 2 ** 53],
    ['a real for a fraction', 0.1, 0.1],
    ['a real for -0', -0, -0],
    ['a real for Infinity', Infinity, Infinity],
    ['a real for -Infinity', -Infinity, -Infinity],
    ['a real for the smallest number', Number.MIN_VALUE, Number.MIN_VALUE],
    ['an integer for a bigint', 5n, 5n],
    ['an integer for 2^63 - 1', 2n ** 63n - 1n, 2n ** 63n - 1n],
    ['an integer for -(2^63)', -(2n ** 63n), -(2n ** 63n)],
    ['1 for true', true, 1n],
    ['0 for false', false, 0n],
    ['text for a string', 'hello', 'hello'],
    ['text for an empty string', '', ''],
    ['text for a null byte', 'a\0b', 'a\0b'],
    ['text for all of Unicode', 'é – 漢 😀', 'é – 漢 😀'],
    ['text for a long string of three bytes a character', '漢'.repeat(10_000), '漢'.repeat(10_000)],
    ['a blob for a Uint8Array', new Uint8Array([1, 2]), [1, 2]],
    ['a blob for a view of a part', view, [1, 2, 3]],
    ['a blob for a Buffer', Buffer.from('ab'), [97, 98]],
    ['a blob for a DataView', new DataView(new Uint8Array([5, 6]).buffer, 1), [6]],
    ['a blob for a Uint16Array, byte for byte', new Uint16Array(new Uint8Array([1, 2]).buffer), [1, 2]],
    ['a blob for an ArrayBuffer', new Uint8Array([3, 4]).buffer, [3, 4]],
    ['a blob for a view of shared memory', shared, [7, 7]],
    ['a blob for a SharedArrayBuffer', shared.buffer, [7, 7]],
    ['a blob for no bytes', new Uint8Array(0), []],
    ['a blob for bytes of another realm', vm.runInNewContext('new Uint8Array([8])'), [8]],
  ])('%s', (_name, value, expected) => {
    expect(roundTrip([value])).toEqual([expected]);
    expect(roundTrip({ v: value })).toEqual({ v: expected });
  });
});

describe('the whole', () => {
  test('is nothing without parameters', () => {
    expect(encodeParams(undefined)).toBeUndefined();
    expect(roundTrip([])).toEqual([]);
    expect(roundTrip({})).toEqual({});
  });

  test('keeps the order of an array', () => {
    expect(roundTrip([1, 'two', null, 3.5])).toEqual([1n, 'two', null, 3.5]);
  });

  test('takes names with and without their prefix, and those that are not ASCII', () => {
    expect(roundTrip({ a: 1, ':b': 2, '@c': 3, $d: 4, größe: 5 })).toEqual({
      a: 1n,
      b: 2n,
      c: 3n,
      d: 4n,
      größe: 5n,
    });
  });

  test('takes plain objects of any realm, and those without a prototype', () => {
    expect(roundTrip(Object.assign(Object.create(null), { a: 1 }))).toEqual({ a: 1n });
    expect(roundTrip(vm.runInNewContext('({ a: 1 })'))).toEqual({ a: 1n });
    expect(roundTrip(vm.runInNewContext('[1, 2]'))).toEqual([1n, 2n]);
  });

  test('grows beyond the scratch buffer', () => {
    const values = Array.from({ length: 5_000 }, (_, index) => `${index} ${'x'.repeat(index % 200)}`);
    expect(roundTrip(values)).toEqual(values);
    const large = new Uint8Array(3_000_000).fill(1);
    expect(encodeParams([large, 'after']).length).toBe(5 + 5 + large.length + 5 + 5);
    expect(roundTrip(['small again'])).toEqual(['small again']);
  });

  test('of a batch lies side by side, also where one of them makes the buffer grow', () => {
    const large = 'y'.repeat(50_000);
    const list = encodeParamsList([[1], undefined, { a: large }, ['z']], (index) => `s[${index}]`);
    expect(list.map((bytes) => bytes && decode(bytes))).toEqual([[1n], undefined, { a: large }, ['z']]);
  });

  test('survives a getter that encodes something else meanwhile', () => {
    const params = {
      a: 'before',
      get b() {
        encodeParams(['intruder', 'intruder', 'intruder']);
        return 'after';
      },
    };
    expect(roundTrip(params)).toEqual({ a: 'before', b: 'after' });
  });

  test('survives a value that was refused', () => {
    expect(refusal([1, undefined]).code).toBe(INVALID);
    expect(roundTrip([2])).toEqual([2n]);
  });
});

describe('refused with the name of the parameter', () => {
  class Custom {}
  const detached = () => {
    const data = new Uint8Array(4);
    structuredClone(data, { transfer: [data.buffer] });
    return data;
  };

  test.each([
    ['undefined', undefined, INVALID, ['undefined', "null for SQL's NULL"]],
    ['NaN', NaN, INVALID, ['NaN', 'pass null']],
    ['a lone surrogate', 'a\ud800', INVALID, ['surrogates']],
    ['2^63', 2n ** 63n, RANGE, ['9223372036854775807n', '9223372036854775808n']],
    ['-(2^63) - 1', -(2n ** 63n) - 1n, RANGE, ['-9223372036854775809n']],
    ['a date', new Date(0), INVALID, ['date.toISOString()', 'date.getTime()', 'Date']],
    ['a date of another realm', vm.runInNewContext('new Date(0)'), INVALID, ['date.getTime()']],
    ['an object', { x: 1 }, INVALID, ['JSON.stringify', '{ x: 1 }']],
    ['an array', [1], INVALID, ['JSON.stringify', 'Array']],
    ['an instance', new Custom(), INVALID, ['JSON.stringify', 'Custom']],
    ['a boxed number', Object(5), INVALID, ['Number']],
    ['a symbol', Symbol('s'), INVALID, ['Symbol(s)']],
    ['a function', () => 1, INVALID, ['function']],
    ['a view of a detached buffer', detached(), INVALID, ['detached']],
    ['a detached buffer', detached().buffer, INVALID, ['detached']],
  ])('%s', (_name, value, code, fragments) => {
    for (const [params, name] of [
      [[0, 0, value], 'params[2]'],
      [{ ok: 1, name: value }, 'params.name'],
      [{ 'odd name': value }, "params['odd name']"],
    ]) {
      const error = refusal(params);
      expect(error.code).toBe(code);
      for (const fragment of [`"${name}"`, ...fragments]) {
        expect(error.message).toContain(fragment);
      }
    }
  });

  test('a hole of a sparse array', () => {
    expect(refusal([, 1]).message).toContain('"params[0]"');
  });

  test('more bytes than SQLite takes', () => {
    const error = refusal([new ArrayBuffer(1_000_000_001)]);
    expect(error.code).toBe('ERR_TOO_LARGE');
    expect(error.message).toContain('1000000000 bytes');
  });

  test.each([[null], [5], ['a'], [true], [5n]])('the single value %p, with a hint', (params) => {
    const error = refusal(params);
    expect(error.code).toBe(INVALID);
    expect(error.message).toContain('a single value goes into an array');
  });

  test.each([[new Map()], [new Custom()], [new Uint8Array(1)], [new Date(0)]])('%p as a whole', (params) => {
    const error = refusal(params);
    expect(error.code).toBe(INVALID);
    expect(error.message).toContain('"params" argument must be an array');
  });

  test.each([[{ ':': 1 }], [{ '': 1 }], [{ $: 1 }], [{ 'a\ud800': 1 }]])(
    '%p, which has no name',
    (params) => {
      expect(refusal(params)).toMatchObject({
        code: INVALID,
        message: expect.stringContaining('named as in the SQL'),
      });
    },
  );

  test.each([[{ a: 1, ':a': 2 }], [{ ':a': 1, '@a': 2 }], [{ $a: 1, a: 2 }]])('%p, twice', (params) => {
    expect(refusal(params)).toMatchObject({ code: INVALID, message: expect.stringContaining("'a' twice") });
  });

  test('in a batch with the number of the statement', () => {
    expect(() => encodeParamsList([[1], [undefined]], (index) => `statements[${index}].params`)).toThrow(
      '"statements[1].params[0]"',
    );
  });
});

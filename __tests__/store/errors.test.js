'use strict';

const vm = require('node:vm');
const { inspect } = require('node:util');

const { BatonError, Store, isBatonError } = require('../..');
const { rejection } = require('../helpers.js');

describe('BatonError', () => {
  test('is an Error with a code, and only the fields that are known', () => {
    const error = new BatonError('ERR_FENCE_MISMATCH', 'too late', { actor: 'a', held: 1n, current: 2n });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'BatonError', message: 'too late', retryable: false });
    expect(Object.keys(error).sort()).toEqual(['actor', 'code', 'current', 'held', 'retryable']);
    expect(inspect(error)).toMatch(/^BatonError: too late\n[^]*code: 'ERR_FENCE_MISMATCH'[^]*current: 2n/);
  });

  test('keeps a cause, also one that is undefined', () => {
    const cause = new Error('why');
    expect(new BatonError('ERR_ABORTED', 'm', { cause }).cause).toBe(cause);
    expect('cause' in new BatonError('ERR_ABORTED', 'm', { cause: undefined })).toBe(true);
    expect('cause' in new BatonError('ERR_ABORTED', 'm')).toBe(false);
  });
});

describe('isBatonError', () => {
  const error = new BatonError('ERR_CLOSED', 'm');

  test('knows errors, by code if one is given', () => {
    expect(isBatonError(error)).toBe(true);
    expect(isBatonError(error, 'ERR_CLOSED')).toBe(true);
    expect(isBatonError(error, 'ERR_ABORTED')).toBe(false);
    expect(isBatonError(Object.assign(new Error('m'), { code: 'ERR_CLOSED' }), 'ERR_CLOSED')).toBe(false);
  });

  test.each([[undefined], [null], ['ERR_CLOSED'], [5], [{}], [new Error('m')], [Object.create(null)]])(
    'does not take %p for one',
    (value) => {
      expect(isBatonError(value)).toBe(false);
      expect(isBatonError(value, 'ERR_CLOSED')).toBe(false);
    },
  );

  test('knows errors of another copy of this package', () => {
    jest.isolateModules(() => {
      const other = require('../../lib/error.js');
      const foreign = new other.BatonError('ERR_CLOSED', 'm');
      expect(foreign).not.toBeInstanceOf(BatonError);
      expect(isBatonError(foreign, 'ERR_CLOSED')).toBe(true);
    });
  });

  test('knows errors of another realm', () => {
    const source = `(class extends Error { code = 'ERR_CLOSED'; get [Symbol.for('batondb.BatonError')]() { return true; } })`;
    const Foreign = vm.runInNewContext(source);
    expect(isBatonError(new Foreign('m'), 'ERR_CLOSED')).toBe(true);
    expect(new Foreign('m')).not.toBeInstanceOf(Error);
  });
});

describe('the stack of an error', () => {
  test('leads from a failure of the addon to the caller', async () => {
    const store = await Store.open({ memory: true });
    async function theCaller() {
      await store.delete('x'.repeat(257));
    }
    const error = await rejection(theCaller());
    expect(error.code).toBe('ERR_INVALID_ARG');
    expect(error.stack).toMatch(/at (async )?Store\.delete[^]*at (async )?theCaller/);
    await store.close();
  });

  test('leads to the caller with a signal, too', async () => {
    const store = await Store.open({ memory: true });
    const { signal } = new AbortController();
    async function theCaller() {
      await store.loadStartup('x'.repeat(257), { signal });
    }
    const error = await rejection(theCaller());
    expect(error.stack).toMatch(/at (async )?Store\.loadStartup[^]*at (async )?theCaller/);
    await store.close();
  });

  test('leads to the caller of open', async () => {
    async function theCaller() {
      await Store.open({ path: '/dev/null/store' });
    }
    const error = await rejection(theCaller());
    expect(error).toMatchObject({ code: 'ERR_UNAVAILABLE' });
    expect(error.message).toContain('/dev/null/store');
    expect(error.stack).toMatch(/at (async )?theCaller/);
  });
});

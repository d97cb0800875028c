'use strict';

const { randomBytes } = require('node:crypto');
const { cpSync, readdirSync, rmSync, statSync, truncateSync } = require('node:fs');
const { join } = require('node:path');

const { Store, isBatonError } = require('../..');
const { batondb } = require('../cli/helpers.js');
const { page, rejection, startWith, temporaryDirectory } = require('../helpers.js');
const { describeOnLinux } = require('./sharing-helpers.js');

const directory = temporaryDirectory();

/** A closed store with an actor of many pages. */
async function someStore(name) {
  const path = join(directory, name);
  const store = await Store.open({ path });
  await startWith(
    store,
    'a',
    Array.from({ length: 1_000 }, () => randomBytes(4096)),
  );
  await store.close();
  return path;
}

test('a store whose file was cut short is damaged, for the command line too', async () => {
  const path = await someStore('whole');
  const file = (place) => join(place, 'data.mdb');
  const whole = statSync(file(path)).size;
  for (const size of [Math.floor(whole / 2), 4096, 100]) {
    const cut = join(directory, `cut-${size}`);
    cpSync(path, cut, { recursive: true });
    truncateSync(file(cut), size);
    // In another process, which the system would end with SIGBUS.
    const listed = await batondb(['list', cut]);
    expect({ size, ...listed }).toMatchObject({ size, code: expect.any(Number) });
    expect(listed.stderr).toContain(String(size));
    const doctor = await batondb(['doctor', cut]);
    expect({ size, ...doctor }).toMatchObject({ size, code: expect.any(Number) });
    expect(doctor.code).not.toBe(0);
    const error = await rejection(Store.open({ path: cut }));
    expect(error).toMatchObject({ code: 'ERR_CORRUPT', retryable: false });
    expect(error.message).toContain(String(size));
    expect(statSync(file(cut)).size).toBe(size);
  }
});

describeOnLinux('files of a store that are gone', () => {
  /** What the next call does, after a pause long enough for the files to be looked at again. */
  const next = async (call) => {
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    return rejection(call());
  };

  test('a store whose directory is deleted acknowledges nothing any more', async () => {
    const path = join(directory, 'deleted');
    const store = await Store.open({ path });
    const database = await store.openDatabase('a');
    await database.exec('CREATE TABLE t (x)');
    rmSync(path, { recursive: true });
    const error = await next(() => database.run('INSERT INTO t VALUES (1)'));
    expect(error).toMatchObject({ code: 'ERR_UNAVAILABLE', retryable: false });
    expect(error.message).toContain('deleted or replaced');
    // Nor does a second opening meet the old store.
    const second = await Store.open({ path }).catch((reason) => reason);
    if (isBatonError(second)) {
      expect(second).toMatchObject({ code: 'ERR_UNAVAILABLE', retryable: false });
    } else {
      expect(await second.stat('a')).toBeUndefined();
      await second.close();
    }
    await store.close();
    const again = await Store.open({ path });
    expect(await again.stat('a')).toBeUndefined();
    await again.close();
  });

  test.each(['data.mdb', 'lock.mdb'])('%s is missed', async (name) => {
    const path = join(directory, `without-${name}`);
    const store = await Store.open({ path });
    const { generation, headTxid } = await startWith(store, 'a', [page(1)]);
    expect(readdirSync(path)).toContain(name);
    rmSync(join(path, name));
    const pages = [{ page: 1, data: page(2) }];
    const error = await next(() => store.commit('a', { generation, headTxid, sizePages: 1, pages }));
    expect(error).toMatchObject({ code: 'ERR_UNAVAILABLE', retryable: false });
    await store.close();
  });
});

'use strict';

const { randomBytes } = require('node:crypto');
const { closeSync, openSync, readFileSync, readSync, writeSync } = require('node:fs');
const { join } = require('node:path');

const { Store } = require('../..');
const { expectBytes, page, rejection, startWith, temporaryDirectory } = require('../helpers.js');

const directory = temporaryDirectory();

/** The stored page is the row's header of 11 bytes and the page: random bytes do not get smaller. */
const ROW_HEADER_BYTES = 11;

test('every byte of a stored page that changes on disk is told with actor, page and txid', async () => {
  const path = join(directory, 'flipped');
  const store = await Store.open({ path, durability: 'relaxed' });
  const data = randomBytes(2048);
  const { generation, headTxid } = await startWith(store, 'a', [data, page(7, 2048)]);
  const file = join(path, 'data.mdb');
  const start = readFileSync(file).indexOf(data) - ROW_HEADER_BYTES;
  expect(start).toBeGreaterThan(0);

  const descriptor = openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  for (let position = start; position < start + ROW_HEADER_BYTES + data.length; position += 1) {
    readSync(descriptor, byte, 0, 1, position);
    const good = byte[0];
    byte[0] = good ^ (1 << (position % 8));
    writeSync(descriptor, byte, 0, 1, position);
    const error = await rejection(store.getPages('a', { generation, pages: [1, 2] }));
    expect(error).toMatchObject({
      code: 'ERR_CORRUPT',
      actor: 'a',
      page: 1,
      txid: headTxid,
      retryable: false,
    });
    byte[0] = good;
    writeSync(descriptor, byte, 0, 1, position);
  }
  closeSync(descriptor);
  expectBytes((await store.getPages('a', { generation, pages: [1] })).get(1), data);
  await store.close();
});

test('a damaged page in the preload fails the start, which then has taken nothing over', async () => {
  const path = join(directory, 'preload');
  const store = await Store.open({ path, durability: 'relaxed' });
  const data = randomBytes(2048);
  const { generation, headTxid } = await startWith(store, 'a', [data]);
  const file = join(path, 'data.mdb');
  const descriptor = openSync(file, 'r+');
  const position = readFileSync(file).indexOf(data);
  writeSync(descriptor, Buffer.from([data[0] ^ 1]), 0, 1, position);
  expect((await rejection(store.loadStartup('a'))).code).toBe('ERR_CORRUPT');
  writeSync(descriptor, data, 0, 1, position);
  closeSync(descriptor);
  expect(await store.stat('a')).toMatchObject({ generation, headTxid });
  await store.close();
});

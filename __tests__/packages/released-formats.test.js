'use strict';

// Stores that earlier releases have written, in tests/fixtures.

const { cpSync, chmodSync, readdirSync } = require('node:fs');
const { join } = require('node:path');

const { Store } = require('../..');
const { temporaryDirectory } = require('../helpers.js');

const FIXTURES = join(__dirname, '../..', 'tests', 'fixtures');
const RELEASES = readdirSync(FIXTURES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

const temporary = temporaryDirectory();
let copies = 0;

function copied(release) {
  copies += 1;
  const path = join(temporary, `store-${copies}`);
  cpSync(join(FIXTURES, release, 'store'), path, { recursive: true });
  chmodSync(path, 0o700);
  chmodSync(join(path, 'data.mdb'), 0o600);
  return path;
}

describe.each(RELEASES)('a store of %s', (release) => {
  it('opens, reads and writes', async () => {
    const path = copied(release);
    const store = await Store.open({ path, create: false });
    expect(await store.list()).toEqual([{ actorId: 'room-1' }, { actorId: 'room-2' }]);
    const db = await store.openDatabase('room-1');
    expect(await db.get('SELECT count(*) AS notes, max(id) AS last FROM notes')).toEqual({
      notes: 20,
      last: 20,
    });
    await db.run("INSERT INTO notes(text) VALUES ('new')");
    await db.close();
    await store.close();
    const again = await Store.open({ path });
    expect(await again.stat('room-1')).toMatchObject({ generation: 2n, headTxid: 22n });
    await again.close();
  });

  it('is read without being written', async () => {
    const path = copied(release);
    const store = await Store.open({ path, readOnly: true });
    const db = await store.openDatabase('room-1', { readOnly: true });
    expect(await db.get('SELECT count(*) AS notes FROM notes')).toEqual({ notes: 20 });
    await expect(store.loadStartup('room-1')).rejects.toMatchObject({
      code: 'ERR_READ_ONLY',
      retryable: false,
    });
    expect(await store.status()).not.toHaveProperty('journal');
    expect(await store.verify()).toMatchObject({ ok: true, problems: [] });
    await db.close();
    await store.close();
  });
});

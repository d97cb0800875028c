'use strict';

const { execFile } = require('node:child_process');
const { join } = require('node:path');
const { promisify } = require('node:util');

const { onEachBackend } = require('../helpers.js');

/** Around the sizes up to which answers share an array, and those with an array of their own. */
const SIZES = [0, 1, 40, 500, 3_900, 4_052, 4_096, 5_000, 20_000, 70_000];

onEachBackend((open) => {
  let store, db;
  beforeEach(async () => {
    store = await open();
    db = await store.openDatabase('a');
  });

  test('answers in flight are each their own, whatever their size', async () => {
    const wanted = Array.from({ length: 300 }, (_, index) => ({
      index,
      blob: Buffer.alloc(SIZES[index % SIZES.length], index),
    }));
    const answers = await Promise.all(
      wanted.map(({ index, blob }) => db.get('SELECT ? AS "index", ? AS blob', [index, blob])),
    );
    // Later answers must not change what was kept of earlier ones.
    await Promise.all(wanted.map(() => db.all('SELECT zeroblob(3000) UNION ALL SELECT 1')));
    const isWrong = ({ index, blob }, at) => index !== at || !wanted[at].blob.equals(blob);
    expect(answers.filter(isWrong)).toEqual([]);
    expect(answers).toHaveLength(wanted.length);
  });

  test('thousands of calls in flight are all answered, and so are those after them', async () => {
    const databases = await Promise.all([...'bcdef'].map((id) => store.openDatabase(id)));
    for (const count of [4_000, 3, 4_000]) {
      const calls = Array.from({ length: count }, (_, index) =>
        databases[index % databases.length].get('SELECT ? AS x', [index]),
      );
      expect((await Promise.all(calls)).map(({ x }) => x)).toEqual([...Array(count).keys()]);
    }
  });

  test('an iteration that pauses goes on with its own rows', async () => {
    const rows = db.iterate('SELECT value FROM json_each(?)', [JSON.stringify([...Array(50).keys()])]);
    const seen = [(await rows.next()).value.value];
    for (let call = 0; call < 3_000; call += 1) {
      await db.get('SELECT -1 AS value');
    }
    for await (const { value } of rows) {
      seen.push(value);
    }
    expect(seen).toEqual([...Array(50).keys()]);
  });

  test('what serialize returns is an array of its own, also if it is small', async () => {
    await db.exec('PRAGMA user_version = 7');
    const [one, other] = await Promise.all([db.serialize(), db.serialize()]);
    expect([one.length, one.buffer.byteLength, one.byteOffset]).toEqual([4_096, 4_096, 0]);
    one.fill(0);
    expect(Buffer.from(other).toString('latin1', 0, 15)).toBe('SQLite format 3');
  });

  test('a call that cannot be made leaves no trace of itself', async () => {
    await expect(db.get('SELECT 1', [Symbol('none')])).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    await expect(db.get('SELECT 1', [], { rowMode: 'none' })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
    });
    const inner = [];
    const params = {
      // A call that is made while another one is being made.
      get x() {
        inner.push(db.get('SELECT 2 AS x'));
        return 1;
      },
    };
    expect(await db.get('SELECT $x AS x', params)).toEqual({ x: 1 });
    expect(await Promise.all(inner)).toEqual(inner.map(() => ({ x: 2 })));
  });
});

test('no call outlives its answer in the old generation of the heap', async () => {
  const fixture = join(__dirname, '..', 'fixtures', 'short-lived-answers.js');
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', fixture]);
  const { bytes, fullCollections } = JSON.parse(stdout);
  // It is 4. With a `Map` of the calls under way it was 300 to 400.
  expect({ isSmall: bytes < 50, bytes, fullCollections }).toEqual({ isSmall: true, bytes, fullCollections });
});

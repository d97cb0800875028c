// points, pin, restore, fork, and the past in sql and export.

'use strict';

const { join } = require('node:path');

const { Store } = require('../..');
const { temporaryDirectory } = require('../helpers.js');
const { batondb, jsonOf, succeed } = require('./helpers.js');

const directory = temporaryDirectory();
const path = join(directory, 'store');
const QUERY = 'SELECT text FROM note ORDER BY rowid';

beforeAll(async () => {
  const store = await Store.open({ path });
  const db = await store.openDatabase('a');
  await db.exec("CREATE TABLE note(text TEXT); INSERT INTO note VALUES ('one')");
  await store.setHistory('a', { keepAll: '1h' });
  await db.run("INSERT INTO note VALUES ('two')");
  await store.close();
});

const textsAt = async (actor, ...more) =>
  (await jsonOf(['sql', path, actor, '-c', QUERY, ...more])).map(({ text }) => text);

test('an actor is looked at, pinned, set back, forked and exported as it was', async () => {
  const points = await jsonOf(['points', path, 'a']);
  expect(points.map(({ kind }) => kind)).toEqual(['commit', 'commit']);
  expect(await succeed(['points', path, 'a', '--limit', '1'])).toMatch(
    new RegExp(`^${points[0].point}  ${points[0].time}  commit {3} +\\d`),
  );
  const first = points[1].point;
  expect(await textsAt('a', '--at', first)).toEqual(['one']);
  expect(await textsAt('a', '--at', points[0].time)).toEqual(['one', 'two']);

  expect(await jsonOf(['pin', path, 'a', 'start', '--at', first])).toEqual({
    actorId: 'a',
    name: 'start',
    point: first,
  });
  expect(await succeed(['points', path, 'a'])).toContain('  start\n');
  const file = join(directory, 'then.sqlite');
  await succeed(['export', path, 'a', file, '--at', 'start']);
  await succeed(['import', path, 'copy', file]);
  expect(await textsAt('copy')).toEqual(['one']);

  expect(await jsonOf(['fork', path, 'a', 'trial', '--at', 'start'])).toMatchObject({
    actorId: 'trial',
    from: 'a',
    point: first,
  });
  expect(await textsAt('trial')).toEqual(['one']);
  expect(await succeed(['inspect', path, 'trial'])).toMatch(/^shares with +a$/m);
  expect(await succeed(['inspect', path, 'a'])).toMatch(
    /^history +2 states, the oldest is [0-9a-f]{16}; 2 pins$/m,
  );

  const { undo } = await jsonOf(['restore', path, 'a', 'start']);
  expect(await textsAt('a')).toEqual(['one']);
  expect(await succeed(['restore', path, 'a', undo])).toContain(`as at ${undo} of `);
  expect(await textsAt('a')).toEqual(['one', 'two']);
  await succeed(['pin', path, 'a', 'start', '--remove']);
  expect((await batondb(['pin', path, 'a', 'start', '--remove'])).code).toBe(1);
  await succeed(['doctor', path]);
});

test('what the past holds is told of a store and of an actor', async () => {
  expect(await succeed(['stat', path])).not.toMatch(/^history/m);
  const told = await succeed(['stat', path, '--history']);
  expect(told).toMatch(/^history +2 of 3 actors, \d+ states, \d+ pins?$/m);
  expect(told).toMatch(/^held for it +\d+ rows beyond the current states, [\d.]+ (Ki)?B$/m);
  expect(told).toMatch(
    /^current states +[\d.]+ (Ki)?B as stored; forks show [\d.]+ (Ki)?B of other actors$/m,
  );
  expect(told).toMatch(/^ +trial: [\d.]+ (Ki)?B, 1 state, shows [\d.]+ (Ki)?B of others$/m);
  expect(told).toMatch(/^oldest state +\d{4}-/m);
  expect(told).toMatch(/^largest +a: [\d.]+ (Ki)?B, \d+ states$/m);
  const { history } = await jsonOf(['stat', path, '--history']);
  expect(history).toMatchObject({
    actors: 3,
    withHistory: 2,
    sharedBytes: expect.any(Number),
    largest: [{ actorId: 'a' }, { actorId: 'trial' }],
  });
  expect((await jsonOf(['stat', path, '--history', '--prefix', 'tr'])).history).toMatchObject({
    actors: 1,
    withHistory: 1,
  });

  const trial = await succeed(['stat', path, 'trial', '--history']);
  expect(trial).toMatch(/^current state +0 B as stored, and [\d.]+ (Ki)?B of a$/m);
  expect(trial).toMatch(/^history +1 state, the oldest is [0-9a-f]{16} of \d{4}-\S+; 0 pins$/m);
  expect((await jsonOf(['stat', path, 'a', '--history'])).history).toMatchObject({ ancestors: [] });
  expect(await succeed(['stat', path, 'copy', '--history'])).toMatch(/^history +none$/m);
  expect(await succeed(['inspect', path, 'a'])).toMatch(
    /^held for it +\d+ rows beyond the current state, [\d.]+ (Ki)?B$/m,
  );
  expect(await succeed(['doctor', path])).toMatch(
    /^history: \d+ states and \d+ pins? of 2 actors, \d+ rows beyond the current states, [\d.]+ (Ki)?B$/m,
  );
});

test('what cannot be done is said, with the exit code of its kind', async () => {
  for (const [args, code, told] of [
    [['restore', path, 'a', '00000000000000ff'], 1, 'ERR_NOT_RETAINED'],
    [['fork', path, 'a', 'copy'], 1, 'ERR_EXISTS'],
    [['fork', path, 'a', 'b', '--at', 'no such pin'], 1, 'ERR_NOT_RETAINED'],
    [['points', path, 'nobody'], 1, 'ERR_NOT_FOUND'],
    [['points', path, 'a', '--limit', 'many'], 2, '--limit'],
    [['pin', path, 'a', 'x', '--expires', 'soon'], 1, 'ERR_INVALID_ARG'],
    [['pin', path, 'a', 'x', '--remove', '--expires', '1d'], 2, '--remove'],
    [['stat', path, '--prefix', 'a'], 2, '--history'],
    [['stat', path, 'a', '--history', '--prefix', 'a'], 2, '--prefix'],
    [['sql', path, 'a', '--write', '--at', '00000000000000ff'], 2, '--at'],
  ]) {
    const answer = await batondb(args);
    expect({ args, code: answer.code }).toEqual({ args, code });
    expect(answer.stderr).toContain(told);
  }
});

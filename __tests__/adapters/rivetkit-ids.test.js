// Under which id a rivetkit actor's data is, and how data of an earlier id comes along. The engine here is a stand-in
// that answers as rivetkit's does; `npm run test:rivetkit` asks the real one.

'use strict';

const { createServer } = require('node:http');
const { once } = require('node:events');

const { Store } = require('../..');
const { batonDatabase, byNameAndKey } = require('../../adapters/rivetkit.js');

/** Actors of the engine: id to name and key. */
let actors;
let asked;
let status;
let server;
let endpoint;
beforeAll(async () => {
  server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://engine');
    asked.push({ pathname, ...Object.fromEntries(searchParams), token: request.headers.authorization });
    const id = searchParams.get('actor_ids');
    const known = actors[id] ? [{ actor_id: id, ...actors[id] }] : [];
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ actors: known }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  endpoint = `http://127.0.0.1:${server.address().port}`;
});
afterAll(() => server.close());

let store;
beforeEach(async () => {
  [actors, asked, status] = [{}, [], 200];
  store = await Store.open({ memory: true });
});
afterEach(() => store.close());

const idOf = (key, name = 'room') => {
  actors.x = { name, key };
  return byNameAndKey({ endpoint })({ actorId: 'x' });
};

test('name and key are the id, and no two pairs have the same one', async () => {
  expect(await idOf('lobby')).toBe('room/lobby');
  expect(await idOf('a\\/b/c')).toBe('room/a\\/b/c');
  expect(await idOf('b/c', 'a')).not.toBe(await idOf('c', 'a/b'));
  expect(await idOf('/')).toBe('room//');
  // Without a key there is nothing that would stay.
  expect(await idOf(null)).toBe('x');
});

test('what is too long for an id is told by its hash', async () => {
  const [one, other] = [await idOf(`${'k'.repeat(300)}1`), await idOf(`${'k'.repeat(300)}2`)];
  expect(one).toMatch(/^\\sha256\/[0-9a-f]{64}$/);
  expect(other).not.toBe(one);
  expect(await idOf('k'.repeat(251))).toBe(`room/${'k'.repeat(251)}`);
  expect(await idOf('é'.repeat(126))).toMatch(/^\\sha256/);
});

test('the engine is asked as rivetkit asks it', async () => {
  actors.x = { name: 'room', key: 'a' };
  const ctx = { actorId: 'x' };
  await byNameAndKey({ endpoint })(ctx);
  await byNameAndKey({ endpoint: endpoint.replace('//', '//mine:se%20cret@') })(ctx);
  await byNameAndKey({ endpoint: `${endpoint}/base/`, namespace: 'ns', token: 't' })(ctx);
  expect(asked).toEqual([
    { pathname: '/actors', actor_ids: 'x', namespace: 'default', token: undefined },
    { pathname: '/actors', actor_ids: 'x', namespace: 'mine', token: 'Bearer se cret' },
    { pathname: '/base/actors', actor_ids: 'x', namespace: 'ns', token: 'Bearer t' },
  ]);
  process.env.RIVET_ENDPOINT = endpoint;
  process.env.RIVET_NAMESPACE = 'from the environment';
  try {
    expect(await byNameAndKey()(ctx)).toBe('room/a');
  } finally {
    delete process.env.RIVET_ENDPOINT;
    delete process.env.RIVET_NAMESPACE;
  }
  expect(asked.at(-1).namespace).toBe('from the environment');
});

test('an actor whose name and key are not told does not start', async () => {
  const start = () =>
    batonDatabase({ store, actorId: byNameAndKey({ endpoint }) }).createClient({ actorId: 'x' });
  const error = { code: 'ERR_UNAVAILABLE', retryable: true, actor: 'x' };
  await expect(start()).rejects.toMatchObject({
    ...error,
    message: expect.stringContaining('does not know the actor'),
  });
  [actors.x, status] = [{ name: 'room', key: 'a' }, 503];
  await expect(start()).rejects.toMatchObject({ ...error, message: expect.stringContaining('503') });
  await expect(
    byNameAndKey({ endpoint: 'http://user:secret@127.0.0.1:1' })({ actorId: 'x' }),
  ).rejects.toMatchObject({ ...error, message: expect.not.stringContaining('secret') });
  expect(await store.list()).toEqual([]);
});

test.each([
  ['an unknown option', { endpiont: 'x' }],
  ['an endpoint that is none', { endpoint: 'nowhere' }],
  ['another protocol', { endpoint: 'ftp://x' }],
  ['an empty token', { token: '' }],
  ['something else', 7],
])('%s is refused', (_, options) => {
  expect(() => byNameAndKey(options)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG' }));
});

describe('with byNameAndKey', () => {
  const provider = (more) =>
    batonDatabase({
      store,
      actorId: byNameAndKey({ endpoint }),
      onMigrate: (db) => db.execute('CREATE TABLE IF NOT EXISTS message(body)'),
      ...more,
    });
  /** What rivetkit does at a start. */
  const start = async (actorId, more) => {
    actors[actorId] = { name: 'room', key: 'lobby' };
    const { createClient, onMigrate } = provider(more);
    const db = await createClient({ actorId });
    await onMigrate(db);
    return db;
  };

  test('an actor that rivetkit has forgotten is found under its new id, and its former instance is fenced', async () => {
    const before = await start('1');
    await before.execute("INSERT INTO message VALUES ('hello')");
    const after = await start('2');
    expect(await after.execute('SELECT * FROM message')).toEqual([{ body: 'hello' }]);
    await expect(before.execute("INSERT INTO message VALUES ('late')")).rejects.toMatchObject({
      code: 'ERR_FENCE_MISMATCH',
    });
    // Nor does it delete what is not its own any more.
    await expect(before.deleteDatabase()).rejects.toMatchObject({ code: 'ERR_FENCE_MISMATCH' });
    expect(await after.execute('SELECT * FROM message')).toEqual([{ body: 'hello' }]);
    expect(await after.deleteDatabase()).toBe(true);
    expect(await store.list()).toEqual([]);
  });

  test('data of an earlier id is brought along once', async () => {
    const plain = await start('1', { actorId: undefined });
    await plain.execute("INSERT INTO message VALUES ('hello')");
    await plain.close();
    const adopting = { adopt: (ctx) => ['nobody', ctx.actorId, 'other'] };
    const first = await start('1', adopting);
    expect(first.database.actorId).toBe('room/lobby');
    expect(await first.execute('SELECT * FROM message')).toEqual([{ body: 'hello' }]);
    expect(await store.list()).toEqual([{ actorId: 'room/lobby' }]);
    // What comes under the earlier id later is left alone.
    const stray = await start('1', { actorId: undefined });
    await stray.execute("INSERT INTO message VALUES ('stray')");
    const second = await start('1', adopting);
    expect(await second.execute('SELECT * FROM message')).toEqual([{ body: 'hello' }]);
    expect(await stray.execute('SELECT * FROM message')).toEqual([{ body: 'stray' }]);
  });

  test('of starts at the same moment at least one brings the data along, and none loses it', async () => {
    const plain = await start('1', { actorId: undefined });
    await plain.execute("INSERT INTO message VALUES ('hello')");
    const adopt = async (ctx) => ctx.actorId;
    const starts = await Promise.allSettled(Array.from({ length: 4 }, () => start('1', { adopt })));
    for (const { reason } of starts.filter(({ status: ended }) => ended === 'rejected')) {
      expect([reason.code, reason.retryable]).toEqual([
        expect.stringMatching(/^ERR_(CONCURRENT_TAKEOVER|FENCE_MISMATCH|NOT_FOUND)$/),
        expect.any(Boolean),
      ]);
    }
    const last = await start('1', { adopt });
    expect(await last.execute('SELECT * FROM message')).toEqual([{ body: 'hello' }]);
    expect(await store.list()).toEqual([{ actorId: 'room/lobby' }]);
  });

  test('nothing to adopt is no error, and what is no id is one', async () => {
    expect((await start('1', { adopt: () => undefined })).database.actorId).toBe('room/lobby');
    await store.delete('room/lobby');
    await expect(start('1', { adopt: () => 7 })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    expect(() => provider({ adopt: 'x' })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG' }));
  });
});

'use strict';

const { fork } = require('node:child_process');
const { join } = require('node:path');

const { Store } = require('../..');
const { ROOT, runNode, temporaryDirectory } = require('../helpers.js');

const EXAMPLE = join(ROOT, 'examples', 'chat-room');

test('a room outlives its server, and listeners hear each message once', async () => {
  const { stdout } = await runNode(join(EXAMPLE, 'main.mjs'));
  expect(stdout).toBe(
    [
      'the server is restarted',
      '1 ada: is anybody here?',
      '2 grace: I am',
      '3 ada: still there?',
      '4 grace: I noticed nothing',
      'both have heard the same\n',
    ].join('\n'),
  );
}, 60_000);

describe('the server', () => {
  const servers = [];
  const path = temporaryDirectory();
  let first;
  let second;

  beforeAll(async () => {
    // Jest's realm has no dynamic import of ES modules; processes of their own serve.
    const program = `
      import { Store } from 'batondb';
      import { serve } from ${JSON.stringify(`file://${join(EXAMPLE, 'server.mjs')}`)};
      const server = await serve(await Store.open({ path: process.argv[1], durability: 'relaxed' }));
      process.send(server.url);
      process.on('disconnect', () => process.exit());
    `;
    const start = () => {
      const options = { execArgv: ['--input-type=module', '-e', program], cwd: ROOT };
      const child = fork(path, [], options);
      servers.push(child);
      return new Promise((resolve) => child.once('message', resolve));
    };
    [first, second] = [await start(), await start()];
  });

  afterAll(() => servers.forEach((child) => child.kill('SIGKILL')));

  const post = (url, room, message) =>
    fetch(`${url}/rooms/${room}/messages`, {
      method: 'POST',
      body: typeof message === 'string' ? message : JSON.stringify(message),
    });

  test('a room goes to the server that is asked, with its messages', async () => {
    expect((await post(first, 'a', { author: 'ada', body: 'one' })).status).toBe(201);
    const moved = await post(second, 'a', { author: 'ada', body: 'two' });
    expect([moved.status, await moved.json()]).toEqual([201, expect.objectContaining({ id: 2 })]);
    // The first server may tell what it knew until it hears of its loss; then it ends the answer, and a listener
    // that asks again takes the room back.
    let heard = '';
    while (!heard.includes('id: 2')) {
      const headers = { 'last-event-id': String(heard.match(/^id: /gm)?.length ?? 0) };
      const { body } = await fetch(`${first}/rooms/a/messages`, { headers });
      for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
        heard += chunk;
        if (heard.includes('id: 2')) break;
      }
    }
    expect(heard).toMatch(/^id: 1\ndata: .*"one".*\n\nid: 2\n/);
  });

  test.each([
    ['no author', { body: 'x' }, 400],
    ['an empty message', { author: 'ada', body: '' }, 400],
    ['an object for a message', { author: 'ada', body: {} }, 400],
    ['no JSON', 'hello', 400],
    ['too much', { author: 'ada', body: 'x'.repeat(20_000) }, 413],
  ])('%s is refused', async (_, message, status) => {
    expect((await post(first, 'b', message)).status).toBe(status);
  });

  test('names that are none are refused', async () => {
    expect((await post(first, '%', { author: 'ada', body: 'x' })).status).toBe(400);
    expect((await post(first, 'x'.repeat(300), { author: 'ada', body: 'x' })).status).toBe(400);
    expect((await fetch(`${first}/rooms`)).status).toBe(404);
  });

  test('nothing that was refused is there', async () => {
    const store = await Store.open({ path });
    const db = await store.openDatabase('room/b', { readOnly: true });
    expect(await db.all('SELECT * FROM message')).toEqual([]);
    await store.close();
  });
});

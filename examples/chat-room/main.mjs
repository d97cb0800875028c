// Two people in a room, a restart of the server in the middle, and what they have heard.
//
//   node examples/chat-room/main.mjs

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Store } from 'batondb';

import { serve } from './server.mjs';

/**
 * Listens as a browser's EventSource does: it connects again by itself, and says what it has heard last.
 *
 * @param {() => string} url where the server is now
 * @param {number} count
 * @returns {Promise<string[]>} that many messages
 */
async function listen(url, count) {
  const heard = [];
  let last = 0;
  while (heard.length < count) {
    const response = await fetch(`${url()}/rooms/lobby/messages`, {
      headers: { 'last-event-id': String(last) },
    }).catch(() => undefined);
    if (!response?.ok || response.body === null) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      continue;
    }
    let text = '';
    try {
      for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
        const events = (text + chunk).split('\n\n');
        text = events.pop() ?? '';
        for (const event of events) {
          const { id, author, body } = JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? '');
          last = id;
          heard.push(`${id} ${author}: ${body}`);
        }
        if (heard.length >= count) break;
      }
    } catch {
      // The connection broke: connect again.
    }
  }
  return heard;
}

/**
 * @param {string} url
 * @param {string} author
 * @param {string} body
 */
async function say(url, author, body) {
  const response = await fetch(`${url}/rooms/lobby/messages`, {
    method: 'POST',
    body: JSON.stringify({ author, body }),
  });
  if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
}

const directory = mkdtempSync(join(tmpdir(), 'chat-room-'));
try {
  let store = await Store.open({ path: directory });
  let server = await serve(store);
  const both = Promise.all([listen(() => server.url, 4), listen(() => server.url, 4)]);

  await say(server.url, 'ada', 'is anybody here?');
  await say(server.url, 'grace', 'I am');

  await server.close();
  await store.close();
  console.log('the server is restarted');
  store = await Store.open({ path: directory });
  server = await serve(store);

  await say(server.url, 'ada', 'still there?');
  await say(server.url, 'grace', 'I noticed nothing');

  const [one, two] = await both;
  console.log(one.join('\n'));
  console.log(
    one.join() === two.join() ? 'both have heard the same' : `the other one heard ${two.join('\n')}`,
  );
  await server.close();
  await store.close();
} finally {
  rmSync(directory, { recursive: true });
}

// Three classes written for Cloudflare's Durable Objects, a restart in the middle, and what they say.
//
//   node examples/durable-objects/main.mjs

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Store } from 'batondb';

import { Namespace } from './host.mjs';
import './register.mjs';

const { Counter } = await import('./objects/counter.mjs');
const { ChatRoom } = await import('./objects/chat-room.mjs');
const { JobQueue } = await import('./objects/job-queue.mjs');

const path = mkdtempSync(join(tmpdir(), 'durable-objects-'));

async function start() {
  const store = await Store.open({ path });
  const namespaces = [Counter, ChatRoom, JobQueue].map((each) => new Namespace(store, each));
  const [counter, room, queue] = namespaces.map((namespace) => namespace.getByName('a'));
  const stop = async () => {
    await Promise.all(namespaces.map((namespace) => namespace.close()));
    await store.close();
  };
  return { counter, room, queue, stop };
}

try {
  const before = await start();
  await Promise.all(Array.from({ length: 100 }, () => before.counter.increment()));
  console.log('counted to', await before.counter.value());

  await before.room.setTopic('lunch');
  await before.room.post('ada', 'soup?');
  await before.room.post('grace', 'soup!');
  const refused = await before.room.post('ada', '').catch((/** @type {Error} */ error) => error);
  console.log('an empty message is refused:', refused instanceof Error);

  const sent = [];
  for (const task of ['wash', 'dry', 'fold', 'iron']) sent.push(await before.queue.send('ada', { task }, 0));
  console.log('admitted', sent);
  const first = await before.queue.receive(0);
  await before.queue.done(first.id, 'clean');
  const second = await before.queue.receive(0);
  console.log('has begun to', second.task.task);
  await before.stop();

  console.log('everything is restarted');
  const after = await start();
  console.log('counts on:', await after.counter.increment(10), 'reset at', await after.counter.reset());
  await after.room.post('ada', 'with bread');
  console.log(await after.room.history(1), await after.room.authors());
  for (const now of [5_000, 5_001]) {
    const job = await after.queue.receive(now);
    console.log('begins to', job.task.task, 'for the', job.tries === 1 ? 'first' : 'second', 'time');
    await after.queue.done(job.id, job.task.task);
  }
  console.log(await after.queue.results(), await after.queue.send('ada', { task: 'iron' }, 60_001));
  await after.stop();
} finally {
  rmSync(path, { recursive: true });
}

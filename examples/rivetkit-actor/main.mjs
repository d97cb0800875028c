// A rivetkit actor that sleeps, wakes, and is taken over, with its database on a Baton store.
//
//   node main.mjs [directory] [port of rivetkit's engine]

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { createClient } from 'rivetkit/client';

import { Store } from 'batondb';

import { makeRegistry } from './registry.mjs';

const [directory = mkdtempSync(join(tmpdir(), 'rivetkit-actor-')), port = '16420'] = process.argv.slice(2);
const READY_ATTEMPTS = 600;

const store = await Store.open({ path: directory });
const registry = makeRegistry(store, Number(port));
registry.start();
for (let attempt = 0; !(await registry.routes.health().catch(() => undefined))?.ok; attempt += 1) {
  if (attempt === READY_ATTEMPTS) throw new Error('the engine does not answer');
  await sleep(50);
}

const client = createClient({ endpoint: `http://127.0.0.1:${port}` });
const room = client.room.getOrCreate([`lobby ${Date.now()}`]);

await room.post('hello');
await room.postBoth('a transaction', 'of two');
console.log('generation', await room.generation(), await room.messages());

await room.nap(); // rivetkit closes the database; the next call starts the actor, and takes it over again
await sleep(1_000);
console.log('generation', await room.generation(), await room.messages());

// Another process, perhaps one that was cut off from rivetkit, starts the same actor and writes.
const elsewhere = await Store.open({ path: directory });
const other = await elsewhere.openDatabase(await room.id());
await other.run("INSERT INTO message(body) VALUES ('from elsewhere')");
await other.close();
await room.post('too late').then(
  () => console.log('that should have been refused'),
  () => console.log('the instance that lost the room cannot write'),
);
await sleep(2_000); // it falls asleep, and the next call starts a new one
console.log('generation', await room.generation(), await room.messages());

const id = await room.id();
await room.end();
await sleep(1_000);
console.log('destroyed:', (await store.stat(id)) === undefined);

await client.dispose();
await elsewhere.close();
await store.close();
process.exit();

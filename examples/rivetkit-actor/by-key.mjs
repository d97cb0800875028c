// The room by its name and key: its data is found again when rivetkit has lost its records, and calls it by a new id.
//
//   node by-key.mjs [directory] [port of rivetkit's engine] [--by-id]
//
// With --by-id it is stored under rivetkit's own id, as it is by default; a later run without brings that data along.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { actor, setup } from 'rivetkit';
import { createClient } from 'rivetkit/client';

import { Store } from 'batondb';
import { batonDatabase, byNameAndKey } from 'batondb/rivetkit';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'by-id': { type: 'boolean' } },
});
const [directory = mkdtempSync(join(tmpdir(), 'rivetkit-actor-')), port = '16420'] = positionals;
const endpoint = `http://127.0.0.1:${port}`;
const READY_ATTEMPTS = 600;

const store = await Store.open({ path: directory });
const byKey = { actorId: byNameAndKey({ endpoint }), adopt: (ctx) => ctx.actorId };

const room = actor({
  db: batonDatabase({
    store,
    ...(values['by-id'] ? {} : byKey),
    onMigrate: (db) =>
      db.execute('CREATE TABLE IF NOT EXISTS message(id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT'),
  }),
  actions: {
    post: async (c, body) => {
      await c.db.execute('INSERT INTO message(body) VALUES (?)', body);
      return await c.db.execute('SELECT body FROM message ORDER BY id');
    },
    storedAs: (c) => c.db.database.actorId,
    id: (c) => c.actorId,
    nap: (c) => c.sleep(),
  },
});

const registry = setup({
  use: { room },
  startEngine: true,
  enginePort: Number(port),
  startServices: false,
  noWelcome: true,
});
registry.start();
for (let attempt = 0; !(await registry.routes.health().catch(() => undefined))?.ok; attempt += 1) {
  if (attempt === READY_ATTEMPTS) throw new Error('the engine does not answer');
  await sleep(50);
}

const lobby = createClient({ endpoint }).room.getOrCreate(['lobby', 'a/b']);
const messages = await lobby.post('hello');
const [storedAs, id] = [await lobby.storedAs(), await lobby.id()];
console.log(`${messages.length} messages, stored as ${storedAs === id ? "rivetkit's id" : storedAs}`);
console.log('in the store:', (await store.list()).length, 'actor');
await lobby.nap();
await sleep(1_000); // it is asleep, for whoever comes next
process.exit();

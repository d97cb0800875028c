// The server of the notes API.
//
//   node examples/notes-api/main.mjs [--demo]      PORT, DATA_DIRECTORY

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { serve } from '@hono/node-server';
import { Store } from 'batondb';

import { notesApp } from './app.mjs';
import { Tenants } from './tenants.mjs';

const { values: options } = parseArgs({ options: { demo: { type: 'boolean', default: false } } });
const directory = options.demo
  ? mkdtempSync(join(tmpdir(), 'notes-api-'))
  : (process.env.DATA_DIRECTORY ?? './notes-data');
const port = options.demo ? 0 : Number(process.env.PORT ?? 3000);

const store = await Store.open({ path: directory });
const tenants = new Tenants(store);
const { server, url } = await new Promise((resolve) => {
  const started = serve({ fetch: notesApp(tenants).fetch, port, hostname: '127.0.0.1' }, (address) =>
    resolve({ server: started, url: `http://127.0.0.1:${address.port}` }),
  );
});

/** No new requests, then the databases, then the store. */
async function stop() {
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeIdleConnections();
  });
  await tenants.close();
  await store.close();
}

async function demo() {
  /** @type {(path: string, method?: string, note?: object) => Promise<void>} */
  const request = async (path, method = 'GET', note) => {
    const response = await fetch(url + path, { method, body: note && JSON.stringify(note) });
    console.log(method, path, response.status, (await response.text()).replace(/,"updated_at":"[^"]*"/g, ''));
  };
  await request('/acme/notes', 'POST', { title: 'Groceries', body: 'bread, butter' });
  await request('/acme/notes', 'POST', { title: 'Ideas', body: 'a database for each tenant' });
  await request('/umbrella/notes', 'POST', { title: 'Secret', body: 'nobody else sees this database' });
  await request('/acme/notes?q=database');
  await request('/acme/notes/1', 'PUT', { title: 'Groceries', body: 'bread, butter, milk' });
  await request('/acme/notes', 'POST', { title: '' });
  await request('/umbrella', 'DELETE');
  await request('/umbrella/notes');
}

if (options.demo) {
  await demo();
  await stop();
  rmSync(directory, { recursive: true });
} else {
  console.log(`notes on ${url}`);
  process.once('SIGINT', stop).once('SIGTERM', stop);
}

'use strict';

const { execFile, fork } = require('node:child_process');
const { join } = require('node:path');
const { promisify } = require('node:util');

const { Store } = require('../..');
const { ROOT, temporaryDirectory } = require('../helpers.js');

const EXAMPLE = join(ROOT, 'examples', 'notes-api');
const scratch = temporaryDirectory();
const started = [];

afterAll(() => started.forEach((child) => child.kill('SIGKILL')));

/** Starts an instance on a directory; Jest's realm has no dynamic import of ES modules. */
function instance(directory, options = {}) {
  const program = `
    import { serve } from '@hono/node-server';
    import { Store } from 'batondb';
    import { notesApp } from ${JSON.stringify(`file://${join(EXAMPLE, 'app.mjs')}`)};
    import { Tenants } from ${JSON.stringify(`file://${join(EXAMPLE, 'tenants.mjs')}`)};
    const store = await Store.open({ path: process.argv[1], durability: 'relaxed' });
    const tenants = new Tenants(store, ${JSON.stringify(options)});
    const app = notesApp(tenants);
    app.get('/open', (c) => c.json(tenants.size));
    serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => process.send(port));
    process.on('disconnect', () => process.exit());
  `;
  const child = fork(directory, [], { execArgv: ['--input-type=module', '-e', program], cwd: ROOT });
  started.push(child);
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error('the instance has ended')));
    child.once('message', (port) => {
      resolve(async (path, method = 'GET', body = undefined) => {
        const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
        const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, body: text });
        const answer = await response.text();
        const isJson = response.headers.get('content-type')?.startsWith('application/json');
        const retryAfter = response.headers.get('retry-after');
        return { status: response.status, retryAfter, body: isJson ? JSON.parse(answer) : answer };
      });
    });
  });
}

test('the demo shows two tenants that know nothing of each other', async () => {
  const main = join(EXAMPLE, 'main.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [main, '--demo'], { cwd: ROOT });
  expect(stdout.split('\n')).toEqual([
    'POST /acme/notes 201 {"id":1,"title":"Groceries","body":"bread, butter"}',
    'POST /acme/notes 201 {"id":2,"title":"Ideas","body":"a database for each tenant"}',
    'POST /umbrella/notes 201 {"id":1,"title":"Secret","body":"nobody else sees this database"}',
    'GET /acme/notes?q=database 200 [{"id":2,"title":"Ideas","body":"a database for each tenant"}]',
    'PUT /acme/notes/1 200 {"id":1,"title":"Groceries","body":"bread, butter, milk"}',
    'POST /acme/notes 400 {"reason":"title has 1 to 200 characters, body at most 100,000"}',
    'DELETE /umbrella 204 ',
    'GET /umbrella/notes 200 []',
    '',
  ]);
}, 60_000);

describe('one instance', () => {
  let request;
  beforeAll(async () => {
    request = await instance(join(scratch, 'one'), { openMax: 3, idleMs: 300 });
  });

  test.each([
    ['no title', 'POST', '/a/notes', {}, 400],
    ['a body that is no JSON', 'POST', '/a/notes', 'hello', 400],
    ['null for a note', 'POST', '/a/notes', 'null', 400],
    ['a list for a title', 'POST', '/a/notes', { title: [] }, 400],
    ['too much', 'POST', '/a/notes', { title: 'a', body: 'x'.repeat(600_000) }, 413],
    ['a tenant that is no name', 'POST', '/A%20b/notes', { title: 'a' }, 404],
    ['a note that is not there', 'GET', '/a/notes/7', undefined, 404],
    ['a change of a note that is not there', 'PUT', '/a/notes/7', { title: 'a' }, 404],
  ])('%s is refused', async (_, method, path, body, status) => {
    expect(await request(path, method, body)).toMatchObject({ status });
  });

  test('a search takes words, and no operators', async () => {
    await request('/search/notes', 'POST', { title: 'cats OR dogs', body: 'say "meow"' });
    await request('/search/notes', 'POST', { title: 'dogs' });
    const titles = async (words) =>
      (await request(`/search/notes?q=${encodeURIComponent(words)}`)).body.map(({ title }) => title);
    expect(await titles('cats OR birds')).toEqual([]);
    expect(await titles('"meow')).toEqual(['cats OR dogs']);
    expect((await titles('dogs')).sort()).toEqual(['cats OR dogs', 'dogs']);
  });

  test('databases are closed when they are too many or idle, and their notes stay', async () => {
    const names = Array.from({ length: 10 }, (_, index) => `t${index}`);
    await Promise.all(names.map((name) => request(`/${name}/notes`, 'POST', { title: name })));
    await request('/t0/notes');
    expect((await request('/open')).body).toBeLessThanOrEqual(4);
    while ((await request('/open')).body > 0) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const notes = await Promise.all(names.map((name) => request(`/${name}/notes`)));
    expect(notes.map(({ body }) => body[0].title)).toEqual(names);
  });
});

test('a tenant goes to the instance that is asked; the other one says so once', async () => {
  const directory = join(scratch, 'two');
  const [first, second] = [await instance(directory), await instance(directory)];
  expect((await first('/acme/notes', 'POST', { title: 'one' })).status).toBe(201);
  expect((await second('/acme/notes', 'POST', { title: 'two' })).status).toBe(201);
  const late = await first('/acme/notes', 'POST', { title: 'three' });
  expect([late.status, late.retryAfter]).toEqual([503, '1']);
  expect((await first('/acme/notes', 'POST', { title: 'four' })).status).toBe(201);
  const { body } = await first('/acme/notes');
  expect(body.map(({ title }) => title)).toEqual(['four', 'two', 'one']);

  const store = await Store.open({ path: directory });
  expect(await store.list()).toEqual([{ actorId: 'notes/acme' }]);
  await store.close();
});

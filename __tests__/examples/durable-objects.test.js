'use strict';

const { readFileSync, readdirSync } = require('node:fs');
const { join } = require('node:path');

const { ROOT, runNode, temporaryDirectory } = require('../helpers.js');

const EXAMPLE = join(ROOT, 'examples', 'durable-objects');
const path = temporaryDirectory();

test('objects written for Cloudflare keep their state through a restart', async () => {
  const { stdout } = await runNode(join(EXAMPLE, 'main.mjs'));
  expect(stdout).toBe(
    [
      'counted to 100',
      'an empty message is refused: true',
      'admitted [ true, true, true, false ]',
      'has begun to dry',
      'everything is restarted',
      'counts on: 110 reset at 110',
      "{ topic: 'lunch', lines: [ '2 grace: soup!', '3 ada: with bread' ] } [ [ 'ada', 2 ], [ 'grace', 1 ] ]",
      'begins to fold for the first time',
      'begins to dry for the second time',
      "[ 'clean', 'dry', 'fold' ] true\n",
    ].join('\n'),
  );
}, 60_000);

test('they know nothing of Baton', () => {
  const objects = readdirSync(join(EXAMPLE, 'objects'));
  expect(objects).toEqual(['chat-room.mjs', 'counter.mjs', 'job-queue.mjs']);
  for (const name of objects) {
    const imports = readFileSync(join(EXAMPLE, 'objects', name), 'utf8').match(/^import .*$/gm);
    expect(imports).toEqual(["import { DurableObject } from 'cloudflare:workers';"]);
  }
});

test('an object that somebody else has started is started again by the next call', async () => {
  const program = `
    import { Store } from 'batondb';
    import { Namespace } from './examples/durable-objects/host.mjs';
    import './examples/durable-objects/register.mjs';
    const { Counter } = await import('./examples/durable-objects/objects/counter.mjs');
    const [one, two] = [await Store.open({ path: process.argv[1] }), await Store.open({ path: process.argv[1] })];
    const [here, there] = [new Namespace(one, Counter), new Namespace(two, Counter)];
    console.log(await here.getByName('a').increment(), await there.getByName('a').increment());
    const lost = await here.getByName('a').increment().catch((error) => error.code);
    console.log(lost, await here.getByName('a').increment(), await here.getByName('b').value());
    class Broken {
      constructor(ctx) {
        ctx.blockConcurrencyWhile(async () => { throw new Error('not ready'); });
      }
      hello() { return 'hello'; }
    }
    const broken = new Namespace(one, Broken).getByName('a');
    console.log(await broken.hello().catch((error) => error.message));
    await Promise.all([here.close(), there.close().catch(() => {})]);
    process.exit();
  `;
  const args = ['--input-type=module', '-e', program, path];
  const { stdout } = await runNode(...args);
  expect(stdout).toBe('1 2\nERR_FENCE_MISMATCH 3 0\nnot ready\n');
}, 60_000);

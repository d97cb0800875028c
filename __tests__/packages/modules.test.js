'use strict';

const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

const batondb = require('../..');
const { ROOT, runNode } = require('../helpers.js');

const NAMES = [
  'BatonError',
  'Database',
  'PageSet',
  'Session',
  'Statement',
  'Store',
  'Transaction',
  'constants',
  'isBatonError',
  'setLogger',
];
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

test('CommonJS has the public names and no other', () => {
  expect(Object.keys(batondb).sort()).toEqual(NAMES);
});

test('ES modules have the same classes', async () => {
  const { stdout } = await runNode(
    '--input-type=module',
    '-e',
    `
    import * as esm from 'batondb';
    import { createRequire } from 'node:module';
    const cjs = createRequire(process.cwd() + '/x.js')('batondb');
    const names = Object.keys(esm).filter((name) => name !== 'module.exports').sort();
    console.log(JSON.stringify([names, names.every((name) => esm[name] === cjs[name])]));
  `,
  );
  expect(JSON.parse(stdout)).toEqual([NAMES, true]);
});

test('both flavours open stores', async () => {
  const use = `const store = await Store.open({ memory: true }); console.log((await store.loadStartup('a')).outcome); await store.close();`;
  const esm = await runNode('--input-type=module', '-e', `import { Store } from 'batondb'; ${use}`);
  const cjs = await runNode('-e', `const { Store } = require('batondb'); (async () => { ${use} })();`);
  expect([esm.stdout, cjs.stdout]).toEqual(['won\n', 'won\n']);
});

test('every file that the manifest names is there, and nothing else can be imported', async () => {
  const named = Object.values(manifest.exports['.']).flatMap((condition) => Object.values(condition));
  for (const file of [manifest.main, manifest.types, ...named]) {
    expect(existsSync(join(ROOT, file))).toBe(true);
  }
  const { stdout } = await runNode(
    '-e',
    `
    try { require('batondb/binding.js'); } catch (error) { console.log(error.code); }
  `,
  );
  expect(stdout).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED\n');
});

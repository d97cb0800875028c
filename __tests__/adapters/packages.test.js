'use strict';

const { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { execFileSync } = require('node:child_process');

const { ROOT, runNode, temporaryDirectory } = require('../helpers.js');

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const ADAPTERS = ['better-sqlite3', 'drizzle', 'durable-object', 'kysely', 'rivetkit'];
const PEERS = ['drizzle-orm', 'kysely'];

test('each adapter has an entry for both module systems, with types', () => {
  for (const name of ADAPTERS) {
    const entry = manifest.exports[`./${name}`];
    const files = [entry.import.types, entry.import.default, entry.require.types, entry.require.default];
    expect(files.map((file) => file.replace(`./adapters/${name}`, ''))).toEqual([
      '.d.mts',
      '.mjs',
      '.d.ts',
      '.js',
    ]);
    expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  }
});

test('the types of both module systems have the same text', () => {
  for (const name of ['drizzle', 'kysely']) {
    const [cjs, esm] = ['.d.ts', '.d.mts'].map((end) =>
      readFileSync(join(ROOT, 'adapters', name + end), 'utf8'),
    );
    expect(esm).toBe(cjs);
  }
});

test('both module systems have the same names', async () => {
  const program = `
    import { createRequire } from 'node:module';
    const require = createRequire(process.cwd() + '/x.js');
    for (const name of ${JSON.stringify(ADAPTERS)}) {
      const esm = await import('batondb/' + name);
      const cjs = require('batondb/' + name);
      console.log(name, Object.keys(esm).filter((key) => key !== 'module.exports' && key !== 'default').sort().join() === Object.keys(cjs).sort().join());
    }
  `;
  const { stdout } = await runNode('--input-type=module', '-e', program);
  expect(stdout).toBe(ADAPTERS.map((name) => `${name} true\n`).join(''));
});

test('peers are optional, nothing pulls them in, and no version of them ends an install', () => {
  expect(Object.keys(manifest.peerDependencies)).toEqual(PEERS);
  for (const peer of PEERS) {
    // Any other range leaves out what is to come, and prereleases even of what it names.
    expect(manifest.peerDependencies[peer]).toBe('*');
    expect(manifest.peerDependenciesMeta[peer]).toEqual({ optional: true });
    expect(manifest.dependencies?.[peer]).toBe(undefined);
  }
});

describe('beside versions that the adapters do not know', () => {
  const directory = temporaryDirectory();
  const npm = (cwd, ...args) => {
    const options = { cwd, encoding: 'utf8', shell: process.platform === 'win32' };
    return execFileSync(
      'npm',
      [...args, '--offline', '--no-audit', '--no-fund', '--loglevel=error'],
      options,
    );
  };
  const make = (folder, content) => {
    mkdirSync(join(directory, folder));
    writeFileSync(join(directory, folder, 'package.json'), JSON.stringify(content));
    return `./${folder}`;
  };
  const { name, version, peerDependencies, peerDependenciesMeta } = manifest;
  const VERSIONS = ['0.1.0', '0.30.0-beta.1', '9.0.0'];

  // Tarballs of nothing but what npm looks at. Of folders it would make links, and not look at their peers.
  beforeAll(() => {
    const own = make('own', { name, version, peerDependencies, peerDependenciesMeta });
    const peers = PEERS.flatMap((peer) =>
      VERSIONS.map((each) => make(`${peer}-${each}`, { name: peer, version: each })),
    );
    npm(directory, 'pack', own, ...peers);
  });

  test.each(VERSIONS)('npm installs the package next to peers of %s', (each) => {
    const packed = PEERS.map((peer) => [peer, `file:../${peer}-${each}.tgz`]);
    const dependencies = { [name]: `file:../${name}-${version}.tgz`, ...Object.fromEntries(packed) };
    const project = join(directory, make(`project-${each}`, { name: 'project', dependencies }));
    npm(project, 'install', '--ignore-scripts');
    for (const peer of PEERS) {
      const path = join(project, 'node_modules', peer, 'package.json');
      expect(JSON.parse(readFileSync(path, 'utf8')).version).toBe(each);
    }
  });
});

describe('without the peers', () => {
  const directory = temporaryDirectory();
  const home = join(directory, 'node_modules', 'batondb');
  mkdirSync(home, { recursive: true });
  for (const part of ['adapters', 'lib']) {
    cpSync(join(ROOT, part), join(home, part), { recursive: true });
  }
  copyFileSync(join(ROOT, 'package.json'), join(home, 'package.json'));

  /** What importing says, in both module systems. */
  function importing(name) {
    const file = join(directory, 'try.mjs');
    writeFileSync(
      file,
      `import { createRequire } from 'node:module';
       const say = ({ code, message }) => console.log(code, message.split('\\n')[0]);
       await import('batondb/${name}').catch(say);
       try { createRequire(import.meta.url)('batondb/${name}'); } catch (error) { say(error); }`,
    );
    return execFileSync(process.execPath, [file], { encoding: 'utf8' });
  }

  test.each([
    ['kysely', 'kysely'],
    ['drizzle', 'drizzle-orm'],
  ])('batondb/%s says that %s is missing', (name, peer) => {
    const [esm, cjs] = importing(name).trim().split('\n');
    expect(esm).toMatch(new RegExp(`^ERR_MODULE_NOT_FOUND .*'${peer}'`));
    expect(cjs).toMatch(new RegExp(`^MODULE_NOT_FOUND .*'${peer}'`));
  });

  test('batondb/durable-object needs none', () => {
    expect(importing('durable-object')).toBe('');
  });
});

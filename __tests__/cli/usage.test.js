'use strict';

const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

const { Store } = require('../..');
const { batondb, start, succeed } = require('./helpers.js');
const { ROOT, describeOnCluster, clusterPlace, temporaryDirectory } = require('../helpers.js');

const directory = temporaryDirectory();
const COMMANDS = [
  'list',
  'stat',
  'inspect',
  'doctor',
  'sql',
  'export',
  'import',
  'copy',
  'rename',
  'delete',
  'bench',
];
const { bin, files, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

test('the package has the program', () => {
  expect(existsSync(join(ROOT, bin.batondb))).toBe(true);
  expect(files).toContain('bin');
});

test('the help names every command, and every command has a help with examples', async () => {
  const help = await succeed(['--help']);
  for (const command of COMMANDS) {
    expect(help).toContain(`\n  ${command} `);
    const own = await succeed([command, '--help']);
    expect(own).toContain(`Usage: batondb ${command} `);
    expect(own).toContain('Examples:');
    expect(await succeed(['help', command])).toBe(own);
  }
  expect(await succeed(['--version'])).toBe(`${version}\n`);
  expect(await batondb([])).toMatchObject({ code: 2, stdout: help });
});

test.each([
  [['lst', 'x'], 'there is no command "lst"; did you mean "list"?'],
  [['help', 'dokter'], 'there is no command "dokter"; did you mean "doctor"?'],
  [['list', 'x', '--lmit', '3'], '"list" has no option --lmit; did you mean "--limit"?'],
  [['list', 'x', '-q'], '"list" has no option -q'],
  [['list', 'x', '--limit'], '--limit takes a value: --limit N'],
  [['list', 'x', '--limit', '0'], '--limit takes a whole number from 1'],
  [['list', 'x', '--limit', '1e3'], 'got "1e3"'],
  [['list', 'x', '--json=yes'], '--json takes no value'],
  [['list', 'x', 'y'], '"y" is one argument too many; usage: batondb list <store>'],
  [['list'], '<store> is missing'],
  [['list', '-'], 'BATON_STORE, which is not set'],
  [['stat', 'foundationdb:'], 'is not foundationdb:PREFIX'],
  [['stat', 'foundationdb:a?b?c'], 'write ? as %3F'],
  [['stat', 'foundationdb:a?clusterfile=x'], 'did you mean "cluster-file"?'],
  [['stat', 'foundationdb:a%zz'], 'write it as %25'],
  [['sql', 'x', 'a', '--mode', 'xml'], '--mode is one of table, json, csv'],
  [['sql', 'x', 'a', '--create'], '--create goes with --write'],
  [['doctor', 'x', 'a', '--prefix', 'a'], 'not both'],
  [['copy', 'x', 'x'], 'both addresses are of the same store'],
  [['copy', 'x', 'y', '--parallel', '0'], '--parallel takes a whole number from 1 to 64'],
])('%j is refused as a wrong call', async (args, message) => {
  const { code, stdout, stderr } = await batondb(args, { cwd: directory });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^batondb: /);
  expect(stderr).toContain(message);
});

test.each(['list', 'stat', 'inspect', 'doctor', 'sql', 'export', 'rename', 'delete', 'bench'])(
  '%s makes no store where there is none',
  async (command) => {
    const path = join(directory, `none-${command}`);
    const more = {
      list: [],
      stat: [],
      doctor: [],
      bench: [],
      export: ['a', join(directory, 'x')],
      rename: ['a', 'b'],
    }[command] ?? ['a'];
    const { code, stderr } = await batondb([command, path, ...more]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `batondb: there is no store at ${path} (ERR_INVALID_ARG)\n`,
    });
    expect(existsSync(path)).toBe(false);
  },
);

test('a copy from nowhere makes no target either', async () => {
  const [from, to] = [join(directory, 'nowhere'), join(directory, 'target')];
  expect(await batondb(['copy', from, to], { cwd: directory })).toMatchObject({ code: 1 });
  expect(existsSync(from) || existsSync(to)).toBe(false);
});

test('a store can be refused creation in JavaScript as well', async () => {
  const path = join(directory, 'not-made');
  const refused = Store.open({ path, create: false });
  await expect(refused).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
  await expect(Store.open({ memory: true, create: false })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARG',
  });
  await (await Store.open({ path })).close();
  await (await Store.open({ path, create: false })).close();
});

describeOnCluster('on a cluster', () => {
  test('a part of it that is no store is not made one', async () => {
    const place = clusterPlace();
    for (const create of [false, false]) {
      const refused = Store.open({ ...place, create });
      await expect(refused).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG',
        message: 'there is no store here',
      });
    }
    await (await Store.open(place)).close();
    await (await Store.open({ ...place, create: false })).close();
  });
});

describe('with a store', () => {
  const path = join(directory, 'data');

  beforeAll(async () => {
    const store = await Store.open({ path, durability: 'relaxed' });
    for (let index = 0; index < 5_000; index += 100) {
      const ids = Array.from({ length: 100 }, (_, each) => `room-${index + each}-${'x'.repeat(100)}`);
      await Promise.all(ids.map((id) => store.loadStartup(id)));
    }
    await store.close();
  });

  test('BATON_STORE names the store where none or - is given', async () => {
    const env = { BATON_STORE: path };
    const expected = await succeed(['list', path, '--limit', '2']);
    expect(await succeed(['list', '--limit', '2'], { env })).toBe(expected);
    expect(await succeed(['list', '-', '--limit', '2'], { env })).toBe(expected);
  });

  test('a reader who goes away ends the command without a message', async () => {
    const child = start(['list', path]);
    let stderr = '';
    child.stderr.on('data', (text) => (stderr += text));
    const first = await new Promise((resolve) => child.stdout.once('data', resolve));
    child.stdout.destroy();
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect({ code, stderr, some: first.length > 0 }).toEqual({ code: 0, stderr: '', some: true });
  });

  test('Ctrl-C ends a command with 130 and takes away what it has made', async () => {
    const child = start(['bench', path, '--seconds', '60', '--progress']);
    await new Promise((resolve) => child.stderr.once('data', resolve));
    child.kill('SIGINT');
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(130);
    expect(await succeed(['list', path, '--prefix', 'batondb-bench'])).toBe('');
  });

  test('progress is told on stderr, and only where it is asked for', async () => {
    const silent = await batondb(['doctor', path]);
    const told = await batondb(['doctor', path, '--progress']);
    expect(silent).toEqual({ code: 0, stdout: expect.stringContaining('no problem'), stderr: '' });
    expect(told.stdout).toBe(silent.stdout);
    expect(told.stderr).toMatch(/actors?, .* read, 0 problems/);
  });
});

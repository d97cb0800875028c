'use strict';

const { spawnSync } = require('node:child_process');
const { mkdirSync, symlinkSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const { Store } = require('../..');
const { ROOT, describeWhere, rejection, runNode, temporaryDirectory } = require('../helpers.js');

const directory = temporaryDirectory();

// What `retryable` promises (docs/errors.md): the same call may succeed later without anybody changing anything.
const NEVER = { code: 'ERR_UNAVAILABLE', retryable: false };

/** A program that opens a store and says how that ended. */
const opening = (options) => `
  const { Store } = require('./');
  const tell = ({ code, retryable, message }) => console.log(JSON.stringify({ code, retryable, message }));
  const open = () => Store.open(${JSON.stringify(options)}).then(() => tell({}), tell);
`;

/** What a program of a process of its own says. */
async function answer(program) {
  return JSON.parse((await runNode('-e', program)).stdout);
}

const onUnix = process.platform === 'win32' ? test.skip : test;

describe('a place that stays unusable is not worth a retry', () => {
  test('a part of the path is a file', async () => {
    const file = join(directory, 'file');
    writeFileSync(file, 'text');
    const error = await rejection(Store.open({ path: join(file, 'below') }));
    expect(error).toMatchObject(NEVER);
    expect(error.message).toContain(join(file, 'below'));
  });

  onUnix('a name is too long', async () => {
    expect(await rejection(Store.open({ path: join(directory, 'x'.repeat(300)) }))).toMatchObject(NEVER);
  });

  onUnix('links lead in a circle', async () => {
    const link = join(directory, 'link');
    symlinkSync(link, link);
    expect(await rejection(Store.open({ path: join(link, 'store') }))).toMatchObject(NEVER);
  });

  onUnix('the directory may not be entered', async () => {
    const closed = join(directory, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    // Rights do not hold root back, so it becomes somebody else; who is not root closes the directory.
    const rights = `
      if (process.geteuid() === 0) process.seteuid(65534);
      else require('node:fs').chmodSync(${JSON.stringify(closed)}, 0);
    `;
    const told = await answer(`${opening({ path: join(closed, 'store') })} ${rights} open();`);
    expect(told).toMatchObject(NEVER);
    expect(told.message).toContain('ermission denied');
  });

  test('there is no client library', async () => {
    const clientLibrary = join(directory, 'libfdb_c.so');
    const clusterFile = join(directory, 'fdb.cluster');
    writeFileSync(clusterFile, 'a:b@127.0.0.1:1');
    const told = await answer(
      `${opening({ foundationdb: { clusterFile, clientLibrary, prefix: 'p' } })} open();`,
    );
    expect(told).toMatchObject(NEVER);
    expect(told.message).toContain(clientLibrary);
  });
});

const mounts = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', directory]).status === 0;

describeWhere(mounts, 'this system lets nobody mount', 'a file system that is only read', () => {
  test('is not worth a retry', () => {
    const place = join(directory, 'mount');
    mkdirSync(place);
    const program = `${opening({ path: join(place, 'store') })} open();`;
    const shell = `mount -t tmpfs -o ro none ${place} && exec "$0" -e "$1"`;
    const { stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', shell, process.execPath, program], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    expect({ ...JSON.parse(stdout), stderr }).toMatchObject({ ...NEVER, stderr: '' });
    expect(stdout).toContain('Read-only file system');
  });
});

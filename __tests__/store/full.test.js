'use strict';

const { spawnSync } = require('node:child_process');
const { join } = require('node:path');
const { randomBytes } = require('node:crypto');

const { Store } = require('../..');
const { temporaryDirectory } = require('../helpers.js');

const directory = temporaryDirectory();

/** Inserts rows until an error comes, and says which one. */
async function fill(database) {
  for (let row = 0; row < 10_000; row += 1) {
    try {
      await database.run('INSERT INTO t (body) VALUES (?)', [randomBytes(50_000)]);
    } catch (error) {
      return { error, rows: row };
    }
  }
  throw new Error('the store was never full');
}

test('a store at its maxSizeBytes says ERR_QUOTA_EXCEEDED and loses nothing', async () => {
  const store = await Store.open({ path: join(directory, 'small'), maxSizeBytes: 8 * 1024 * 1024 });
  const database = await store.openDatabase('a');
  await database.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)');
  const { error, rows } = await fill(database);
  expect(error).toMatchObject({ code: 'ERR_QUOTA_EXCEEDED', retryable: false });
  expect(error.message).toContain('maxSizeBytes');
  expect(rows).toBeGreaterThan(20);
  expect((await database.get('SELECT count(*) AS n FROM t')).n).toBe(rows);
  await store.close();
});

const unix = process.platform === 'win32' ? test.skip : test;

unix('a full disk is ERR_QUOTA_EXCEEDED, and nothing that was acknowledged is lost', async () => {
  const path = join(directory, 'limited');
  const script = `
    const { Store } = require(${JSON.stringify(join(__dirname, '../..'))});
    const { randomBytes } = require('node:crypto');
    (async () => {
      const store = await Store.open({ path: ${JSON.stringify(path)} });
      const database = await store.openDatabase('a');
      await database.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)');
      let rows = 0;
      try {
        for (;;) {
          await database.run('INSERT INTO t (body) VALUES (?)', [randomBytes(50_000)]);
          rows += 1;
        }
      } catch ({ code, message }) {
        console.log(JSON.stringify({ code, message, rows }));
      }
      process.exit(0);
    })();`;
  // A limit on the size of files stands in for the disk; its signal would end the process.
  const limited = ['-c', `trap '' XFSZ && ulimit -f 8192 && exec "$0" -e "$1"`, process.execPath, script];
  const { stdout, stderr } = spawnSync('sh', limited, { encoding: 'utf8' });
  expect(stderr).toBe('');
  const { code, message, rows } = JSON.parse(stdout);
  expect(code).toBe('ERR_QUOTA_EXCEEDED');
  expect(message).toContain('disk');
  expect(rows).toBeGreaterThan(20);
  const store = await Store.open({ path });
  const database = await store.openDatabase('a');
  expect((await database.get('SELECT count(*) AS n FROM t')).n).toBe(rows);
  await database.run('INSERT INTO t (body) VALUES (?)', [randomBytes(50_000)]);
  await store.close();
});

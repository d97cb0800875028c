'use strict';

// What sync() has let through survives a kill, and what is there is a beginning of what was written: whole turns.

const { spawn } = require('node:child_process');
const { once } = require('node:events');

const { Store } = require('../../..');
const { durableObjectStorage } = require('../../../adapters/durable-object.js');
const { ROOT, temporaryDirectory } = require('../../helpers.js');

const PROGRAM = `
  const { Store } = require('batondb');
  const { durableObjectStorage } = require('batondb/durable-object');
  Store.open({ path: process.argv[1] }).then(async (store) => {
    const storage = durableObjectStorage(await store.openDatabase('a', { durability: 'deferred' }));
    storage.sql.exec('CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY)');
    let { n } = storage.sql.exec('SELECT coalesce(max(n), 0) AS n FROM t').one();
    for (;;) {
      for (let row = 0; row < 5; row += 1) {
        n += 1;
        storage.sql.exec('INSERT INTO t VALUES (?)', n);
        storage.transactionSync(() => {
          storage.kv.put('one', n);
          storage.kv.put('two', n);
        });
      }
      await storage.sync();
      process.stdout.write(n + '\\n');
    }
  });
`;

const path = temporaryDirectory();

test('a process that is killed', async () => {
  for (let kill = 0; kill < 4; kill += 1) {
    const child = spawn(process.execPath, ['-e', PROGRAM, path], { cwd: ROOT });
    let told = '';
    child.stdout.setEncoding('utf8');
    const enough = new Promise((resolve, reject) => {
      child.stdout.on('data', (text) => {
        told += text;
        if (told.split('\n').length > 20 + kill) resolve();
      });
      child.stderr.on('data', (text) => reject(new Error(String(text))));
    });
    await enough;
    child.kill('SIGKILL');
    await once(child, 'close');
    // The last line may be cut off.
    const last = Number(told.split('\n').at(-2));

    const store = await Store.open({ path });
    const storage = durableObjectStorage(await store.openDatabase('a'));
    const { rows, max } = storage.sql.exec('SELECT count(*) AS rows, max(n) AS max FROM t').one();
    expect(max).toBeGreaterThanOrEqual(last);
    expect(rows).toBe(max);
    const [one, two] = [storage.kv.get('one'), storage.kv.get('two')];
    // What is written without an await in between is there as a whole, or not at all.
    expect([one, two]).toEqual([max, max]);
    expect(max % 5).toBe(0);
    await store.close();
  }
}, 60_000);

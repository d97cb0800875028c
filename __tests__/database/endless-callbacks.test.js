// Functions, aggregates and collations that never return. Nothing of ours ends them: their thread is theirs.

'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { join } = require('node:path');

const { Store } = require('../..');
const { onEachSharedBackend, runNode } = require('../helpers.js');

const order = (left, right) => Number(left > right) - Number(left < right);

const FIXTURE = join(__dirname, '..', 'fixtures', 'endless-callback.js');

onEachSharedBackend((place) => {
  describe.each(['function', 'aggregate', 'collation'])('a %s that never returns', (kind) => {
    test('leaves nothing behind when its process is killed', async () => {
      const options = place();
      const child = spawn(process.execPath, [FIXTURE, JSON.stringify(options), kind, 'main']);
      await once(child.stdout, 'data');
      child.kill('SIGKILL');
      await once(child, 'close');
      const store = await Store.open(options);
      const db = await store.openDatabase('a', { allowBlocking: true });
      db.collation('endless', order);
      expect(db.allSync('SELECT a FROM t')).toEqual([{ a: 'kept' }]);
      expect(db.allSync('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
      db.runSync("INSERT INTO t VALUES ('later')");
      await store.close();
    });

    test('ends with its worker, and the others of the process go on', async () => {
      const { stdout, stderr } = await runNode(FIXTURE, JSON.stringify(place()), kind, 'worker');
      expect({ stdout, stderr }).toEqual({ stdout: 'kept,later\n', stderr: '' });
    });

    test('ends with the time limit of its code', async () => {
      const { stdout, stderr } = await runNode(FIXTURE, JSON.stringify(place()), kind, 'limit');
      expect({ stdout, stderr }).toEqual({ stdout: 'ERR_SCRIPT_EXECUTION_TIMEOUT\nkept\n', stderr: '' });
    });
  });
});

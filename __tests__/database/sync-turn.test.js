// Synchronous calls while another process stands still in the middle of a commit.

'use strict';

const { spawn } = require('node:child_process');
const { join } = require('node:path');

const { Store } = require('../..');
const { refused, temporaryDirectory } = require('../helpers.js');
const { describeOnLinux, startWriter, stopAmidACommit } = require('../store/sharing-helpers.js');

const directory = temporaryDirectory();

describeOnLinux('a writer that stands still', () => {
  let writer;
  let store;
  let stopped;
  let db;
  let patient;
  beforeEach(async () => {
    const path = join(directory, expect.getState().currentTestName.replace(/\W/gu, '-'));
    store = await Store.open({ path });
    db = await store.openDatabase('db');
    patient = await store.openDatabase('patient', { allowBlocking: true });
    for (const each of [db, patient]) await each.exec('CREATE TABLE t (n INTEGER PRIMARY KEY)');
    writer = await startWriter(path);
    stopped = await stopAmidACommit(writer, path);
  }, 60_000);
  afterEach(async () => {
    writer.kill('SIGCONT');
    writer.kill('SIGKILL');
    await stopped.insert.catch(() => {});
    await stopped.store.close();
    await store.close();
  });

  test('makes synchronous writes throw, and nothing else', async () => {
    const error = refused(() => db.runSync('INSERT INTO t VALUES (1)'));
    expect(error).toMatchObject({ code: 'ERR_WOULD_BLOCK', retryable: true });
    expect(error.message).toContain('nothing was written');
    expect(error.message).toContain('allowBlocking');
    const transaction = () =>
      db.transactionSync(() => {
        db.runSync('INSERT INTO t VALUES (2)');
        db.runSync('INSERT INTO t VALUES (3)');
      });
    expect(refused(transaction).code).toBe('ERR_WOULD_BLOCK');
    expect(db.isTransaction).toBe(false);
    expect(db.allSync('SELECT * FROM t')).toEqual([]);
    const waits = db.run('INSERT INTO t VALUES (4)');
    writer.kill('SIGCONT');
    await waits;
    writer.kill('SIGKILL');
    transaction();
    expect(db.allSync('SELECT n FROM t')).toEqual([{ n: 2 }, { n: 3 }, { n: 4 }]);
  });

  test('is waited for with allowBlocking', () => {
    const resumed = spawn('sh', [
      '-c',
      `sleep 0.5; kill -CONT ${writer.pid}; sleep 0.1; kill -KILL ${writer.pid}`,
    ]);
    patient.runSync('INSERT INTO t VALUES (1)');
    expect(patient.allSync('SELECT n FROM t')).toEqual([{ n: 1 }]);
    resumed.kill();
  });
});

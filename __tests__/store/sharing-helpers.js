'use strict';

const { spawn } = require('node:child_process');
const { join } = require('node:path');

const { Store } = require('../..');
const { describeWhere, ROOT } = require('../helpers.js');

/** Commits large pages without a pause, so that it is in the middle of a commit most of the time. */
const WRITER = `
  const { Store } = require(${JSON.stringify(join(ROOT, 'index.js'))});
  const { randomBytes } = require('node:crypto');
  (async () => {
    const store = await Store.open({ path: process.argv[1] });
    let { generation, meta } = await store.loadStartup('writer');
    let headTxid = meta.headTxid;
    const pages = Array.from({ length: 2000 }, (_, i) => ({ page: i + 1, data: randomBytes(4096) }));
    for (;;) {
      ({ txid: headTxid } = await store.commit('writer', { generation, headTxid, sizePages: 2000, pages }));
      process.stdout.write(headTxid + '\\n');
    }
  })();`;

/** Runs the tests on systems with SIGSTOP and locks of open files. */
function describeOnLinux(name, suite) {
  describeWhere(process.platform === 'linux', 'Linux only', name, suite);
}

/** Starts a process that commits all along, until it is killed. */
async function startWriter(path) {
  const child = spawn(process.execPath, ['-e', WRITER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  child.stdout.resume();
  return child;
}

/** What becomes of a promise within so long; `undefined` if nothing. */
function within(ms, promise) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
  const outcome = promise.then(
    (value) => ({ value }),
    (error) => ({ error }),
  );
  return Promise.race([outcome, late]).finally(() => clearTimeout(timer));
}

/** Stops a writer in the middle of a commit: whoever else wants to write has to wait. */
async function stopAmidACommit(writer, path) {
  const store = await Store.open({ path });
  const probe = await store.openDatabase('probe');
  await probe.exec('CREATE TABLE IF NOT EXISTS t (x)');
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 30));
    writer.kill('SIGSTOP');
    const insert = probe.run('INSERT INTO t VALUES (1)');
    if ((await within(500, insert)) === undefined) {
      // Its own store, so that what waits here is in nobody's way.
      insert.catch(() => {});
      return { store, insert };
    }
    writer.kill('SIGCONT');
  }
}

module.exports = { describeOnLinux, startWriter, stopAmidACommit, within };

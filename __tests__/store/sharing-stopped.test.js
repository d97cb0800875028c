'use strict';

const { hostname } = require('node:os');
const { join } = require('node:path');

const { Store } = require('../..');
const { batondb } = require('../cli/helpers.js');
const { temporaryDirectory } = require('../helpers.js');
const { describeOnLinux, startWriter, stopAmidACommit, within } = require('./sharing-helpers.js');

const directory = temporaryDirectory();
/** A hang is a failure; no machine is so busy that anything else takes as long. */
const HANG_MS = 60_000;
const TIMEOUT_MS = 4 * HANG_MS;

/** What a call ends with, which must be an error. */
async function refusal(promise) {
  const outcome = await within(HANG_MS, promise);
  expect(outcome).toMatchObject({ error: expect.any(Error) });
  return outcome.error;
}

describeOnLinux('a process that is stopped in the middle of a commit', () => {
  const path = join(directory, 'stopped');
  let writer;
  let stopped;
  let store;
  let database;
  let others;
  beforeAll(async () => {
    store = await Store.open({ path });
    // One for each write that waits, so that none waits for another one of these.
    [database, ...others] = await Promise.all(['a', 'b', 'c'].map((actor) => store.openDatabase(actor)));
    for (const each of [database, ...others]) await each.exec('CREATE TABLE t (x)');
    writer = await startWriter(path);
    stopped = await stopAmidACommit(writer, path);
  }, TIMEOUT_MS);
  afterAll(() => writer.kill('SIGKILL'));

  test(
    'stops no read, and no command that reads',
    async () => {
      expect(await within(HANG_MS, database.get('SELECT count(*) AS n FROM t'))).toEqual({ value: { n: 0 } });
      expect(await within(HANG_MS, store.ping())).toMatchObject({ value: { latencyMs: expect.any(Number) } });
      for (const command of [
        ['list', path],
        ['stat', path, 'a'],
        ['doctor', path, 'a'],
      ]) {
        const ended = await within(HANG_MS, batondb(command));
        expect({ command, ended }).toMatchObject({ command, ended: { value: { code: expect.any(Number) } } });
      }
    },
    TIMEOUT_MS,
  );

  test(
    'a write has an end, and its error says who is in the way',
    async () => {
      const error = await refusal(database.run('INSERT INTO t VALUES (1)'));
      expect(error).toMatchObject({ code: 'ERR_UNAVAILABLE', retryable: true });
      expect(error.message).toContain(String(writer.pid));
      expect(error.message).toContain(hostname());
    },
    TIMEOUT_MS,
  );

  test(
    'timeoutMs and signal hold for a write that waits',
    async () => {
      const late = await refusal(others[0].run('INSERT INTO t VALUES (2)', [], { timeoutMs: 1_000 }));
      expect(['ERR_ABORTED', 'ERR_UNAVAILABLE']).toContain(late.code);
      const signal = AbortSignal.timeout(1_000);
      const aborted = await refusal(others[1].run('INSERT INTO t VALUES (3)', [], { signal }));
      expect(['ERR_ABORTED', 'ERR_UNAVAILABLE']).toContain(aborted.code);
      const start = await refusal(store.loadStartup('d', { signal: AbortSignal.timeout(1_000) }));
      expect(['ERR_ABORTED', 'ERR_UNAVAILABLE']).toContain(start.code);
    },
    TIMEOUT_MS,
  );

  test('status() tells of it', async () => {
    const status = await store.status();
    expect(status.healthy).toBe(false);
    expect(status.messages.join(' ')).toContain(String(writer.pid));
  });

  test(
    'close() ends, and everything goes on when the process does',
    async () => {
      expect(await within(HANG_MS, store.close())).toEqual({ value: undefined });
      store = await Store.open({ path });
      expect(await store.stat('a')).toBeDefined();
      writer.kill('SIGCONT');
      expect(
        await within(
          HANG_MS,
          stopped.insert.catch(() => {}),
        ),
      ).toBeDefined();
      await stopped.store.close();
      expect(await store.stat('d')).toBeUndefined();
      for (const actor of ['a', 'b', 'c']) {
        const again = await store.openDatabase(actor);
        expect(await again.all('SELECT x FROM t')).toEqual([]);
        await again.run('INSERT INTO t VALUES (4)');
      }
      await store.close();
    },
    TIMEOUT_MS,
  );
});

// What operators are told of a store that several processes share: a read that keeps an old state, and a process that
// does not give the turn to write back.

'use strict';

const { closeSync, openSync, writeSync } = require('node:fs');
const { join } = require('node:path');

const { Store, setLogger } = require('../..');
const { batondb, jsonOf } = require('../cli/helpers.js');
const { page, startWith, temporaryDirectory } = require('../helpers.js');
const { describeOnLinux, startWriter, stopAmidACommit } = require('./sharing-helpers.js');

const directory = temporaryDirectory();
const TIMEOUT_MS = 240_000;
/** Where the file `processes` has since when the oldest state is kept, in milliseconds: docs in locks/processes.rs. */
const KEPT_SINCE_AT = 40;
/** Behind the minute from which on a kept state is told of. */
const KEPT_MS = 90_000;

afterEach(() => setLogger(null));

/** A logger's records of one name. */
function collect(name) {
  const records = [];
  const logger = setLogger({ filter: 'off,baton=warn' }, (record) => records.push(record));
  return async () => {
    await logger.flush();
    return records.filter((record) => record.name === name);
  };
}

/** A gauge of the store's metrics. */
function gauge(store, name) {
  const [, value] =
    new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'm').exec(store.metrics().toPrometheus()) ?? [];
  return Number(value);
}

/** Makes the state that is kept look as if it had been kept for longer: nobody waits a minute here. */
function backdate(path) {
  const file = openSync(join(path, 'processes'), 'r+');
  const since = Buffer.alloc(8);
  since.writeBigUInt64LE(BigInt(Date.now() - KEPT_MS));
  writeSync(file, since, 0, 8, KEPT_SINCE_AT);
  closeSync(file);
}

describeOnLinux('a read that keeps an old state', () => {
  const path = join(directory, 'kept');
  let store;
  let copying;
  let target;
  let letGo;
  beforeAll(async () => {
    store = await Store.open({ path, durability: 'relaxed' });
    target = await Store.open({ memory: true });
    // Large enough for a copy of several steps.
    await startWith(
      store,
      'large',
      Array.from({ length: 1_500 }, (_, index) => page(index % 250)),
    );
    await startWith(store, 'other', [page(1)]);
    const held = new Promise((resolve) => (letGo = resolve));
    let reading;
    const begun = new Promise((resolve) => (reading = resolve));
    // A copy is one read, and here it waits for its caller.
    copying = store.copyTo('large', target, {
      onProgress: ({ pagesDone }) => {
        if (pagesDone === 0) return undefined;
        reading();
        return held;
      },
    });
    await begun;
  }, TIMEOUT_MS);
  afterAll(() => store.close());

  const commits = async (count) => {
    let { generation, headTxid } = await store.stat('other');
    for (let commit = 0; commit < count; commit += 1) {
      const request = { generation, headTxid, sizePages: 1, pages: [{ page: 1, data: page(commit) }] };
      ({ txid: headTxid } = await store.commit('other', request));
    }
  };

  test(
    'is counted from the first commit on, and told of after a minute: metrics, status, doctor, stat, log',
    async () => {
      expect(gauge(store, 'baton_store_oldest_read_commits')).toBe(0);
      await commits(3);
      expect(gauge(store, 'baton_store_oldest_read_commits')).toBeGreaterThanOrEqual(3);
      expect(gauge(store, 'baton_store_oldest_read_seconds')).toBeLessThan(60);
      expect(gauge(store, 'baton_store_reads')).toBeGreaterThanOrEqual(1);
      expect((await store.status()).messages).toEqual([]);

      const told = collect('kv.old-read');
      backdate(path);
      expect(gauge(store, 'baton_store_oldest_read_seconds')).toBeGreaterThanOrEqual(60);
      const { available, healthy, messages } = await store.status();
      expect([available, healthy, messages.length]).toEqual([true, false, 1]);
      expect(messages[0]).toContain(`process ${process.pid} `);
      expect(messages[0]).toMatch(
        /has read one state since .+, \d+ commits ago, and the file grows meanwhile/,
      );

      const doctor = await batondb(['doctor', path, 'other', '--shallow']);
      expect([doctor.code, doctor.stdout]).toEqual([
        0,
        expect.stringContaining(`warning: process ${process.pid} `),
      ]);
      expect(await batondb(['doctor', path, 'other', '--shallow', '--strict'])).toMatchObject({ code: 1 });
      expect(await batondb(['stat', path])).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(new RegExp(`^healthy +no$[^]*^message: process ${process.pid} `, 'm')),
      });
      expect(await jsonOf(['stat', path])).toMatchObject({ available: true, healthy: false });

      // A look at the readers is due every so many batches of commits. It is told once, however often it is seen.
      await commits(2_000);
      const records = await told();
      expect(records).toHaveLength(1);
      expect(records[0]).toMatchObject({
        level: 'warn',
        fields: { reader: expect.stringContaining(`process ${process.pid} `) },
      });
      expect(Number(records[0].fields.seconds)).toBeGreaterThanOrEqual(60);
      expect(Number(records[0].fields.commits)).toBeGreaterThanOrEqual(3);
    },
    TIMEOUT_MS,
  );

  test('is over when it ends', async () => {
    letGo();
    await copying;
    await target.close();
    expect(gauge(store, 'baton_store_oldest_read_commits')).toBe(0);
    expect(gauge(store, 'baton_store_oldest_read_seconds')).toBe(0);
    expect(await store.status()).toMatchObject({ healthy: true, messages: [] });
  });
});

describeOnLinux('a process that is stopped while it has the turn to write', () => {
  test(
    'is told to the log by whoever waits, by name, and to the metrics',
    async () => {
      const path = join(directory, 'turn');
      const told = collect('kv.long-turn');
      const writer = await startWriter(path);
      const stopped = await stopAmidACommit(writer, path);
      try {
        // The write that met it waits for ten seconds at most, and is told of after three.
        await expect(stopped.insert).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' });
        expect(gauge(stopped.store, 'baton_store_write_turn_seconds')).toBeGreaterThanOrEqual(3);
        const [record] = await told();
        expect(record).toMatchObject({ level: 'warn', target: 'baton::kv' });
        expect(record.fields.holder).toContain(`process ${writer.pid} `);
        expect(record.fields.waited_ms).toBeGreaterThanOrEqual(3_000);
      } finally {
        writer.kill('SIGKILL');
        await stopped.store.close();
      }
    },
    TIMEOUT_MS,
  );
});

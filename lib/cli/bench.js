// batondb bench: measures how fast this store is on this machine.

'use strict';

const { randomBytes, randomUUID } = require('node:crypto');

const { VARIABLE } = require('../addon/addon-file.js');
const { NativeStore } = require('../addon/native.js');
const { count, table } = require('./output.js');
const { option: progressOption } = require('./progress.js');
const { whole } = require('./usage.js');

const PAGE_BYTES = 4096;
const PAGES = 64;
const ACTORS = 16;

/**
 * @typedef {object} Measured
 * @property {string} what
 * @property {number} perSecond
 * @property {number} p50Ms
 * @property {number} p99Ms
 */

/** @type {import('./usage.js').Command} */
const command = {
  name: 'bench',
  summary: 'measure how fast a store is on this machine',
  args: ['<store>'],
  help: `Starts, commits and reads actors of its own, whose ids begin with batondb-bench-, and deletes them in the end. The
store must be there. Each figure takes --seconds; other load on the machine shows in them.`,
  options: {
    seconds: { type: 'string', value: 'N', help: 'how long to measure each figure, 1 to 60 (2)' },
    json: { type: 'boolean', help: 'as an object' },
    progress: progressOption,
  },
  examples: ['batondb bench ./data', 'batondb bench foundationdb:myapp/actors --seconds 10 --json'],
  changes: true,
  async run({ values, out, open, progress, signal, note }) {
    const seconds = whole(values.seconds ?? '2', 'seconds', 1, 60) ?? 2;
    const store = await open();
    const profile = NativeStore.buildProfile();
    // A user who asks for the addon of the tests knows that it is slow.
    if (profile !== 'release' && process.env[VARIABLE] === undefined) {
      note(`batondb: this addon is a ${profile} build, several times as slow as a release: npm run build`);
    }
    const prefix = `batondb-bench-${randomUUID()}-`;
    const actors = Array.from({ length: ACTORS }, (_, index) => new BenchActor(store, `${prefix}${index}`));
    /** @type {Measured[]} */
    const measured = [];
    const plans = /** @type {[string, BenchActor[], (actor: BenchActor) => Promise<void>][]} */ ([
      ['commits of a page, 1 actor', actors.slice(0, 1), (actor) => actor.commit(1)],
      [`commits of a page, ${ACTORS} actors`, actors, (actor) => actor.commit(1)],
      [`commits of ${PAGES} pages, 1 actor`, actors.slice(0, 1), (actor) => actor.commit(PAGES)],
      ['reads of a page, 1 actor', actors.slice(0, 1), (actor) => actor.read()],
      [`reads of a page, ${ACTORS} actors`, actors, (actor) => actor.read()],
      ['starts, 1 actor', actors.slice(0, 1), (actor) => actor.start()],
      [`starts, ${ACTORS} actors`, actors, (actor) => actor.start()],
    ]);
    try {
      await Promise.all(actors.map((actor) => actor.prepare()));
      for (const [index, [what, chosen, step]] of plans.entries()) {
        progress.show(what, index / plans.length);
        measured.push(await measure(what, chosen, step, seconds, signal));
        if (signal.aborted) break;
      }
    } finally {
      progress.clear();
      await Promise.all(actors.map((actor) => store.delete(actor.id))).catch((error) => {
        note(`batondb: actors that begin with ${prefix} are left: ${error.message}`);
      });
    }
    if (values.json) {
      await out.json({ pageBytes: PAGE_BYTES, seconds, measured });
      return;
    }
    const rows = measured.map(({ what, perSecond, p50Ms, p99Ms }) => [
      what,
      count(Math.round(perSecond)),
      p50Ms.toFixed(2),
      p99Ms.toFixed(2),
    ]);
    await out.line(table(['WHAT', 'A SECOND', 'P50 MS', 'P99 MS'], rows, [1, 2, 3]));
  },
};

class BenchActor {
  #store;
  #generation = 0n;
  #headTxid = 0n;

  /**
   * @param {InstanceType<typeof import('../store/store.js').Store>} store
   * @param {string} id
   */
  constructor(store, id) {
    this.#store = store;
    this.id = id;
  }

  async start() {
    const { generation, meta } = await this.#store.loadStartup(this.id);
    this.#generation = generation;
    this.#headTxid = meta.headTxid;
  }

  async prepare() {
    await this.start();
    await this.commit(PAGES);
  }

  /** @param {number} pages */
  async commit(pages) {
    const { txid } = await this.#store.commit(this.id, {
      generation: this.#generation,
      headTxid: this.#headTxid,
      sizePages: PAGES,
      pages: Array.from({ length: pages }, (_, index) => ({ page: index + 1, data: content() })),
    });
    this.#headTxid = txid;
  }

  async read() {
    const page = 1 + Math.floor(Math.random() * PAGES);
    await this.#store.getPages(this.id, { generation: this.#generation, pages: [page] });
  }
}

/** Half of a page is zeros, roughly as in real databases. */
function content() {
  const data = Buffer.alloc(PAGE_BYTES);
  randomBytes(PAGE_BYTES / 2).copy(data);
  return data;
}

/**
 * @param {string} what
 * @param {BenchActor[]} actors
 * @param {(actor: BenchActor) => Promise<void>} step
 * @param {number} seconds
 * @param {AbortSignal} signal
 * @returns {Promise<Measured>}
 */
async function measure(what, actors, step, seconds, signal) {
  /** @type {number[]} */
  const times = [];
  const begun = performance.now();
  const end = begun + seconds * 1_000;
  await Promise.all(
    actors.map(async (actor) => {
      while (performance.now() < end && !signal.aborted) {
        const before = performance.now();
        await step(actor);
        times.push(performance.now() - before);
      }
    }),
  );
  const elapsed = (performance.now() - begun) / 1_000;
  times.sort((one, other) => one - other);
  /** @param {number} part */
  const quantile = (part) => times[Math.min(times.length - 1, Math.floor(part * times.length))] ?? 0;
  return { what, perSecond: times.length / elapsed, p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}

module.exports = command;

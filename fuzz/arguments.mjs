// Hostile arguments for every method of Store, Database, Transaction and Statement. Each call must end in a result or
// in an error with a code that is documented (or in what the caller's own getter threw), within a time, without an
// unhandled rejection; and what another actor holds must be there afterwards.
//
//   node fuzz/arguments.mjs [--seed N] [--calls N] [--seconds N] [--trace]

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { Store } from '../index.js';
import { Draw } from './draw.mjs';
import { Hostile } from './hostile.mjs';
import { mutated } from './mutated.mjs';
import { isAllowed } from './outcomes.mjs';

const HANG_MS = 30_000;
const SQL = [
  'SELECT 1',
  'SELECT ?',
  'SELECT ?, ?',
  'SELECT :a',
  'SELECT $a, @a',
  'INSERT INTO t VALUES (?, ?)',
  'INSERT INTO t VALUES (1, 2) RETURNING *',
  'SELECT * FROM t LIMIT 700',
  'UPDATE t SET b = ?',
  'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i FROM n',
  'SELECT 9007199254740993',
  'BEGIN',
  'COMMIT',
  'ROLLBACK',
  'SELECT',
  '',
  '-- nothing',
  'SELECT 1; SELECT 2',
  'VACUUM',
  'DELETE FROM t',
];
const KEPT_ROWS = [
  { a: 1, b: 'kept' },
  { a: 2, b: 'as it is' },
];

const { values: options } = parseArgs({
  options: {
    seed: { type: 'string' },
    calls: { type: 'string', default: '5000' },
    seconds: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
});
const seed = Number(options.seed ?? Math.floor(Math.random() * 2 ** 32));
const calls = Number(options.calls);
const deadline =
  options.seconds === undefined ? Infinity : performance.now() + 1000 * Number(options.seconds);
console.log(`node fuzz/arguments.mjs --seed ${seed} --calls ${calls}`);

// Relative paths among the arguments stay in here.
const directory = mkdtempSync(join(tmpdir(), 'baton-fuzz-'));
const home = process.cwd();
process.chdir(directory);
process.on('exit', () => {
  process.chdir(home);
  rmSync(directory, { recursive: true, force: true });
});

let current = 'the start';

/** @param {string} what @param {unknown} error */
function fail(what, error) {
  console.error(`seed ${seed}: ${current}: ${what}`);
  console.error(error);
  process.exit(1);
}

process.on('unhandledRejection', (error) => fail('a rejection that nobody handles', error));
process.on('uncaughtException', (error) => fail('an exception that nobody catches', error));

/** Waits for a call; it may fail, but not in any way, and not for ever. */
async function settled(call) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, HANG_MS, 'late');
  });
  try {
    if ((await Promise.race([call.then(() => 'in time'), late])) === 'late') {
      fail(`no answer within ${HANG_MS} ms`, current);
    }
  } catch (error) {
    if (!isAllowed(error)) {
      fail('an error that is not documented', error);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Calls a method that answers a promise. */
function start(object, method, args) {
  try {
    const answer = object[method](...args);
    if (typeof answer?.then !== 'function') {
      fail('the answer is no promise', answer);
    }
    return answer;
  } catch (error) {
    return fail('thrown, where a promise should reject', error);
  }
}

/** Takes some of what an iteration has. */
async function iterated(object, method, args, draw) {
  let left = draw.below(5);
  for await (const _ of object[method](...args)) {
    if (left === 0) {
      break;
    }
    left -= 1;
  }
}

const QUERY = ['SELECT ?, ?', [1, 'two'], { rowMode: 'array', readBigInts: false, timeoutMs: 5_000 }];
const page = new Uint8Array(4096);

/** The methods that run SQL, each with arguments that are right. */
const QUERIES = {
  exec: ['SELECT 1', { timeoutMs: 5_000 }],
  run: QUERY,
  get: QUERY,
  all: QUERY,
  iterate: QUERY,
  prepare: ['SELECT ?', { timeoutMs: 5_000 }],
  batch: [['SELECT 1', { sql: 'SELECT ?', params: [1] }], { rowMode: 'array' }],
  transaction: [(tx) => tx.get('SELECT 1'), { behavior: 'immediate', timeoutMs: 5_000 }],
};
const OF_STATEMENT = {
  run: [[1], { rowMode: 'array' }],
  get: [[1], {}],
  all: [[1], { readBigInts: true }],
  iterate: [[1], {}],
};

/** Those of a store. `raw` is what the last start of an actor of pages has answered. */
function ofStore(raw) {
  const { generation, headTxid } = raw;
  const preload = { pages: [1, 2], ranges: [{ start: 1, end: 9 }], hints: true, maxBytes: 4096 };
  return {
    loadStartup: ['raw', { preload }],
    getPages: ['raw', { generation, pages: [1, 2, 3], headTxid }],
    commit: [
      'raw',
      {
        generation,
        headTxid,
        sizePages: 3,
        pages: [
          { page: 1, data: page },
          { page: 3, data: Buffer.from(page) },
        ],
      },
    ],
    stat: ['raw'],
    list: [{ prefix: 'r', after: 'a', limit: 5 }],
    actors: [{ prefix: '' }],
    delete: ['gone'],
    importFrom: ['imported', 'exported.sqlite', { replace: true }],
    exportTo: ['kept', 'exported.sqlite', { overwrite: true }],
    serialize: ['kept', {}],
    openDatabase: [
      'other',
      { preload, readAhead: true, maxQueuedCalls: 9, transactionTimeoutMs: 300, onFenced() {} },
    ],
    migrateV1: [
      'gone',
      [
        { key: Uint8Array.of(8, 1, 0, 0), value: Uint8Array.of(1, 0, 0, 16, 0, 0, 0, 0, 0, 0) },
        { key: Uint8Array.of(8, 1, 1, 0, 0, 0, 0, 0), value: page },
      ],
      {},
    ],
    prepareV1Migration: ['gone'],
    invalidateV1Migration: ['gone'],
    inspect: ['kept'],
    verify: [{ prefix: 'r', deep: false, onProgress() {} }],
    copyTo: ['kept', 'another store', { replace: false, onProgress() {} }],
    ping: [{}],
    status: [],
  };
}

/** A round with one store: the actors that are called at, and one that must stay as it is. */
class Round {
  #store;
  #db;
  #raw;
  #statement;

  async open(number) {
    const place = number % 2 === 0 ? { memory: true } : { path: `store-${number}`, durability: 'relaxed' };
    this.#store = await Store.open(place);
    const kept = await this.#store.openDatabase('kept');
    await kept.exec("CREATE TABLE t(a, b); INSERT INTO t VALUES (1, 'kept'), (2, 'as it is')");
    await kept.close();
    await this.renew();
  }

  /** Opens what a call has closed or taken over. */
  async renew() {
    this.#db = await this.#store.openDatabase('sql', { transactionTimeoutMs: 300 });
    await this.#db.exec('CREATE TABLE IF NOT EXISTS t(a, b)');
    await this.#db.exec('DELETE FROM t WHERE rowid > 50');
    this.#statement = await this.#db.prepare('SELECT ?');
    const { generation, meta } = await this.#store.loadStartup('raw');
    this.#raw = { generation, headTxid: meta.headTxid };
  }

  /** In the middle of another call. */
  #meddle() {
    const nothing = () => {};
    this.#db.get('SELECT ?', ['meddled']).catch(nothing);
    this.#store.stat('raw').catch(nothing);
  }

  #hostile(draw) {
    return new Hostile(draw, () => this.#meddle());
  }

  #arguments(valid, draw) {
    const hostile = this.#hostile(draw);
    const args = [...valid];
    if (typeof args[0] === 'string' && /^SELECT/.test(args[0])) {
      args[0] = draw.of(SQL);
    }
    const count = draw.of([0, 1, 1, 1, 2]);
    for (let mutations = 0; mutations < count; mutations += 1) {
      const index = draw.below(args.length + 1);
      // An argument too many, too few, or of another kind.
      args[index] = index < valid.length ? mutated(valid[index], hostile, draw) : hostile.value();
    }
    if (draw.oneIn(12)) {
      args.length = draw.below(args.length + 1);
    }
    return args;
  }

  /** One call of one method, by name. */
  #call(label, object, methods, draw) {
    const method = draw.of(Object.keys(methods));
    const args = this.#arguments(methods[method], draw);
    if (args[0] === 'kept' && !['exportTo', 'serialize', 'inspect', 'copyTo'].includes(method)) {
      args[0] = 'not kept';
    }
    current = `${label}.${method}`;
    if (options.trace) {
      console.log(current);
    }
    return method === 'iterate' || method === 'actors'
      ? iterated(object, method, args, draw.fork())
      : start(object, method, args);
  }

  /** Choices of its own, so that calls which run side by side do not take them from each other. */
  async call(draw) {
    switch (draw.below(12)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return this.#call('store', this.#store, ofStore(this.#raw), draw);
      case 4:
        return this.#inTransaction(draw);
      case 5:
        return this.#call('statement', this.#statement, OF_STATEMENT, draw);
      case 6:
        return this.#openStore(draw);
      case 7:
        this.#statement.columns(this.#hostile(draw).value());
        this.#db.stats(this.#hostile(draw).value());
        return undefined;
      default:
        return this.#call('database', this.#db, QUERIES, draw);
    }
  }

  async #inTransaction(draw) {
    const times = draw.below(3) + 1;
    return this.#db.transaction(async (tx) => {
      for (let time = 0; time < times; time += 1) {
        await this.#call('transaction', tx, QUERIES, draw);
      }
    });
  }

  async #openStore(draw) {
    const valid = draw.of([
      { memory: true, cacheBytes: 1 << 20 },
      { path: 'another', durability: 'relaxed', maxSizeBytes: 1 << 26 },
      { foundationdb: { prefix: '', timeoutMs: 100 } },
    ]);
    current = 'Store.open';
    const store = await start(Store, 'open', this.#arguments([valid], draw));
    await start(store, 'close', [this.#hostile(draw).value()]);
  }

  /** Whether everything still works, and nobody has touched what is kept. */
  async check() {
    current = 'the check';
    // A transaction that a statement has begun is in the way of others, and of nobody else.
    await this.#db.exec('ROLLBACK').catch(() => {});
    await this.#db.close().catch((error) => fail('closing', error));
    await this.renew();
    const kept = await this.#store.openDatabase('kept');
    const rows = await kept.all('SELECT a, b FROM t ORDER BY a');
    if (JSON.stringify(rows) !== JSON.stringify(KEPT_ROWS)) {
      fail('what another actor holds has changed', rows);
    }
    await kept.close();
    const sound = await this.#db.get('PRAGMA integrity_check');
    if (sound.integrity_check !== 'ok') {
      fail('a database is damaged', sound);
    }
  }

  async close() {
    await start(this.#store, 'close', []);
  }
}

const CALLS_A_ROUND = 500;
const CALLS_A_CHECK = 50;
const draw = new Draw(seed);
let done = 0;

for (let number = 0; done < calls && performance.now() < deadline; number += 1) {
  const round = new Round();
  await round.open(number);
  for (let call = 1; call <= CALLS_A_ROUND && done < calls; call += 1) {
    // Now and then several at once.
    const together = draw.oneIn(4) ? 3 : 1;
    await Promise.all(Array.from({ length: together }, () => settled(round.call(draw.fork()))));
    done += together;
    if (call % CALLS_A_CHECK === 0) {
      await round.check();
    }
  }
  await round.check();
  await round.close();
}
console.log(`${done} calls, each with a result or a documented error`);

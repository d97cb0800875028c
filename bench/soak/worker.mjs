// One process of the soak: opens actors, works on them, loses them to others, closes and deletes them, and tells
// the coordinator what it was told. It ends when it is asked to, or is killed.

import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { Store, isBatonError } from '../../index.mjs';
import { SqlActor, useRawPages } from './actors.mjs';
import { gauges } from './gauges.mjs';
import { chance } from './random.mjs';

/** What a call on an actor may end with besides success: somebody else was faster. */
const EXPECTED = new Set(['ERR_FENCE_MISMATCH', 'ERR_NOT_FOUND', 'ERR_CONCURRENT_TAKEOVER']);
/** On a cluster answers get lost, and it may be busy. */
const EXPECTED_OF_CLUSTER = new Set(['ERR_COMMIT_UNKNOWN', 'ERR_UNAVAILABLE']);
const LANES = 24;
const PAUSE_MS_MAX = 20;
const REPORTS_EVERY_MS = 50;
const SAMPLE_EVERY_MS = 1_000;
/** One actor in so many has raw pages, one in so many a large row. */
const RAW_PART = 10;
const LARGE_PART = 50;

const { options, seeds, actors, residents: residentsMax } = JSON.parse(process.argv[2]);
const isCluster = options.foundationdb !== undefined;
/** @type {Map<string, SqlActor>} The databases that this process has open, by handle and actor. */
const residents = new Map();
/** @type {unknown[][]} */
let reports = [];
/** @type {Map<string, () => void>} */
const permitted = new Map();
/** @type {Record<string, number>} */
let counts = {};
let stopping = false;

function count(what) {
  counts[what] = (counts[what] ?? 0) + 1;
}

function fail(error, what) {
  const details = isBatonError(error) ? { ...error, code: error.code } : {};
  process.send?.({
    type: 'failed',
    what,
    message: `${error?.stack ?? error} ${JSON.stringify(details, bigints)}`,
  });
}

function bigints(_, value) {
  return typeof value === 'bigint' ? String(value) : value;
}

/** Runs a call. Whether it went well; an error that may come is counted, any other ends the soak. */
async function attempt(what, call) {
  try {
    await call();
    count(what);
    return true;
  } catch (error) {
    const code = isBatonError(error) ? error.code : 'no BatonError';
    count(code);
    if (!EXPECTED.has(code) && !(isCluster && EXPECTED_OF_CLUSTER.has(code))) {
      fail(error, what);
    }
    return false;
  }
}

function report(kind, id, generation, life, link) {
  reports.push([kind, id, generation, life, link]);
}

const isRaw = (number) => number % RAW_PART === RAW_PART - 1;
const isLarge = (number) => number % LARGE_PART === 0;

async function takeOver(store, handle, number, random) {
  const id = `actor-${number}`;
  // Not from the seed: no other life of the actor may have the number.
  const newLife = randomInt(1, 2 ** 31);
  if (isRaw(number)) {
    const links = 1 + random.below(3);
    await attempt('raw', () =>
      useRawPages(store, id, newLife, links, (kind, ...rest) => report(kind, id, ...rest)),
    );
    return;
  }
  const key = `${handle}/${number}`;
  if (residents.get(key)?.busy) {
    return;
  }
  await drop(key);
  await attempt('takeover', async () => {
    const onFenced = random.below(4) === 0 ? () => count('onFenced') : undefined;
    const actor = await SqlActor.open(store, id, newLife, { onFenced });
    if (!actor) {
      return count('lost a race');
    }
    report('found', id, actor.generation, actor.life, actor.link);
    // Another lane may have been as fast.
    const other = residents.get(key);
    if (other) {
      await actor.close();
    } else {
      residents.set(key, actor);
    }
  });
  while (residents.size > residentsMax) {
    const oldest = [...residents].find(([, actor]) => !actor.busy)?.[0];
    if (oldest === undefined) {
      break;
    }
    await drop(oldest);
  }
}

async function drop(key) {
  const actor = residents.get(key);
  if (actor && !actor.busy) {
    residents.delete(key);
    await actor.close();
    count('close');
  }
}

async function work(key, number, random) {
  const actor = residents.get(key);
  if (!actor || actor.busy) {
    return;
  }
  actor.busy = true;
  const weights = { write: 60, read: 25, transact: 12, readMuch: 2, writeMuch: isLarge(number) ? 5 : 0 };
  const what = random.pick(weights);
  const { generation, life } = actor;
  const went = await attempt(what, () => actor[what]());
  if (went) {
    report('told', actor.id, generation, life, actor.link);
  }
  actor.busy = false;
  if (!went) {
    await drop(key);
  }
}

async function remove(store, number) {
  const id = `actor-${number}`;
  if (permitted.has(id)) {
    return;
  }
  // The coordinator has to know before anybody can see the actor gone.
  await new Promise((resolve) => {
    permitted.set(id, () => resolve(undefined));
    process.send?.({ type: 'deletes', id });
  });
  await attempt('delete', () => store.delete(id));
  permitted.delete(id);
}

async function lane(stores, random) {
  while (!stopping) {
    const handle = random.below(stores.length);
    const action = random.pick({ work: 80, open: 14, close: 5, delete: 1 });
    const keys = [...residents.keys()];
    const key = keys[random.below(keys.length)];
    if (action === 'open' || key === undefined) {
      await takeOver(stores[handle], handle, random.below(actors), random);
    } else if (action === 'work') {
      await work(key, Number(key.split('/')[1]), random);
    } else if (action === 'close') {
      await drop(key);
    } else {
      await remove(stores[handle], random.below(actors));
    }
    await sleep(random.next() * PAUSE_MS_MAX);
  }
}

function send() {
  if (reports.length > 0) {
    process.send?.({ type: 'reports', reports });
    reports = [];
  }
}

async function main() {
  // Two handles on one store take actors over from each other inside this process, too. A store in memory
  // would be another one.
  const handles = options.memory ? 1 : 2;
  const stores = await Promise.all(Array.from({ length: handles }, () => Store.open(options)));
  const sample = gauges();
  const timers = [
    setInterval(send, REPORTS_EVERY_MS),
    setInterval(() => {
      process.send?.({ type: 'sample', sample: sample(), counts, open: residents.size });
      counts = {};
    }, SAMPLE_EVERY_MS),
  ];
  const lanes = Array.from({ length: LANES }, (_, number) => lane(stores, chance(...seeds, number)));
  await Promise.all(lanes);
  for (const key of [...residents.keys()]) {
    await drop(key);
  }
  await Promise.all(stores.map((store) => store.close()));
  timers.forEach((timer) => clearInterval(timer));
  send();
  process.send?.({ type: 'done', counts });
  process.disconnect();
}

process.on('message', (/** @type {any} */ message) => {
  if (message.type === 'stop') {
    stopping = true;
  } else {
    permitted.get(message.id)?.();
  }
});
process.on('disconnect', () => process.exit());
main().catch((error) => fail(error, 'the process'));

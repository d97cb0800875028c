// A thousand actors for hours: opened, worked on, taken over from each other by several processes, closed,
// deleted, and some of the processes killed. What was acknowledged must be found by the next owner, and the
// process that lives from beginning to end must hold no more in the end than soon after the beginning.
//
//   npm run soak -- --minutes 15
//   npm run soak -- --help

import { fork } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { gauges } from './soak/gauges.mjs';
import { Model } from './soak/model.mjs';
import { chance } from './soak/random.mjs';
import { verdict } from './soak/verdict.mjs';
import { Complaint, table, title, whole } from './sql/report.mjs';

const HELP = `Usage: npm run soak -- [options]

  --minutes N            how long (default 15)
  --actors N             how many actors (default 1000)
  --processes N          how many processes; the first is never killed (default 3)
  --seed N               of the choices that are made (default from the clock)
  --every N              seconds between two lines (default 15)
  --durability WORD      strict or relaxed (default relaxed: more operations on the same disk)
  --directory PATH       where the store is made and removed again (default the temporary directory)
  --foundationdb PREFIX  on the cluster of FDB_CLUSTER_FILE instead
  --memory               in memory, one process
  --no-verdict           do not judge memory, handles and stalls, as for a run of seconds
  --help                 this text`;

const WORKER = fileURLToPath(new URL('./soak/worker.mjs', import.meta.url));
/** How long a process that may be killed lives, at most a third of the run, and how long it is away. */
const KILL_AFTER_MS = [2_000, 20_000];
const AWAY_MS = 500;
/** A process that is asked to end does so in this time, on a machine that does other things, too. */
const END_MS = 60_000;
/** Before that caches and the allocator are still filling, which looks like a leak. */
const SAMPLES_MIN = 240;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '15' },
    actors: { type: 'string', default: '1000' },
    processes: { type: 'string', default: '3' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    every: { type: 'string', default: '15' },
    durability: { type: 'string', default: 'relaxed' },
    directory: { type: 'string', default: tmpdir() },
    foundationdb: { type: 'string' },
    memory: { type: 'boolean', default: false },
    'no-verdict': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** @param {'minutes' | 'actors' | 'processes' | 'seed' | 'every'} name */
function number(name) {
  const value = Number(values[name]);
  if (!(value > 0)) {
    throw new Complaint(`--${name} takes a number above 0, got ${values[name]}`);
  }
  return value;
}

/** @param {string} directory */
function bytesBelow(directory) {
  // What is allocated: the file of the embedded engine has holes.
  return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).blocks * 512, 0);
}

class Soak {
  /** @type {import('node:child_process').ChildProcess[]} */
  workers = [];
  /** @type {import('./soak/gauges.mjs').Sample[]} Of the process that is never killed. */
  samples = [];
  /** @type {import('./soak/gauges.mjs').Sample[]} Of this process, which has little to do. */
  witness = [];
  /** @type {Record<string, number>} */
  counts = {};
  open = 0;
  /** @type {string | undefined} */
  failure;
  model = new Model();
  ending = false;

  constructor(options, settings) {
    this.options = options;
    this.settings = settings;
    this.random = chance(settings.seed);
  }

  start(index, life = 0) {
    const { seed, actors, processes } = this.settings;
    const residents = Math.ceil(actors / processes);
    const config = { options: this.options, seeds: [seed, index, life], actors, residents };
    const worker = fork(WORKER, [JSON.stringify(config)], { execArgv: ['--expose-gc'] });
    this.workers[index] = worker;
    worker.on('message', (message) => this.hear(index, worker, message));
    worker.on('exit', (code, signal) => {
      if (signal === 'SIGKILL' && !this.ending) {
        setTimeout(() => this.ending || this.start(index, life + 1), AWAY_MS);
      } else if (code !== 0 && !this.ending) {
        this.failure ??= `process ${index} ended with ${signal ?? code}`;
      }
    });
    if (index > 0) {
      const [least, most] = KILL_AFTER_MS;
      const after = least + this.random.next() * (Math.min(most, this.settings.ms / 3) - least);
      setTimeout(() => this.kill(worker), after).unref();
    }
  }

  kill(worker) {
    if (!this.ending && worker.exitCode === null) {
      worker.kill('SIGKILL');
      this.count('kill');
    }
  }

  count(what, times = 1) {
    this.counts[what] = (this.counts[what] ?? 0) + times;
  }

  hear(index, worker, message) {
    try {
      this.take(index, worker, message);
    } catch (error) {
      this.failure ??= String(error);
    }
  }

  take(index, worker, message) {
    if (message.type === 'reports') {
      for (const [kind, ...rest] of message.reports) {
        this.model[kind](...rest);
      }
    } else if (message.type === 'deletes') {
      this.model.deletes(message.id);
      worker.connected && worker.send({ type: 'permitted', id: message.id }, () => {});
    } else if (message.type === 'failed') {
      this.failure ??= `process ${index}, ${message.what}: ${message.message}`;
    } else {
      Object.entries(message.counts).forEach(([what, times]) => this.count(what, times));
      if (message.type === 'sample' && index === 0) {
        this.samples.push(message.sample);
        this.open = message.open;
      }
    }
  }

  /** Ends all processes. Whether they ended by themselves. */
  async end() {
    this.ending = true;
    const running = this.workers.filter((worker) => worker.exitCode === null && worker.signalCode === null);
    const ends = running.map((worker) => new Promise((resolve) => worker.once('exit', resolve)));
    running.forEach((worker) => worker.connected && worker.send({ type: 'stop' }, () => {}));
    const late = setTimeout(() => {
      this.failure ??= 'a process does not end';
      running.forEach((worker) => worker.kill('SIGKILL'));
    }, END_MS);
    await Promise.all(ends);
    clearTimeout(late);
  }

  line(seconds, directory) {
    const sample = this.samples.at(-1);
    if (!sample) {
      return;
    }
    const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
    const { delay } = sample;
    const calls = [
      'write',
      'read',
      'transact',
      'readMuch',
      'writeMuch',
      'raw',
      'takeover',
      'close',
      'delete',
    ];
    const operations = calls.reduce((sum, call) => sum + (this.counts[call] ?? 0), 0);
    console.log(
      `${String(Math.round(seconds)).padStart(5)} s  ${whole(operations / seconds)} op/s  ${this.open} open  ` +
        `anon ${mib(sample.anonymous)}  heap ${mib(sample.heap)}  external ${mib(sample.external)}  ` +
        `${sample.handles} handles  ${sample.threads} threads  ` +
        `loop p50 ${delay.p50.toFixed(1)} p99 ${delay.p99.toFixed(1)} p99.9 ${delay.p999.toFixed(1)} max ${delay.max.toFixed(1)} ms` +
        (directory ? `  disk ${mib(bytesBelow(directory))}` : ''),
    );
  }
}

async function run() {
  const settings = {
    seed: number('seed'),
    actors: number('actors'),
    ms: number('minutes') * 60_000,
    processes: values.memory ? 1 : number('processes'),
  };
  const directory =
    values.memory || values.foundationdb ? undefined : mkdtempSync(join(values.directory, 'baton-soak-'));
  // Small, so that it is full soon and what is left to grow is a leak.
  const cacheBytes = 8 * 2 ** 20;
  const options = values.memory
    ? { memory: true, cacheBytes }
    : values.foundationdb
      ? { foundationdb: { prefix: values.foundationdb }, cacheBytes }
      : { path: directory, durability: values.durability, cacheBytes };
  const place = values.memory
    ? 'memory'
    : values.foundationdb
      ? 'FoundationDB'
      : `embedded, ${values.durability}`;
  title(`${settings.actors} actors, ${settings.processes} processes, ${place}; seed ${settings.seed}`);
  const soak = new Soak(options, settings);
  for (let index = 0; index < settings.processes; index += 1) {
    soak.start(index);
  }
  const begin = performance.now();
  const seconds = () => (performance.now() - begin) / 1000;
  const sample = gauges();
  let lines = 0;
  while (seconds() < number('minutes') * 60 && !soak.failure) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    soak.witness.push(sample());
    if (seconds() >= (lines + 1) * number('every')) {
      lines += 1;
      soak.line(seconds(), directory);
    }
  }
  await soak.end();
  soak.line(seconds(), directory);
  console.log(`\n${JSON.stringify(soak.counts)}`);
  if (directory) {
    rmSync(directory, { recursive: true, force: true });
  }
  if (soak.failure) {
    console.error(`\nFAILED after ${Math.round(seconds())} s (seed ${settings.seed}): ${soak.failure}`);
    return false;
  }
  return values['no-verdict'] || judge(soak);
}

/** @param {Soak} soak */
function judge(soak) {
  if (soak.samples.length < SAMPLES_MIN) {
    throw new Complaint(`a verdict takes ${SAMPLES_MIN} seconds at least; --no-verdict does without`);
  }
  const found = verdict(soak.samples, soak.witness);
  const heading = ['', 'second quarter', 'last quarter', 'at most', ''];
  const rows = found.map(({ what, second, last, most, passed }) => [
    what,
    second.toFixed(1),
    last.toFixed(1),
    most.toFixed(1),
    passed ? 'passed' : 'FAILED',
  ]);
  console.log();
  table([heading, ...rows]);
  return found.every(({ passed }) => passed);
}

if (values.help) {
  console.log(HELP);
} else {
  run().then(
    (passed) => {
      process.exitCode = passed ? 0 : 1;
    },
    (error) => {
      console.error(error instanceof Complaint ? `${error.message}\n\n${HELP}` : error);
      process.exitCode = 1;
    },
  );
}

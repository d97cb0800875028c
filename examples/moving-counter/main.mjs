// The platform: two processes, one counter, and the books of what was acknowledged.
//
//   node examples/moving-counter/main.mjs

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Store } from 'batondb';

import { Counter } from './counter.mjs';

const WORKER = fileURLToPath(new URL('./worker.mjs', import.meta.url));
const INCREMENTS_A_STAY = 50;

const directory = mkdtempSync(join(tmpdir(), 'moving-counter-'));

/** A process, and how many increments it has reported. */
class Worker {
  acknowledged = 0;
  last = 0;

  /** @param {string} name */
  constructor(name) {
    this.name = name;
    this.process = fork(WORKER, [directory]);
    this.process.on('message', (message) => this.#hear(/** @type {any} */ (message)));
    this.process.once('exit', (code) => {
      if (code !== null) this.process.emit('error', new Error(`${name} has ended with exit code ${code}`));
    });
  }

  /** @param {{ event: string, value: number, generation: string, held: string, current: string }} message */
  #hear({ event, value, generation, held, current }) {
    if (event === 'counted') {
      this.acknowledged += 1;
      this.last = value;
      this.process.emit('counted');
    } else if (event === 'started') {
      console.log(`${this.name} owns the counter: generation ${generation}`);
    } else {
      const why = event === 'fenced' ? `held generation ${held}, now ${current}` : 'another start won';
      console.log(`${this.name} has stopped at ${this.last}: ${why}`);
      this.process.emit('stopped');
    }
  }

  /** Gives it the counter, whoever has it, and waits until it has counted for a while. */
  async move() {
    const goal = this.acknowledged + INCREMENTS_A_STAY;
    this.process.send('start');
    while (this.acknowledged < goal) {
      await once(this.process, 'counted');
    }
  }

  stopped() {
    return once(this.process, 'stopped');
  }

  async kill() {
    await this.end();
    console.log(`${this.name} was killed at ${this.last}`);
  }

  async end() {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const gone = once(this.process, 'close');
      this.process.kill('SIGKILL');
      await gone;
    }
  }
}

const [a, b] = [new Worker('A'), new Worker('B')];
try {
  await a.move();
  const fencedA = a.stopped();
  await b.move(); // A counts on until its next commit is refused
  await fencedA;
  await b.kill(); // in the middle of an increment, and nobody tells the store
  await a.move();

  const store = await Store.open({ path: directory });
  const fencedAgain = a.stopped();
  const counter = await Counter.start(store, 'counter', () => {});
  await fencedAgain;
  const [value, acknowledged] = [await counter?.value(), a.acknowledged + b.acknowledged];
  await store.close();

  // Whoever is killed between a commit and its report has counted once more than it could tell.
  const unreported = Number(value) - acknowledged;
  console.log(`\nthe counter says ${value}, reported were ${acknowledged}`);
  console.log(
    unreported === 0 || unreported === 1 ? 'nothing was lost, nothing came too late' : 'that is wrong',
  );
  process.exitCode = unreported === 0 || unreported === 1 ? 0 : 1;
} finally {
  await Promise.all([a.end(), b.end()]);
  rmSync(directory, { recursive: true });
}

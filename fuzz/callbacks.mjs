// Hostile functions, aggregates and collations, and hostile arguments of the synchronous methods. Each call must end in a
// result, in a documented error or in what a callback has thrown; the process lives, nothing hangs, and the database then
// answers and holds what a model of it does.
//
//   node fuzz/callbacks.mjs [--seed N] [--calls N] [--seconds N] [--trace]

import { mkdtempSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { Round } from './callbacks/round.mjs';
import { Draw } from './draw.mjs';
import { Watchdog } from './watchdog.mjs';

const HANG_MS = 30_000;
const CALLS_A_ROUND = 200;
const CALLS_A_CHECK = 20;

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
console.log(`node fuzz/callbacks.mjs --seed ${seed} --calls ${calls}`);

const directory = mkdtempSync(join(tmpdir(), 'baton-fuzz-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));

let done = 0;
const writes = { tried: 0, done: 0 };

/** Not by throwing: a callback's error would be passed on. */
function fail(what, error) {
  writeSync(2, `seed ${seed}, call ${done}: ${what}\n`);
  console.error(error);
  process.exit(1);
}

process.on('unhandledRejection', (error) => fail('a rejection that nobody handles', error));
process.on('uncaughtException', (error) => fail('an exception that nobody catches', error));

const draw = new Draw(seed);
const watchdog = new Watchdog(HANG_MS, `seed ${seed}`);

for (let number = 0; done < calls && performance.now() < deadline; number += 1) {
  const round = new Round(draw.fork(), fail);
  await round.open(
    number % 2 === 0 ? { memory: true } : { path: join(directory, `${number}`), durability: 'relaxed' },
  );
  for (let call = 1; call <= CALLS_A_ROUND && done < calls; call += 1) {
    watchdog.beat();
    done += 1;
    if (options.trace) console.log(`call ${done}`);
    await round.step();
    if (call % CALLS_A_CHECK === 0) await round.check();
  }
  await round.check();
  await round.close();
  writes.tried += round.writes.tried;
  writes.done += round.writes.done;
}
console.log(
  `${done} calls, each with a result or an error that it may have; ` +
    `${writes.done} of ${writes.tried} writes took effect, and the rows are right`,
);

// A process that can own the counter. It is told when to start it; it ends by itself with its parent.
//
//   node worker.mjs DIRECTORY, forked by main.mjs

import { Store, isBatonError } from 'batondb';

import { Counter } from './counter.mjs';

/**
 * Tells the parent, and waits until it is written: whoever is killed afterwards has told.
 *
 * @param {object} message
 */
const tell = (message) => new Promise((resolve) => process.send?.(message, undefined, undefined, resolve));

const store = await Store.open({ path: process.argv[2] });

async function count() {
  const counter = await Counter.start(store, 'counter', () => {});
  if (counter === undefined) {
    await tell({ event: 'lost' });
    return;
  }
  await tell({ event: 'started', generation: String(counter.db.startup.generation) });
  try {
    for (;;) {
      await tell({ event: 'counted', value: await counter.increment() });
    }
  } catch (error) {
    // The only thing that ends an owner: somebody else is one now. It must not start again by itself.
    if (!isBatonError(error, 'ERR_FENCE_MISMATCH')) throw error;
    await tell({ event: 'fenced', held: String(error.held), current: String(error.current) });
  } finally {
    await counter.stop();
  }
}

process.on('message', () => void count());
process.on('disconnect', () => process.exit());

// One of the quickstart's other processes: does what its parent asks, and ends when the parent lets go.

import { Store } from 'batondb';

import { writeLine } from './sql.mjs';
import { race, setUserVersion } from './starters.mjs';

const [options, actorId] = process.argv.slice(2);
const methods = {
  race,
  setUserVersion,
  writeLine: (/** @type {Store} */ store, /** @type {string} */ _, /** @type {any} */ request) =>
    writeLine(store, request.actorId, request),
};

/** @param {() => Promise<unknown>} work */
async function answer(work) {
  const message = await work().then(
    (result) => ({ result }),
    (error) => ({ error: String(error) }),
  );
  if (process.connected) {
    process.send?.(message);
  }
}

const opening = Store.open(JSON.parse(options));
process.on('message', (/** @type {{ method: keyof typeof methods, request: any }} */ { method, request }) => {
  answer(async () => methods[method](await opening, actorId, request));
});
process.once('disconnect', () => {
  // Where it did not open, the parent knows.
  opening.then(
    (store) => store.close(),
    () => {},
  );
});
// Ctrl-C reaches every process of the terminal; the parent says when this one is done.
process.on('SIGINT', () => {});
answer(() => opening.then(() => undefined));

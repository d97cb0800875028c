// Other processes that take part in the quickstart, and this one, under one roof.

import { fork } from 'node:child_process';
import { once } from 'node:events';

import { writeLine } from './sql.mjs';
import { race, setUserVersion } from './starters.mjs';

/** @typedef {import('./starters.mjs').Answer} Answer */
/** @typedef {import('./starters.mjs').Committed} Committed */
/** @typedef {Parameters<typeof setUserVersion>[2]} CommitRequest */
/** @typedef {Parameters<typeof race>[2]} RaceRequest */
/** @typedef {Parameters<typeof writeLine>[2] & { actorId: string }} LineRequest */

/**
 * @typedef Participant
 * @property {string} name
 * @property {(request: RaceRequest) => Promise<Answer[]>} race
 * @property {(request: CommitRequest) => Promise<Committed>} setUserVersion
 * @property {(request: LineRequest) => ReturnType<typeof writeLine>} writeLine
 * @property {() => unknown} stop
 */

/**
 * This process.
 *
 * @param {import('batondb').Store} store
 * @param {string} actorId
 * @returns {Participant}
 */
export function thisProcess(store, actorId) {
  return {
    name: 'this one',
    race: (request) => race(store, actorId, request),
    setUserVersion: (request) => setUserVersion(store, actorId, request),
    writeLine: (request) => writeLine(store, request.actorId, request),
    stop() {},
  };
}

/**
 * Starts a process that opens the same store for itself. It takes one request at a time, the first one when it
 * is `ready`.
 *
 * @param {string} name
 * @param {import('batondb').StoreOptions} options
 * @param {string} actorId
 * @returns {Participant & { ready: Promise<void> }}
 */
export function otherProcess(name, options, actorId) {
  // Structured clone instead of JSON, which knows neither bigints nor bytes.
  const args = [JSON.stringify(options), actorId];
  const child = fork(new URL('./child.mjs', import.meta.url), args, { serialization: 'advanced' });
  const exited = once(child, 'exit');

  /** The next message of the child. */
  async function answer() {
    const gone = exited.then(([code, signal]) => {
      throw new Error(`the ${name} process ended early (${signal ?? `exit code ${code}`})`);
    });
    const [message] = await Promise.race([once(child, 'message'), gone]);
    if ('error' in message) {
      throw new Error(`the ${name} process failed: ${message.error}`);
    }
    return message.result;
  }

  /** @param {string} method @param {unknown} request */
  function ask(method, request) {
    const result = answer();
    child.send({ method, request });
    return result;
  }

  return {
    name,
    ready: answer(),
    race: (request) => ask('race', request),
    setUserVersion: (request) => ask('setUserVersion', request),
    writeLine: (request) => ask('writeLine', request),
    async stop() {
      if (child.connected) {
        child.disconnect();
      }
      await exited;
    },
  };
}

// Rooms over HTTP: one process that starts the rooms which are asked for, and stops them when it ends.

import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';

import { isBatonError } from 'batondb';

import { Room } from './room.mjs';

const BODY_BYTES_MAX = 16 * 1024;

/** The rooms of this process. */
class Rooms {
  /** @type {Map<string, Promise<Room>>} */
  #open = new Map();
  #store;

  /** @param {import('batondb').Store} store */
  constructor(store) {
    this.#store = store;
  }

  /**
   * The room, started by the first who asks. One that was lost to another process is started anew by the next
   * request: here, whoever is asked should own it.
   *
   * @param {string} name
   */
  get(name) {
    let room = this.#open.get(name);
    if (room === undefined) {
      room = Room.start(this.#store, name, () => void this.#drop(name));
      this.#open.set(name, room);
      room.catch(() => this.#open.delete(name));
    }
    return room;
  }

  /** @param {string} name */
  async #drop(name) {
    const room = this.#open.get(name);
    this.#open.delete(name);
    await (await room)?.stop();
  }

  async stop() {
    const rooms = await Promise.allSettled(this.#open.values());
    this.#open.clear();
    await Promise.all(rooms.map((room) => room.status === 'fulfilled' && room.value.stop()));
  }
}

/**
 * @param {unknown} error
 * @returns {[number, string]} status and reason
 */
function answerTo(error) {
  if (error instanceof SyntaxError) return [400, 'the body is not JSON'];
  if (error instanceof URIError) return [400, 'the path is not well-formed'];
  if (!isBatonError(error)) return [500, 'something went wrong'];
  if (error.code === 'SQLITE_CONSTRAINT') return [400, 'author has 1 to 80 characters, body 1 to 4,000'];
  if (error.code === 'ERR_INVALID_ARG') return [400, error.message];
  // Lost to another process just now, or the store cannot be used: the client may try again.
  return [503, error.code];
}

/**
 * @param {Room} room
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 */
async function tell(room, request, response) {
  const listening = new AbortController();
  response.once('close', () => listening.abort());
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.flushHeaders();
  const after = Number(request.headers['last-event-id']) || 0;
  for await (const message of room.messages(after, listening.signal)) {
    response.write(`id: ${message.id}\ndata: ${JSON.stringify(message)}\n\n`);
  }
  response.end();
}

/**
 * @param {Room} room
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 */
async function post(room, request, response) {
  if (!(Number(request.headers['content-length']) <= BODY_BYTES_MAX)) {
    response.writeHead(413).end();
    return;
  }
  const { author, body } = /** @type {any} */ (await json(request)) ?? {};
  const message = await room.post(author ?? null, body ?? null);
  response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify(message));
}

/**
 * A server of the rooms in a store. `close` ends its requests and its rooms, not the store.
 *
 * @param {import('batondb').Store} store
 * @param {number} [port] 0 for a free one
 */
export async function serve(store, port = 0) {
  const rooms = new Rooms(store);
  const server = createServer(async (request, response) => {
    try {
      const [, name] = /^\/rooms\/([^/]+)\/messages$/.exec(request.url ?? '') ?? [];
      const action = { GET: tell, POST: post }[request.method ?? ''];
      if (name === undefined || action === undefined) {
        response.writeHead(404).end();
        return;
      }
      await action(await rooms.get(decodeURIComponent(name)), request, response);
    } catch (error) {
      const [status, reason] = answerTo(error);
      if (response.headersSent) response.end();
      else response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ reason }));
    }
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(undefined)));
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${address.port}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      await rooms.stop();
      server.closeAllConnections();
      await closed;
    },
  };
}

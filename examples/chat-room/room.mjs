// The actor: the messages of one room, and those who listen.

import { EventEmitter, once } from 'node:events';

/** @typedef {{ id: number, author: string, body: string, at: string }} Message */

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS message(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    author TEXT NOT NULL CHECK (length(author) BETWEEN 1 AND 80),
    body TEXT NOT NULL CHECK (length(body) BETWEEN 1 AND 4000),
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ'))
  ) STRICT
`;
const HISTORY_CHUNK = 100;

export class Room {
  #db;
  #wake = new EventEmitter().setMaxListeners(0);
  #stopped = false;

  /** @param {import('batondb').Database} db */
  constructor(db) {
    this.#db = db;
  }

  /**
   * Takes a room over. `onGone` is called when somebody else has taken it over from us.
   *
   * @param {import('batondb').Store} store
   * @param {string} name
   * @param {() => void} onGone
   */
  static async start(store, name, onGone) {
    const db = await store.openDatabase(`room/${name}`, { onFenced: onGone });
    await db.exec(SCHEMA);
    return new Room(db);
  }

  /**
   * Writes a message. When this resolves it is durable, and no later owner of the room can be without it.
   *
   * @param {string} author 1 to 80 characters
   * @param {string} body 1 to 4,000 characters
   */
  async post(author, body) {
    const message = /** @type {Message} */ (
      await this.#db.get('INSERT INTO message(author, body) VALUES (?, ?) RETURNING *', [author, body])
    );
    this.#wake.emit('message');
    return message;
  }

  /**
   * The messages behind `after`, then those to come, until the room stops or the signal is aborted. It reads what
   * it tells from the database, so history and news have no seam between them.
   *
   * @param {number} after the id of the last message that the listener has
   * @param {AbortSignal} signal
   * @returns {AsyncGenerator<Message, void, void>}
   */
  async *messages(after, signal) {
    let last = after;
    while (!this.#stopped && !signal.aborted) {
      // Listening begins before reading, so that nothing is missed in between.
      const news = once(this.#wake, 'message', { signal }).catch(() => {});
      const rows = /** @type {Message[]} */ (
        await this.#db.all('SELECT * FROM message WHERE id > ? ORDER BY id LIMIT ?', [last, HISTORY_CHUNK])
      );
      for (const message of rows) {
        yield message;
        last = message.id;
      }
      if (rows.length === 0 && !this.#stopped) {
        await news;
      }
    }
  }

  async stop() {
    this.#stopped = true;
    this.#wake.emit('message');
    await this.#db.close();
  }
}

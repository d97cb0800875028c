// The platform: starts objects, and gives each of them one call at a time.
//
// Cloudflare has gates around an object. The input gate here is a queue: a call begins when the one before has ended. The
// output gate is a line: an answer leaves when all that was written before is durable.

import { durableObjectStorage } from 'batondb/durable-object';

/** @typedef {import('cloudflare:workers').DurableObjectState} State */
/** @typedef {new (ctx: State, env: any) => any} Class */

/** One object that has been started. */
class Running {
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();
  #database;
  #storage;
  #object;
  #onLost;

  /**
   * @param {import('batondb').Database} database
   * @param {Class} Class
   * @param {string} name
   * @param {unknown} env
   * @param {() => void} onLost
   */
  constructor(database, Class, name, env, onLost) {
    this.#database = database;
    this.#onLost = onLost;
    this.#storage = durableObjectStorage(database);
    this.#object = new Class(this.#state(name), env);
  }

  /**
   * @param {string} name
   * @returns {State}
   */
  #state(name) {
    return {
      id: { name, toString: () => name },
      storage: this.#storage,
      blockConcurrencyWhile: (closure) => {
        const result = this.#next(closure);
        // An object that could not prepare itself answers nothing.
        this.#last = result;
        result.catch(this.#onLost);
        return result;
      },
      // The process does not end by itself, and the object neither.
      waitUntil: () => {},
    };
  }

  /**
   * @param {string} method
   * @param {unknown[]} args
   */
  async call(method, args) {
    return await this.#next(async () => {
      const answer = await this.#object[method](...args);
      await this.#storage.sync().catch((/** @type {Error} */ error) => {
        // What was written is lost, and what the object has in memory is wrong.
        this.#onLost();
        throw error;
      });
      return answer;
    });
  }

  /**
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  #next(work) {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }

  async close() {
    await this.#last.catch(() => {});
    await this.#database.close();
  }
}

/** The objects of one class. */
export class Namespace {
  #store;
  #Class;
  #env;
  /** @type {Map<string, Promise<Running>>} */
  #running = new Map();

  /**
   * @param {import('batondb').Store} store
   * @param {Class} Class
   * @param {unknown} [env]
   */
  constructor(store, Class, env) {
    this.#store = store;
    this.#Class = Class;
    this.#env = env;
  }

  /**
   * A stub, whose methods are those of the object.
   *
   * @param {string} name
   * @returns {any}
   */
  getByName(name) {
    return new Proxy(
      {},
      {
        get:
          (_, method) =>
          (/** @type {unknown[]} */ ...args) =>
            this.#call(name, String(method), args),
      },
    );
  }

  /**
   * @param {string} name
   * @param {string} method
   * @param {unknown[]} args
   */
  async #call(name, method, args) {
    let running = this.#running.get(name);
    if (running === undefined) {
      running = this.#start(name);
      this.#running.set(name, running);
    }
    return await (await running).call(method, args);
  }

  /** @param {string} name */
  async #start(name) {
    // The next call starts the object again.
    const onLost = () => this.#running.delete(name);
    const database = await this.#store.openDatabase(`${this.#Class.name}/${name}`, {
      durability: 'deferred',
      onFenced: onLost,
    });
    return new Running(database, this.#Class, name, this.#env, onLost);
  }

  async close() {
    const running = await Promise.all(this.#running.values());
    await Promise.all(running.map((each) => each.close()));
  }
}

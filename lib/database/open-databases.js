// The open databases of one store: closes them with it, and tells them about a takeover in this process.

'use strict';

/** @typedef {InstanceType<typeof import('./connection.js').Connection>} Connection */

class OpenDatabases {
  /** @type {Map<string, Set<Connection>>} */
  #byActor = new Map();

  /** @param {Connection} connection */
  add(connection) {
    const { actorId } = connection;
    const open = this.#byActor.get(actorId) ?? new Set();
    this.#byActor.set(actorId, open.add(connection));
    connection.onClosed = () => {
      open.delete(connection);
      if (open.size === 0 && this.#byActor.get(actorId) === open) {
        this.#byActor.delete(actorId);
      }
    };
  }

  /**
   * The actor's generation was raised through this store, so databases of earlier generations need not wait
   * for their next check.
   *
   * @param {string} actorId
   * @param {bigint} generation
   */
  takenOver(actorId, generation) {
    for (const connection of this.#byActor.get(actorId) ?? []) {
      if (connection.startup.generation < generation) {
        connection.checkOwnership();
      }
    }
  }

  /**
   * The actor was deleted through this store, whoever owned it.
   *
   * @param {string} actorId
   */
  deleted(actorId) {
    for (const connection of this.#byActor.get(actorId) ?? []) {
      connection.checkOwnership();
    }
  }

  /** Closes all of them. Returns the errors of those that have lost something by it. */
  async close() {
    const open = [...this.#byActor.values()].flatMap((connections) => [...connections]);
    const closed = await Promise.allSettled(open.map((connection) => connection.close()));
    return closed.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
  }
}

module.exports = { OpenDatabases };

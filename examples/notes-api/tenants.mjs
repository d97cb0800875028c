// The actors of this process: one database for each tenant, opened when it is needed.

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS note(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    body TEXT NOT NULL DEFAULT '' CHECK (length(body) <= 100000),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ'))
  ) STRICT;
  CREATE VIRTUAL TABLE IF NOT EXISTS note_text USING fts5(title, body, content='note', content_rowid='id');
  CREATE TRIGGER IF NOT EXISTS note_insert AFTER INSERT ON note BEGIN
    INSERT INTO note_text(rowid, title, body) VALUES (new.id, new.title, new.body);
  END;
  CREATE TRIGGER IF NOT EXISTS note_delete AFTER DELETE ON note BEGIN
    INSERT INTO note_text(note_text, rowid, title, body) VALUES ('delete', old.id, old.title, old.body);
  END;
  CREATE TRIGGER IF NOT EXISTS note_update AFTER UPDATE OF title, body ON note BEGIN
    INSERT INTO note_text(note_text, rowid, title, body) VALUES ('delete', old.id, old.title, old.body);
    INSERT INTO note_text(rowid, title, body) VALUES (new.id, new.title, new.body);
  END;
`;

/** @typedef {{ db: Promise<import('batondb').Database>, users: number, usedAt: number }} Tenant */

export class Tenants {
  /** Those that are open, the one used longest ago first. @type {Map<string, Tenant>} */
  #open = new Map();
  #store;
  #openMax;
  #idleMs;
  #sweeper;

  /**
   * @param {import('batondb').Store} store
   * @param {object} [options]
   * @param {number} [options.openMax] how many databases are open at most, while none of them is in use for longer
   * @param {number} [options.idleMs] after how long one that is not used is closed, in milliseconds
   */
  constructor(store, { openMax = 1_000, idleMs = 60_000 } = {}) {
    this.#store = store;
    this.#openMax = openMax;
    this.#idleMs = idleMs;
    this.#sweeper = setInterval(() => this.#sweep(), Math.max(idleMs / 2, 10)).unref();
  }

  /** How many are open. */
  get size() {
    return this.#open.size;
  }

  /**
   * Runs something on the database of a tenant, which stays open meanwhile.
   *
   * @template T
   * @param {string} name
   * @param {(db: import('batondb').Database) => Promise<T>} use
   */
  async with(name, use) {
    const tenant = this.#open.get(name) ?? this.#start(name);
    // To the end of the line of those that are to be closed.
    this.#open.delete(name);
    this.#open.set(name, tenant);
    tenant.users += 1;
    this.#sweep();
    try {
      const db = await tenant.db;
      return await use(db);
    } finally {
      tenant.users -= 1;
      tenant.usedAt = Date.now();
      // Somebody else is its owner, or it could not be opened: the next request begins anew.
      const gone = await tenant.db.then(
        (db) => db.fencedBy !== undefined || db.closed,
        () => true,
      );
      if (gone) this.#close(name, tenant);
    }
  }

  /** @param {string} name */
  async delete(name) {
    const tenant = this.#open.get(name);
    if (tenant !== undefined) await this.#close(name, tenant);
    return this.#store.delete(`notes/${name}`);
  }

  async close() {
    clearInterval(this.#sweeper);
    await Promise.all([...this.#open].map(([name, tenant]) => this.#close(name, tenant)));
  }

  /** @param {string} name */
  #start(name) {
    const opening = async () => {
      const db = await this.#store.openDatabase(`notes/${name}`);
      await db.exec(SCHEMA);
      return db;
    };
    const tenant = { db: opening(), users: 0, usedAt: Date.now() };
    tenant.db.catch(() => {}); // whoever waits for it is told
    return tenant;
  }

  /** Closes those that nobody uses: all that have been idle, and as many of the others as are too many. */
  #sweep() {
    let tooMany = this.#open.size - this.#openMax;
    for (const [name, tenant] of this.#open) {
      const idle = Date.now() - tenant.usedAt >= this.#idleMs;
      if (tenant.users === 0 && (idle || tooMany > 0)) {
        void this.#close(name, tenant);
        tooMany -= 1;
      }
    }
  }

  /**
   * @param {string} name
   * @param {Tenant} tenant
   */
  async #close(name, tenant) {
    if (this.#open.get(name) === tenant) this.#open.delete(name);
    const db = await tenant.db.catch(() => undefined);
    await db?.close();
  }
}

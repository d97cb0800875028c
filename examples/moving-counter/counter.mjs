// The actor: one number, owned by one process at a time.

/** @typedef {import('batondb').Store} Store */

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS counter(id INTEGER PRIMARY KEY CHECK (id = 1), value INTEGER NOT NULL) STRICT;
  INSERT INTO counter VALUES (1, 0) ON CONFLICT DO NOTHING;
`;

export class Counter {
  /** @param {import('batondb').Database} db */
  constructor(db) {
    this.db = db;
  }

  /**
   * Takes the counter over, or answers `undefined` where somebody else did at the same moment.
   *
   * @param {Store} store
   * @param {string} id
   * @param {(error: import('batondb').FenceError) => void} onFenced
   */
  static async start(store, id, onFenced) {
    const db = await store.openDatabase(id, { onFenced });
    if (db.startup.outcome === 'lost') {
      await db.close();
      return undefined;
    }
    await db.exec(SCHEMA);
    return new Counter(db);
  }

  /** When this resolves, the increment is durable. */
  async increment() {
    const row = await this.db.get('UPDATE counter SET value = value + 1 RETURNING value');
    return Number(row?.value);
  }

  async value() {
    const row = await this.db.get('SELECT value FROM counter');
    return Number(row?.value);
  }

  stop() {
    return this.db.close();
  }
}

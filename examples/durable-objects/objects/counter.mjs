// A counter, as one writes it for Cloudflare.

import { DurableObject } from 'cloudflare:workers';

export class Counter extends DurableObject {
  /**
   * @param {import('cloudflare:workers').DurableObjectState} ctx
   * @param {unknown} env
   */
  constructor(ctx, env) {
    super(ctx, env);
    this.sql = ctx.storage.sql;
    this.sql.exec(`
      CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY CHECK (id = 1), value INTEGER NOT NULL);
      INSERT OR IGNORE INTO counter VALUES (1, 0);
    `);
  }

  value() {
    return this.sql.exec('SELECT value FROM counter').one().value;
  }

  increment(by = 1) {
    return this.sql.exec('UPDATE counter SET value = value + ? RETURNING value', by).one().value;
  }

  reset() {
    const { value } = this.sql.exec('SELECT value FROM counter').one();
    this.sql.exec('UPDATE counter SET value = 0');
    return value;
  }
}

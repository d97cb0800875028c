// A queue of jobs that admits so many in a time, as one writes it for Cloudflare.

import { DurableObject } from 'cloudflare:workers';

const ADMITTED_MAX = 3;
const WINDOW_MS = 60_000;

export class JobQueue extends DurableObject {
  /**
   * @param {import('cloudflare:workers').DurableObjectState} ctx
   * @param {unknown} env
   */
  constructor(ctx, env) {
    super(ctx, env);
    this.sql = ctx.storage.sql;
    this.sql.exec(`
      CREATE TABLE IF NOT EXISTS job (
        id INTEGER PRIMARY KEY, task TEXT NOT NULL, due INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0
      );
      CREATE INDEX IF NOT EXISTS job_by_due ON job (due);
      CREATE TABLE IF NOT EXISTS admitted (client TEXT NOT NULL, at INTEGER NOT NULL);
    `);
  }

  /**
   * Takes a job, if its client has not sent too many.
   *
   * @param {string} client
   * @param {unknown} task
   * @param {number} now
   */
  send(client, task, now) {
    return this.ctx.storage.transactionSync(() => {
      this.sql.exec('DELETE FROM admitted WHERE at <= ?', now - WINDOW_MS);
      const [[count]] = this.sql.exec('SELECT count(*) FROM admitted WHERE client = ?', client).raw();
      if (Number(count) >= ADMITTED_MAX) return false;
      this.sql.exec('INSERT INTO admitted VALUES (?, ?)', client, now);
      this.sql.exec('INSERT INTO job (task, due) VALUES (?, ?)', JSON.stringify(task), now);
      return true;
    });
  }

  /**
   * Hands out the job that is due first. It is due again after a while, if nobody has said that it is done.
   *
   * @param {number} now
   */
  receive(now, leaseMs = 1_000) {
    const [job] = this.sql.exec(
      'SELECT id, task, tries FROM job WHERE due <= ? ORDER BY due, id LIMIT 1',
      now,
    );
    if (job === undefined) return undefined;
    this.sql.exec('UPDATE job SET due = ?, tries = tries + 1 WHERE id = ?', now + leaseMs, job.id);
    return { id: job.id, task: JSON.parse(String(job.task)), tries: Number(job.tries) + 1 };
  }

  /**
   * @param {number} id
   * @param {unknown} result
   */
  async done(id, result) {
    await this.ctx.storage.transaction(async (txn) => {
      if (this.sql.exec('DELETE FROM job WHERE id = ?', id).rowsWritten === 0) return;
      await txn.put(`result:${id}`, result);
    });
  }

  async results() {
    return [...(await this.ctx.storage.list({ prefix: 'result:' })).values()];
  }

  async clear() {
    await this.ctx.storage.deleteAll();
  }
}

// A chat room that keeps its last messages, as one writes it for Cloudflare.

import { DurableObject } from 'cloudflare:workers';

const KEPT = 100;

export class ChatRoom extends DurableObject {
  /**
   * @param {import('cloudflare:workers').DurableObjectState} ctx
   * @param {unknown} env
   */
  constructor(ctx, env) {
    super(ctx, env);
    this.sql = ctx.storage.sql;
    ctx.blockConcurrencyWhile(async () => {
      this.migrate();
      this.topic = (await ctx.storage.get('topic')) ?? 'anything';
    });
  }

  migrate() {
    this.sql.exec(`
      CREATE TABLE IF NOT EXISTS message (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        author TEXT NOT NULL,
        body TEXT NOT NULL CHECK (length(body) BETWEEN 1 AND 2000)
      );
      CREATE INDEX IF NOT EXISTS message_by_author ON message (author);
    `);
  }

  /** @param {string} topic */
  async setTopic(topic) {
    this.topic = topic;
    await this.ctx.storage.put('topic', topic);
  }

  /**
   * @param {string} author
   * @param {string} body
   */
  post(author, body) {
    return this.ctx.storage.transactionSync(() => {
      const { id } = this.sql
        .exec('INSERT INTO message (author, body) VALUES (?, ?) RETURNING id', author, body)
        .one();
      this.sql.exec('DELETE FROM message WHERE id <= ?', Number(id) - KEPT);
      const posts = this.ctx.storage.kv.get(`posts:${author}`) ?? 0;
      this.ctx.storage.kv.put(`posts:${author}`, Number(posts) + 1);
      return id;
    });
  }

  /** The messages behind the one that the caller has seen last. */
  history(after = 0) {
    const lines = [];
    for (const row of this.sql.exec('SELECT * FROM message WHERE id > ? ORDER BY id', after)) {
      lines.push(`${row.id} ${row.author}: ${row.body}`);
    }
    return { topic: this.topic, lines };
  }

  authors() {
    const prefix = 'posts:';
    return [...this.ctx.storage.kv.list({ prefix })].map(([key, count]) => [key.slice(prefix.length), count]);
  }
}

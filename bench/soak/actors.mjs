// Actors that check themselves: a chain of links in a SQL table, or stamped on raw pages. See `model.mjs`.

const LINKS_KEPT = 40;
const PAGE_BYTES = 4096;
const RAW_PAGES = 4;
/** More than the store writes in one transaction of a cluster, so that it commits in parts. */
const LARGE_BYTES = 2_500_000;
const BODY = 'x'.repeat(100);

/** What a link is sealed with, so that one that is not the successor of the one before shows. */
function seal(life, link) {
  return (Math.imul(life ^ Math.imul(link, 0x9e3779b1), 0x85ebca6b) >>> 8) + (link & 0xff);
}

/** A chain is not what its owner stored, or has a hole. */
export class Torn extends Error {}

/** A SQL database whose rows are the last links of the chain. */
export class SqlActor {
  busy = false;

  constructor(id, db, life, link) {
    this.id = id;
    this.db = db;
    this.life = life;
    this.link = link;
    this.generation = Number(db.startup.generation);
  }

  /** Takes an actor over and looks at its chain. Without an answer the start lost its race. */
  static async open(store, id, newLife, options) {
    const db = await store.openDatabase(id, options);
    try {
      if (db.startup.outcome === 'lost') {
        await db.close();
        return undefined;
      }
      const tables = await db.get("SELECT count(*) AS count FROM sqlite_schema WHERE name = 'links'");
      if (tables.count === 0) {
        await db.batch([
          'CREATE TABLE life (life INTEGER NOT NULL)',
          'CREATE TABLE links (link INTEGER PRIMARY KEY, seal INTEGER NOT NULL, body TEXT NOT NULL)',
          'CREATE TABLE large (id INTEGER PRIMARY KEY, link INTEGER NOT NULL, body BLOB NOT NULL)',
          { sql: 'INSERT INTO life VALUES (?)', params: [newLife] },
        ]);
        return new SqlActor(id, db, newLife, 0);
      }
      const { life } = await db.get('SELECT life FROM life');
      const actor = new SqlActor(id, db, life, 0);
      actor.link = await actor.#lastLink();
      return actor;
    } catch (error) {
      await db.close();
      throw error;
    }
  }

  async #lastLink() {
    const rows = await this.db.all('SELECT link, seal FROM links ORDER BY link');
    rows.forEach(({ link, seal: found }, index) => {
      if (link !== rows[0].link + index || found !== seal(this.life, link)) {
        throw new Torn(`${this.id}: link ${link} at place ${index} after ${rows[0].link}, seal ${found}`);
      }
    });
    return rows.at(-1)?.link ?? 0;
  }

  async read() {
    const link = await this.#lastLink();
    if (link !== this.link) {
      throw new Torn(
        `${this.id}: generation ${this.generation} reads link ${link}, and has stored ${this.link}`,
      );
    }
  }

  #statements(link) {
    return [
      { sql: 'INSERT INTO links VALUES (?, ?, ?)', params: [link, seal(this.life, link), BODY] },
      { sql: 'DELETE FROM links WHERE link <= ?', params: [link - LINKS_KEPT] },
    ];
  }

  async write() {
    await this.db.batch(this.#statements(this.link + 1));
    this.link += 1;
  }

  async transact() {
    await this.db.transaction(async (tx) => {
      for (const ahead of [1, 2, 3]) {
        for (const { sql, params } of this.#statements(this.link + ahead)) {
          await tx.run(sql, params);
        }
      }
    });
    this.link += 3;
  }

  async writeMuch() {
    const link = this.link + 1;
    const large = {
      sql: 'INSERT OR REPLACE INTO large VALUES (1, ?, randomblob(?))',
      params: [link, LARGE_BYTES],
    };
    await this.db.batch([...this.#statements(link), large]);
    this.link = link;
  }

  async readMuch() {
    const row = await this.db.get('SELECT link, length(body) AS bytes FROM large');
    if (row && row.bytes !== LARGE_BYTES) {
      throw new Torn(`${this.id}: a large row of link ${row.link} has ${row.bytes} bytes`);
    }
  }

  close() {
    return this.db.close();
  }
}

function stamped(life, link) {
  const data = new Uint8Array(PAGE_BYTES).fill(seal(life, link) & 0xff);
  const view = new DataView(data.buffer);
  view.setUint32(0, life);
  view.setUint32(4, link);
  return data;
}

/** Takes an actor of raw pages over, looks at its stamps, and adds links. `report` hears of each. */
export async function useRawPages(store, id, newLife, links, report) {
  const ranges = [{ start: 1, end: RAW_PAGES + 1 }];
  const startup = await store.loadStartup(id, { preload: { ranges } });
  if (startup.outcome === 'lost') {
    return;
  }
  const generation = Number(startup.generation);
  let [life, link] = [newLife, 0];
  if (startup.meta.sizePages > 0) {
    [life, link] = readStamps(id, startup.pages);
    report('found', generation, life, link);
  }
  let headTxid = startup.meta.headTxid;
  for (let count = 0; count < links; count += 1) {
    link += 1;
    const data = stamped(life, link);
    const pages = Array.from({ length: RAW_PAGES }, (_, index) => ({ page: index + 1, data }));
    const request = { generation: startup.generation, headTxid, sizePages: RAW_PAGES, pages };
    ({ txid: headTxid } = await store.commit(id, request));
    report('told', generation, life, link);
  }
}

function readStamps(id, pages) {
  const stamps = Array.from({ length: RAW_PAGES }, (_, index) => {
    const data = pages.get(index + 1);
    if (!data) {
      throw new Torn(`${id}: page ${index + 1} did not come along`);
    }
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const [life, link] = [view.getUint32(0), view.getUint32(4)];
    if (data[PAGE_BYTES - 1] !== (seal(life, link) & 0xff)) {
      throw new Torn(`${id}: page ${index + 1} has the stamp of link ${link} and the bytes of another`);
    }
    return [life, link];
  });
  if (stamps.some(([life, link]) => life !== stamps[0][0] || link !== stamps[0][1])) {
    throw new Torn(`${id}: pages of several commits, ${JSON.stringify(stamps)}`);
  }
  return stamps[0];
}

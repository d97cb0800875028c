'use strict';

// The same on `node:sqlite`, where this Node has it: the same bytes, the same conflicts, the same rows.

const { Store, constants, isBatonError } = require('../..');
const { describeWhere } = require('../helpers.js');

const sqlite = process.getBuiltinModule?.('node:sqlite');
const hasSessions = sqlite?.DatabaseSync.prototype.createSession !== undefined;

const { SQLITE_CHANGESET_OMIT: OMIT, SQLITE_CHANGESET_REPLACE: REPLACE } = constants;
const { SQLITE_CHANGESET_ABORT: ABORT, SQLITE_CHANGESET_DATA: DATA } = constants;
const { SQLITE_CHANGESET_CONFLICT: CONFLICT } = constants;

const SCHEMA = `
  CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT UNIQUE, n REAL);
  CREATE TABLE pair(a TEXT COLLATE NOCASE, b INTEGER, v BLOB, PRIMARY KEY (b, a)) WITHOUT ROWID;
  CREATE TABLE part(id INTEGER PRIMARY KEY, item INTEGER REFERENCES item(id));
  CREATE TABLE keyless(v);
  CREATE TABLE log(id INTEGER PRIMARY KEY, line TEXT);
  CREATE TRIGGER told AFTER UPDATE ON item BEGIN INSERT INTO log(line) VALUES (new.name); END`;
const TABLES = ['item', 'pair', 'part', 'keyless', 'log'];

/** The same choices for the same seed. */
function chooser(seed) {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % bound;
  };
}

/** A statement, which may fail. */
function statement(below) {
  const [id, other, n] = [1 + below(6), 1 + below(6), below(50)];
  return [
    `INSERT INTO item VALUES (${id}, 'name ${other}', ${n}.5)`,
    `INSERT OR REPLACE INTO item VALUES (${id}, 'name ${other}', ${n})`,
    `UPDATE item SET n = n + 1 WHERE id <= ${id}`,
    `UPDATE item SET id = ${other} WHERE id = ${id}`,
    `UPDATE OR IGNORE item SET name = 'name ${other}' WHERE id = ${id}`,
    `DELETE FROM item WHERE id = ${id}`,
    `INSERT OR IGNORE INTO pair VALUES ('${'aAbB'[below(4)]}', ${other}, ${below(2) ? 'NULL' : `x'0${below(10)}'`})`,
    `UPDATE pair SET v = ${n}, a = upper(a) WHERE b = ${id}`,
    'DELETE FROM pair',
    `INSERT OR IGNORE INTO part VALUES (${id}, ${other})`,
    `DELETE FROM part WHERE id = ${id}`,
    `INSERT INTO keyless VALUES (${n})`,
    `SAVEPOINT s; UPDATE item SET n = ${n}; ROLLBACK TO s; RELEASE s`,
  ][below(13)];
}

/** Both databases under the names of ours. */
class OfNode {
  #db = new sqlite.DatabaseSync(':memory:');

  execSync(sql) {
    this.#db.exec(sql);
  }

  rows(table) {
    return this.#db.prepare(`SELECT * FROM ${table}`).all().map(Object.values);
  }

  createSession(options = {}) {
    return this.#db.createSession(options);
  }

  apply(changeset, options) {
    try {
      return this.#db.applyChangeset(changeset, options);
    } catch (error) {
      return `SQLite's code ${error.errcode}`;
    }
  }
}

class OfBaton {
  #db;

  constructor(db) {
    this.#db = db;
  }

  execSync(sql) {
    this.#db.execSync(sql);
  }

  rows(table) {
    return this.#db.allSync(`SELECT * FROM ${table}`, [], { rowMode: 'array' });
  }

  createSession(options = {}) {
    return this.#db.createSession(options);
  }

  apply(changeset, options) {
    try {
      return this.#db.applyChangeset(changeset, options);
    } catch (error) {
      if (!isBatonError(error) || error.rawCode === undefined) throw error;
      return `SQLite's code ${error.rawCode & 0xff}`;
    }
  }
}

const content = (of) => TABLES.map((table) => of.rows(table).map((row) => row.map((value) => plain(value))));
const plain = (value) => (ArrayBuffer.isView(value) ? Buffer.from(value).toString('hex') : value);

describeWhere(hasSessions, 'this Node has no sessions in node:sqlite', 'as node:sqlite', () => {
  let store;
  beforeAll(async () => {
    store = await Store.open({ memory: true });
  });
  afterAll(() => store.close());

  let actors = 0;
  const seen = new Set();
  async function both() {
    actors += 1;
    const ours = new OfBaton(await store.openDatabase(`actor-${actors}`));
    const pair = [ours, new OfNode()];
    for (const each of pair) each.execSync(SCHEMA);
    return pair;
  }

  /** Runs statements on both, which must agree about their success. */
  function run(pair, below, count) {
    for (let index = 0; index < count; index += 1) {
      const sql = statement(below);
      const outcomes = pair.map((each) => {
        try {
          each.execSync(sql);
          return 'done';
        } catch {
          return 'failed';
        }
      });
      expect([sql, outcomes[0]]).toEqual([sql, outcomes[1]]);
    }
  }

  test.each(Array.from({ length: 60 }, (_, seed) => seed))('seed %i', async (seed) => {
    const below = chooser(seed);
    const [sources, targets] = [await both(), await both()];
    for (const pair of [sources, targets]) run(pair, chooser(seed), 12);
    const options = [{}, { table: 'item' }, { db: 'main' }][below(3)];
    const sessions = sources.map((each) => each.createSession(options));
    run(sources, below, 15);
    run(targets, below, below(2) * 8);
    const bytes = sessions.map((each) => [each.changeset(), each.patchset()].map((all) => Buffer.from(all)));
    expect(bytes[0]).toEqual(bytes[1]);

    const answers = Array.from({ length: 40 }, () => below(8));
    for (const changeset of bytes[0]) {
      const outcomes = targets.map((each) => {
        const told = [];
        const onConflict = (kind) => {
          const answer = answers[told.length % answers.length];
          told.push(kind);
          if (answer === 0) return ABORT;
          return answer > 3 && (kind === DATA || kind === CONFLICT) ? REPLACE : OMIT;
        };
        const filter = (table) => told.push(table) > 0 && table !== (seed % 4 ? 'item' : 'part');
        const plainly = each.apply(changeset);
        return [
          plainly,
          each.apply(changeset, seed % 2 ? { onConflict } : { onConflict, filter }),
          told,
          content(each),
        ];
      });
      expect(outcomes[0]).toEqual(outcomes[1]);
      outcomes[0].slice(0, 2).forEach((outcome) => seen.add(String(outcome)));
    }
  });

  test('with conflicts and without among the seeds', () => {
    expect([...seen].sort()).toEqual(['false', 'true']);
  });

  test.each([undefined, ABORT, OMIT])(
    'where foreign keys are violated, and the handler says %p',
    async (answer) => {
      const [sources, targets] = [await both(), await both()];
      const outcomes = sources.map((source, index) => {
        const session = source.createSession();
        source.execSync("INSERT INTO item VALUES (9, 'nine', 9); INSERT INTO part VALUES (9, 9)");
        const told = [];
        const onConflict = (kind) => {
          told.push(kind);
          return answer;
        };
        const filter = (table) => table !== 'item';
        const options = answer === undefined ? { filter } : { filter, onConflict };
        return [targets[index].apply(session.changeset(), options), told, content(targets[index])];
      });
      expect(outcomes[0]).toEqual(outcomes[1]);
      expect(outcomes[0][0]).toBe(answer === OMIT ? true : "SQLite's code 19");
    },
  );

  test('with the same constants', () => {
    expect(sqlite.constants).toMatchObject(constants);
  });
});

// What two tables hold, and statements whose effect is known whatever the functions and collations in them answer: if
// such a statement succeeds it has had all of it, and none if it fails.

export const FUNCTIONS = ['f0', 'f1', 'f2'];
export const AGGREGATES = ['a0', 'a1'];
/** The first orders an index. */
export const COLLATIONS = ['c0', 'c1', 'c2'];

export const SCHEMA = `
  CREATE TABLE IF NOT EXISTS kept (k INTEGER PRIMARY KEY, v INTEGER);
  CREATE TABLE IF NOT EXISTS word (id INTEGER PRIMARY KEY, text TEXT COLLATE c0, n INTEGER);
  CREATE INDEX IF NOT EXISTS words ON word (text);
  CREATE TABLE IF NOT EXISTS noise (a, b)`;

const ROWS_MAX = 60;

export class Model {
  /** @type {Map<number, number>} */
  kept = new Map();
  /** @type {Map<number, { text: string, n: number }>} */
  words = new Map();
  #next = 1;

  copy() {
    const copy = new Model();
    copy.kept = new Map(this.kept);
    copy.words = new Map([...this.words].map(([id, word]) => [id, { ...word }]));
    copy.#next = this.#next;
    return copy;
  }

  /** Takes over what another one holds. */
  become(other) {
    ({ kept: this.kept, words: this.words } = other);
    this.#next = other.#next;
  }

  /** A key that no other statement has got, done or not. */
  fresh() {
    this.#next += 1;
    return this.#next;
  }

  rows() {
    return {
      kept: [...this.kept].sort(([a], [b]) => a - b),
      words: [...this.words].sort(([a], [b]) => a - b).map(([id, { text, n }]) => [id, text, n]),
    };
  }
}

/** A call of a function, with the number of arguments that it may have. */
export function called(draw, column) {
  const name = draw.of(FUNCTIONS);
  return `${name}(${[column, 'v', "'x'", 'x' + "'61ff'", 'NULL', '1.5'].slice(0, draw.of([1, 1, 1, 0, 2, 6])).join(', ')})`;
}

/** A condition that is true, but asks code of the caller. */
function always(draw) {
  return draw.of([
    () => `typeof(${called(draw, 'k')}) <> 'x'`,
    () => `(SELECT typeof(${draw.of(AGGREGATES)}(v)) FROM kept) <> 'x'`,
    () => `(k || 'a' < 'b' COLLATE ${draw.of(COLLATIONS)}) IS NOT NULL`,
    () => `(SELECT count(*) FROM (SELECT DISTINCT text COLLATE ${draw.of(COLLATIONS)} FROM word)) >= 0`,
    () => '1',
  ])();
}

/**
 * @typedef {{ sql: string, params: (number | string)[], apply: (model: Model) => void }} Write
 *
 * @param {Model} model The state before it, to choose rows of.
 * @returns {Write}
 */
export function write(draw, model) {
  const key = () => draw.of([...model.kept.keys(), 0]);
  const id = () => draw.of([...model.words.keys(), 0]);
  const text = draw.of(['a', 'B', 'é', '\u{1F600}', '', 'zz', '0']).repeat(draw.below(4));
  return draw.of([
    () => insertKept(draw, model.fresh()),
    () => insertWord(model.fresh(), text),
    () => bump(`WHERE ${always(draw)}`, (models) => [...models.kept.keys()]),
    () => remove(draw, key()),
    () => ({
      sql: 'UPDATE word SET text = substr(text || ?, -9) WHERE id = ?',
      params: [text, id()],
      apply({ words }) {
        const word = words.get(this.params[1]);
        // SQLite counts code points.
        if (word) word.text = [...(word.text + text)].slice(-9).join('');
      },
    }),
    () => ({
      sql: `UPDATE word SET n = n + 1 WHERE (text >= ? COLLATE ${draw.of(COLLATIONS)}) IS NOT NULL`,
      params: [text],
      apply: ({ words }) => words.forEach((word) => (word.n += 1)),
    }),
    () => ({
      sql: 'DELETE FROM word WHERE id = ?',
      params: [model.words.size > ROWS_MAX ? [...model.words.keys()][0] : id()],
      apply({ words }) {
        words.delete(this.params[0]);
      },
    }),
  ])();
}

function insertKept(draw, key) {
  const value = draw.below(100);
  return {
    sql: `INSERT INTO kept VALUES (?, ?)${draw.oneIn(2) ? ` RETURNING ${called(draw, 'k')}` : ''}`,
    params: [key, value],
    apply: ({ kept }) => kept.set(key, value),
  };
}

function insertWord(id, text) {
  return {
    sql: 'INSERT INTO word VALUES (?, ?, 0)',
    params: [id, text],
    apply: ({ words }) => words.set(id, { text, n: 0 }),
  };
}

function bump(where, keys) {
  return {
    sql: `UPDATE kept SET v = v + 1 ${where}`,
    params: [],
    apply: (model) => keys(model).forEach((key) => model.kept.set(key, model.kept.get(key) + 1)),
  };
}

function remove(draw, key) {
  return {
    sql: `DELETE FROM kept WHERE k = ? AND ${always(draw)}`,
    params: [key],
    apply: ({ kept }) => kept.delete(key),
  };
}

/** SQL that reads, and asks code of the caller. */
export function query(draw) {
  const aggregate = draw.of(AGGREGATES);
  const collation = draw.of(COLLATIONS);
  return draw.of([
    () => `SELECT ${called(draw, 'k')} FROM kept`,
    () => `SELECT ${aggregate}(v) OVER (ORDER BY k ROWS 2 PRECEDING) FROM kept`,
    () => `SELECT ${aggregate}(v), ${aggregate}(k) FROM kept GROUP BY v % 3`,
    () => `SELECT text FROM word ORDER BY text COLLATE ${collation}`,
    () => `SELECT text, count(*) FROM word GROUP BY text COLLATE ${collation} HAVING max(text) >= ''`,
    () => `SELECT a.text FROM word a JOIN word b ON a.text = b.text COLLATE ${collation} LIMIT 50`,
    () => `SELECT text FROM word WHERE text > 'a' ORDER BY text DESC`,
    () =>
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION SELECT i + 1 FROM n WHERE i < 40) SELECT ${called(draw, 'i').replace('v', '7')} FROM n`,
  ])();
}

/** A query of many rows, of which a part is fetched at a time. */
export function rowAfterRow(draw) {
  const columns = `printf('%0999d', i), ${called(draw, 'i').replace('v', '7')}, i || 'a' < 'b' COLLATE ${draw.of(COLLATIONS)}`;
  return `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT ${columns} FROM n`;
}

/** The statement without parameters, for methods that take none. */
export function rendered({ sql, params }) {
  let index = 0;
  const literal = (value) => (typeof value === 'number' ? value : `'${value.replaceAll("'", "''")}'`);
  return sql.replace(/\?/g, () => literal(params[index++]));
}

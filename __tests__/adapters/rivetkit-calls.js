// Calls of a rivetkit actor's `c.db`, with what rivetkit's own database answers and what a Baton database does.
// adapter-rivetkit-calls.test.js makes them here; `npm run test:rivetkit` makes them in two real actors, one with each
// database. Where the answers differ, `row` is the line of the table in docs/rivetkit.md that says so and why.

'use strict';

const { inspect } = require('node:util');

const THROWS = 'throws';

/** @typedef {{ execute: (sql: any, ...args: any[]) => Promise<any>, [name: string]: any }} Client */

/**
 * @typedef {object} Call
 * @property {string} name
 * @property {(db: Client) => Promise<unknown>} make
 * @property {string} [both] what both answer; an error of any kind is 'throws'
 * @property {string} [rivetkit]
 * @property {string} [baton] an error is 'throws CODE'
 * @property {string} [row]
 */

/**
 * One statement, or several in a row, of which the last one's answer counts.
 *
 * @param {...(string | [any, ...any[]])} statements
 * @returns {(db: Client) => Promise<unknown>}
 */
const sql =
  (...statements) =>
  async (db) => {
    let answer;
    for (const each of statements)
      answer = await (Array.isArray(each) ? db.execute(...each) : db.execute(each));
    return answer;
  };

/** @param {string} name @param {ReturnType<typeof sql>} make @param {string} both @returns {Call} */
const same = (name, make, both) => ({ name, make, both });

/**
 * @param {string} row
 * @param {string} name
 * @param {ReturnType<typeof sql>} make
 * @param {[rivetkit: string, baton: string]} answers
 * @returns {Call}
 */
const differs = (row, name, make, [rivetkit, baton]) => ({ name, make, rivetkit, baton, row });

const NUMBERS = [
  same(
    'integers',
    sql('SELECT 1 AS a, -5 AS b, 9007199254740991 AS c'),
    '[ { a: 1, b: -5, c: 9007199254740991 } ]',
  ),
  same('large integers', sql('SELECT 9007199254740993 AS a'), '[ { a: 9007199254740993n } ]'),
  same('the largest', sql('SELECT -9223372036854775808 AS a'), '[ { a: -9223372036854775808n } ]'),
  same('reals', sql('SELECT 1.5 AS a, 2.0 AS b'), '[ { a: 1.5, b: 2 } ]'),
  same('a whole number', sql(['SELECT ? AS a, typeof(?1) AS t', 5]), "[ { a: 5, t: 'integer' } ]"),
  same('a number', sql(['SELECT ? AS a, typeof(?1) AS t', 5.5]), "[ { a: 5.5, t: 'real' } ]"),
  same('a bigint', sql(['SELECT ? AS a, typeof(?1) AS t', 5n]), "[ { a: 5, t: 'integer' } ]"),
  differs('infinity', 'read', sql('SELECT 1e400 AS a'), ['[ { a: null } ]', '[ { a: Infinity } ]']),
  differs('infinity', 'bound', sql(['SELECT ? AS a, typeof(?1) AS t', -Infinity]), [
    "[ { a: null, t: 'real' } ]",
    "[ { a: -Infinity, t: 'real' } ]",
  ]),
  differs('`NaN`', 'bound', sql(['SELECT ? AS a', NaN]), ['[ { a: null } ]', 'throws ERR_INVALID_ARG']),
  differs('`-0`', 'bound', sql(['SELECT typeof(?) AS t', -0]), ["[ { t: 'integer' } ]", "[ { t: 'real' } ]"]),
  differs('a `number` past 2^53 - 1', 'bound', sql(['SELECT typeof(?) AS t', 2 ** 53]), [
    "[ { t: 'integer' } ]",
    "[ { t: 'real' } ]",
  ]),
  differs('a `bigint` past 2^53 - 1', 'bound', sql(['SELECT ? AS a', 9007199254740993n]), [
    '[ { a: 9007199254740992n } ]',
    '[ { a: 9007199254740993n } ]',
  ]),
  differs('a `bigint` past 2^53 - 1', 'past 2^63', sql(['SELECT ? AS a', 2n ** 64n]), [
    '[ { a: 9223372036854775807n } ]',
    'throws ERR_OUT_OF_RANGE',
  ]),
];

const VALUES = [
  same(
    'text',
    sql("SELECT 'é' AS a, '' AS b, 'a' || char(0) || 'b' AS c"),
    "[ { a: 'é', b: '', c: 'a\\x00b' } ]",
  ),
  same('text that is no UTF-8', sql("SELECT CAST(x'ff41' AS TEXT) AS a"), "[ { a: '\ufffdA' } ]"),
  same('NULL', sql(['SELECT NULL AS a, ? AS b', null]), '[ { a: null, b: null } ]'),
  same('undefined', sql(['SELECT ? AS a', undefined]), THROWS),
  same('a Date', sql(['SELECT ? AS a', new Date(0)]), THROWS),
  same('an object among values', sql(['SELECT ? AS a, ? AS b', { x: 1 }, 1]), THROWS),
  same('an array', sql(['SELECT ? AS a', [1, 2]]), THROWS),
  same('a function', sql(['SELECT ? AS a', () => 1]), THROWS),
  same('a symbol', sql(['SELECT ? AS a', Symbol('x')]), THROWS),
  same('a Buffer', sql(['SELECT hex(?) AS a', Buffer.from([1, 2])]), "[ { a: '0102' } ]"),
  differs('a BLOB', 'read', sql("SELECT x'0102' AS a"), [
    '[ { a: [ 1, 2 ] } ]',
    '[ { a: Uint8Array(2) [ 1, 2 ] } ]',
  ]),
  differs('a BLOB', 'empty', sql(['SELECT ? AS a', new Uint8Array()]), [
    '[ { a: null } ]',
    '[ { a: Uint8Array(0) [] } ]',
  ]),
  differs('`ArrayBuffer` and views', 'bound', sql(['SELECT hex(?) AS a', new ArrayBuffer(2)]), [
    THROWS,
    "[ { a: '0000' } ]",
  ]),
  differs('`ArrayBuffer` and views', 'a view', sql(['SELECT hex(?) AS a', new Uint16Array([1])]), [
    THROWS,
    "[ { a: '0100' } ]",
  ]),
  differs('`true` and `false`', 'bound', sql(['SELECT ? AS a', true]), [THROWS, '[ { a: 1 } ]']),
  differs('`true` and `false`', 'by name', sql(['SELECT :x AS a', { x: false }]), [THROWS, '[ { a: 0 } ]']),
  differs('a lone surrogate', 'bound', sql(['SELECT hex(?) AS a', '\ud800']), [
    "[ { a: 'EFBFBD' } ]",
    'throws ERR_INVALID_ARG',
  ]),
];

const PARAMETERS = [
  same('in order', sql(['SELECT ? AS a, ? AS b', 1, 'two']), "[ { a: 1, b: 'two' } ]"),
  same('numbered', sql(['SELECT ?2 AS a, ?1 AS b', 1, 2]), '[ { a: 2, b: 1 } ]'),
  same(
    'by name',
    sql(['SELECT :x AS a, @y AS b, $z AS c', { x: 1, y: 2, z: 3 }]),
    '[ { a: 1, b: 2, c: 3 } ]',
  ),
  same('with prefixes', sql(['SELECT :x AS a, @y AS b', { ':x': 1, '@y': 2 }]), '[ { a: 1, b: 2 } ]'),
  same('a name twice', sql(['SELECT :x AS a, :x AS b', { x: 1 }]), '[ { a: 1, b: 1 } ]'),
  same('no names', sql(['SELECT 1 AS a', {}]), '[ { a: 1 } ]'),
  same('values for names', sql(['SELECT :x AS a, :y AS b', 1, 2]), '[ { a: 1, b: 2 } ]'),
  same('too many', sql(['SELECT ? AS a', 1, 2]), THROWS),
  same('a name without a value', sql(['SELECT :x AS a, :y AS b', { x: 1 }]), THROWS),
  same('undefined by name', sql(['SELECT :x AS a', { x: undefined }]), THROWS),
  differs('too few values', 'of two', sql(['SELECT ? AS a, ? AS b', 1]), [
    '[ { a: 1, b: null } ]',
    'throws ERR_INVALID_ARG',
  ]),
  differs('too few values', 'none', sql('SELECT :x AS a'), ['[ { a: null } ]', 'throws ERR_INVALID_ARG']),
  differs('a name that is not in the statement', 'besides', sql(['SELECT :x AS a', { x: 1, y: 2 }]), [
    '[ { a: 1 } ]',
    'throws ERR_INVALID_ARG',
  ]),
  differs('an object for `?`', 'two values', sql(['SELECT ? AS a, ? AS b', { x: 1, y: 2 }]), [
    '[ { a: 1, b: 2 } ]',
    'throws ERR_INVALID_ARG',
  ]),
  differs('an object for `?`', 'and for a name', sql(['SELECT ? AS a, :x AS b', { x: 1 }]), [
    '[ { a: 1, b: null } ]',
    'throws ERR_INVALID_ARG',
  ]),
  differs('what looks like a name', 'in a string', sql(["SELECT ':x' AS a, :y AS b", { y: 2 }]), [
    THROWS,
    "[ { a: ':x', b: 2 } ]",
  ]),
  differs('what looks like a name', 'with colons in it', sql(['SELECT $a::b AS a', { 'a::b': 1 }]), [
    THROWS,
    '[ { a: 1 } ]',
  ]),
  differs(
    'an object without a prototype',
    'by name',
    sql(['SELECT :x AS a', Object.assign(Object.create(null), { x: 1 })]),
    [THROWS, '[ { a: 1 } ]'],
  ),
];

const STATEMENTS = [
  same('no rows', sql('CREATE TABLE s1(x)', 'INSERT INTO s1 VALUES (1)'), '[]'),
  same(
    'RETURNING',
    sql('CREATE TABLE s2(x)', ['INSERT INTO s2 VALUES (?) RETURNING x', 'a']),
    "[ { x: 'a' } ]",
  ),
  same(
    'last_insert_rowid',
    sql('CREATE TABLE s3(x)', 'INSERT INTO s3 VALUES (1)', 'SELECT last_insert_rowid() AS id'),
    '[ { id: 1 } ]',
  ),
  same('one name twice', sql('SELECT 1 AS a, 2 AS a'), '[ { a: 2 } ]'),
  same('a semicolon', sql('SELECT 1 AS a;'), '[ { a: 1 } ]'),
  same('a semicolon in a string', sql(["SELECT 'a;b' AS a, ? AS b", 1]), "[ { a: 'a;b', b: 1 } ]"),
  same('nothing', sql(''), '[]'),
  same('a comment', sql('-- nothing'), '[]'),
  same('no string', sql([7]), THROWS),
  same('several', sql('CREATE TABLE s4(x); INSERT INTO s4 VALUES (1); SELECT x FROM s4'), '[ { x: 1 } ]'),
  same('several with rows', sql('SELECT 1 AS a; SELECT 2 AS b'), '[ { b: 2 } ]'),
  same(
    'rows, then none',
    sql('CREATE TABLE s5(x)', 'SELECT 1 AS a; INSERT INTO s5 VALUES (1)'),
    '[ { a: 1 } ]',
  ),
  same('several with parameters', sql(['SELECT ? AS a; SELECT ? AS b', 1, 2]), THROWS),
  same(
    'BEGIN',
    sql('CREATE TABLE s6(x)', 'BEGIN', 'INSERT INTO s6 VALUES (1)', 'ROLLBACK', 'SELECT x FROM s6'),
    '[]',
  ),
  same('a temporary table', sql('CREATE TEMP TABLE s7(x)', 'SELECT x FROM s7'), '[]'),
  same('foreign keys', sql('PRAGMA foreign_keys'), '[ { foreign_keys: 1 } ]'),
  same('a text in double quotes', sql('SELECT "nope" AS a'), "[ { a: 'nope' } ]"),
  same('FTS5', sql('CREATE VIRTUAL TABLE s8 USING fts5(x)'), '[]'),
  differs(
    'several statements, one of which fails',
    'the second',
    (db) =>
      sql('CREATE TABLE s9(x)')(db)
        .then(() => db.execute('INSERT INTO s9 VALUES (1); INSERT INTO nowhere VALUES (1)'))
        .catch(() => db.execute('SELECT count(*) AS n FROM s9')),
    ['[ { n: 1 } ]', '[ { n: 0 } ]'],
  ),
  differs('`;;` at the end', 'behind a query', sql('SELECT 1 AS a;;'), [THROWS, '[ { a: 1 } ]']),
  differs('a column `__proto__`', 'read', sql('SELECT 1 AS __proto__, 2 AS b'), [
    '[ { b: 2 } ]',
    "[ { ['__proto__']: 1, b: 2 } ]",
  ]),
  differs('SQLite', 'math functions', sql('SELECT sqrt(16) AS a'), [THROWS, '[ { a: 4 } ]']),
  differs('`VACUUM INTO` a file', 'refused', sql("VACUUM INTO 'made by a test of rivetkit'"), [
    '[]',
    'throws SQLITE_AUTH',
  ]),
  differs('PRAGMAs of the engine', 'cache_size', sql('PRAGMA cache_size'), [
    '[ { cache_size: -8192 } ]',
    '[ { cache_size: -2000 } ]',
  ]),
];

/** @param {Promise<unknown>} promise */
const whatItSays = (promise) => promise.then(String, (error) => [error.code, error.message]);

const ERRORS = [
  differs('errors of SQLite', 'syntax', (db) => whatItSays(db.execute('SELEC 1')), [
    "[ 'internal_error', 'An internal error occurred' ]",
    `[ 'SQLITE_ERROR', 'near "SELEC": syntax error' ]`,
  ]),
  differs(
    'errors of SQLite',
    'constraints',
    async (db) => {
      await db.execute('CREATE TABLE e1(x UNIQUE)');
      await db.execute('INSERT INTO e1 VALUES (1)');
      return await whatItSays(db.execute('INSERT INTO e1 VALUES (1)'));
    },
    [
      "[ 'internal_error', 'An internal error occurred' ]",
      "[ 'SQLITE_CONSTRAINT', 'UNIQUE constraint failed: e1.x' ]",
    ],
  ),
];

const TRANSACTIONS = [
  same(
    'committed',
    async (db) => {
      await db.execute('CREATE TABLE t1(x)');
      const answer = await db.transaction(async (tx) => {
        await tx.execute('INSERT INTO t1 VALUES (1)');
        return 'done';
      });
      return [answer, await db.execute('SELECT x FROM t1')];
    },
    "[ 'done', [ { x: 1 } ] ]",
  ),
  same(
    'rolled back',
    async (db) => {
      await db.execute('CREATE TABLE t2(x)');
      const error = await db
        .transaction(async (tx) => {
          await tx.execute('INSERT INTO t2 VALUES (1)');
          throw new TypeError('mine');
        })
        .catch(({ message }) => message);
      return [error, await db.execute('SELECT x FROM t2')];
    },
    "[ 'mine', [] ]",
  ),
  same(
    'a statement that fails leaves the others',
    async (db) => {
      await db.execute('CREATE TABLE t3(x UNIQUE)');
      await db.transaction(async (tx) => {
        await tx.execute('INSERT INTO t3 VALUES (1)');
        await tx.execute('INSERT INTO t3 VALUES (1)').catch(() => {});
        await tx.execute('INSERT INTO t3 VALUES (2)');
      });
      return await db.execute('SELECT x FROM t3');
    },
    '[ { x: 1 }, { x: 2 } ]',
  ),
  same(
    'after its end',
    async (db) => {
      const over = await db.transaction((tx) => tx);
      return await over.execute('SELECT 1 AS a');
    },
    THROWS,
  ),
  same('no function', (db) => db.transaction(5), THROWS),
  same('COMMIT in it', (db) => db.transaction((tx) => tx.execute('COMMIT')), THROWS),
  same('BEGIN in it', (db) => db.transaction((tx) => tx.execute('BEGIN')), THROWS),
  same('a timeout of 0', (db) => db.transaction(() => 1, { timeout: 0 }), THROWS),
  same('an endless timeout', (db) => db.transaction(() => 1, { timeout: Infinity }), THROWS),
  same('a timeout that is no number', (db) => db.transaction(() => 1, { timeout: '5' }), THROWS),
  same('a part of a millisecond', (db) => db.transaction(() => 1, { timeout: 1000.5 }), '1'),
  same('a timeout past 2^31', (db) => db.transaction(() => 1, { timeout: 2 ** 40 }), '1'),
  same('a name', (db) => db.transaction(() => 1, { name: 'mine' }), '1'),
  same('an empty name', (db) => db.transaction(() => 1, { name: '' }), THROWS),
  same('a name that is none', (db) => db.transaction(() => 1, { name: 5 }), THROWS),
  same('null for options', (db) => db.transaction(() => 1, null), '1'),
  differs(
    'a transaction whose time is up',
    'while it waits',
    (db) =>
      db
        .transaction(() => new Promise((resolve) => setTimeout(resolve, 400)), { timeout: 100 })
        .catch(({ code }) => code),
    ["'transaction_expired'", "'ERR_CLOSED'"],
  ),
  differs(
    'a transaction in a transaction',
    'which waits',
    (db) =>
      db.transaction((tx) => tx.transaction((inner) => inner.execute('SELECT 1 AS a')), { timeout: 500 }),
    [THROWS, '[ { a: 1 } ]'],
  ),
  // Behind this one, rivetkit's database is closed.
  differs(
    '`tx.close()`',
    'and a call behind it',
    async (db) => {
      await db.transaction((tx) => tx.close()).catch(() => {});
      return await db.execute('SELECT 1 AS a');
    },
    [THROWS, '[ { a: 1 } ]'],
  ),
];

/** @type {Call[]} */
const CALLS = [NUMBERS, VALUES, PARAMETERS, STATEMENTS, ERRORS, TRANSACTIONS].flat();

/** Lines of the table that no call shows. */
const WITHOUT_CALL = ['calls made at once', '`experimental: { includeState: true }`', '`nativeMetrics`'];

/**
 * Makes a call, and says what it answers.
 *
 * @param {Client} db
 * @param {Call} call
 * @returns {Promise<string>}
 */
async function answerOf(db, { make }) {
  try {
    return inspect(await make(db), { breakLength: Infinity, depth: 5 });
  } catch (error) {
    return `${THROWS} ${/** @type {any} */ (error).code}`;
  }
}

/**
 * Whether an answer is the expected one.
 *
 * @param {string} answer
 * @param {string | undefined} expected
 */
function isAsExpected(answer, expected) {
  return expected === THROWS ? answer.startsWith(THROWS) : answer === expected;
}

module.exports = { CALLS, WITHOUT_CALL, answerOf, isAsExpected };

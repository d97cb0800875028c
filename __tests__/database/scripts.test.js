// Texts of several statements, wherever they are taken: where a statement ends is for SQLite to say.

'use strict';

const { Store } = require('../..');
const { durableObjectStorage } = require('../../adapters/durable-object.js');
const { batonDatabase } = require('../../adapters/rivetkit.js');
const { eachStatement } = require('../../lib/database/scripts.js');
const { firstWord, isBlank, isComplete } = require('../../lib/addon/sql-state.js');
const { batondb, succeed } = require('../cli/helpers.js');
const { thrown } = require('../adapters/durable-object/support.js');
const { onEachBackend, rejection, temporaryDirectory } = require('../helpers.js');

const HARD = {
  'a trigger that ends in CASE … END': `CREATE TABLE x (a); CREATE TABLE log (a);
    CREATE TRIGGER t AFTER INSERT ON x BEGIN
      INSERT INTO log VALUES (CASE new.a WHEN 1 THEN 'one' ELSE 'other' END);
      SELECT CASE 1 WHEN 1 THEN 2 END; END;
    INSERT INTO x VALUES (1); SELECT a FROM log`,
  'a trigger with a column named end': `CREATE TABLE x ("end"); CREATE TABLE log (a);
    create temp trigger if not exists t after insert on x begin insert into log select 'one' as "end"; select 1 AS [end]; end ;
    INSERT INTO x VALUES (1);; SELECT a FROM log;`,
  'comments, quotes and semicolons everywhere': `-- ; END; '
    CREATE TABLE log (a DEFAULT 'END;'); /* ; ' */ INSERT INTO log VALUES ('one' /* ; */); -- ; "
    SELECT ";", a FROM (SELECT 1 AS ";"), log -- the end; ;`,
  'a table of which the next statement knows': `CREATE TABLE log AS SELECT 'one' AS a; SELECT a FROM log; /* END */`,
  'a trigger whose name is a keyword': `CREATE TABLE x (a); CREATE TABLE log (a); CREATE TRIGGER "end" BEFORE INSERT ON x
    WHEN new.a > 0 BEGIN UPDATE x SET a = 2 WHERE a = CASE WHEN 1 THEN 3 END; INSERT INTO log VALUES ('one'); END;
    INSERT INTO x VALUES (1); SELECT a FROM log;`,
};

onEachBackend((openStore) => {
  /** @type {any} */
  let store;
  beforeEach(async () => {
    store = await openStore();
  });
  afterEach(async () => {
    await store.close();
  });

  describe.each(Object.entries(HARD))('%s', (_, script) => {
    test('in a Durable Object', async () => {
      const { sql } = durableObjectStorage(await store.openDatabase('a', { allowBlocking: true }));
      const cursor = sql.exec(script);
      expect(cursor.toArray()).toMatchObject([{ a: 'one' }]);
    });

    test('in rivetkit', async () => {
      const client = await batonDatabase({ store }).createClient({ actorId: 'a' });
      expect(await client.execute(script)).toMatchObject([{ a: 'one' }]);
      await client.transaction(async (/** @type {any} */ tx) => {
        expect(await tx.execute('SELECT 1 AS one; SELECT a FROM log; DELETE FROM log')).toEqual([
          { a: 'one' },
        ]);
      });
    });

    test('statement by statement', async () => {
      const database = await store.openDatabase('a');
      const rows = [];
      for await (const answer of eachStatement(database, script)) {
        if (!Array.isArray(answer)) for await (const row of answer.rows) rows.push(row.at(-1));
      }
      expect(rows).toEqual(['one']);
    });
  });

  test('a Durable Object binds to the last statement, and to no other', async () => {
    const { sql } = durableObjectStorage(await store.openDatabase('a', { allowBlocking: true }));
    sql.exec('CREATE TABLE t (a, b)');
    const cursor = sql.exec('INSERT INTO t VALUES (1, 2); INSERT INTO t VALUES (?, ?) RETURNING a', 3, null);
    expect(cursor.toArray()).toEqual([{ a: 3 }]);
    expect(cursor.rowsWritten).toBe(2);
    expect(thrown(() => sql.exec('INSERT INTO t VALUES (?, 1); SELECT 1', 3))).toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: expect.stringContaining('only the last statement of several may have parameters'),
    });
    expect(thrown(() => sql.exec('DELETE FROM t; SELECT ?, ?', 3))).toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: expect.stringContaining('2 parameters, got 1'),
    });
    const counted = sql.exec('SELECT count(*) AS n FROM t');
    expect(counted.one()).toEqual({ n: 2 });
    for (const blank of ['', ' ; ', '-- nothing', '/* nothing']) {
      expect(thrown(() => sql.exec(blank))).toMatchObject({ code: 'ERR_INVALID_ARG' });
    }
  });

  test('an error in a script says where it is, and the script has had no effect', async () => {
    const { sql } = durableObjectStorage(await store.openDatabase('a', { allowBlocking: true }));
    const script = "CREATE TABLE t (a); INSERT INTO t VALUES ('ü'); SELEKT 1; SELECT 2";
    expect(thrown(() => sql.exec(script))).toMatchObject({
      code: 'SQLITE_ERROR',
      statement: 2,
      offset: script.indexOf('SELEKT'),
    });
    expect(thrown(() => sql.exec('SELECT a FROM t'))).toMatchObject({ code: 'SQLITE_ERROR' });
  });

  test('rivetkit: all or nothing up to what stands alone', async () => {
    const client = await batonDatabase({ store }).createClient({ actorId: 'a' });
    const failed = client.execute('CREATE TABLE t (a); INSERT INTO t VALUES (1); SELECT nothing FROM t');
    expect(await rejection(failed)).toMatchObject({ code: 'SQLITE_ERROR', statement: 2 });
    expect(await client.execute('SELECT count(*) AS n FROM sqlite_schema')).toEqual([{ n: 0 }]);
    await client.execute(
      'CREATE TABLE t (a); PRAGMA user_version = 7; INSERT INTO t VALUES (1); BEGIN; ROLLBACK;',
    );
    expect(await client.execute('SELECT a FROM t; PRAGMA user_version')).toEqual([{ user_version: 7 }]);
    expect(await rejection(client.execute('BEGIN; DELETE FROM t; SELEKT'))).not.toHaveProperty(
      'statement',
      0,
    );
    await client.execute('ROLLBACK');
    expect(await client.execute('SELECT a FROM t')).toEqual([{ a: 1 }]);
    expect(await client.execute('')).toEqual([]);
  });

  test('a literal of 9 MiB', async () => {
    const hex = 'ab'.repeat(9 << 20);
    const { sql } = durableObjectStorage(await store.openDatabase('a', { allowBlocking: true }));
    const cursor = sql.exec(
      `SELECT 1; SELECT length(x'${hex}') AS blob, length('${hex}') AS text; -- ${hex}`,
    );
    expect(cursor.one()).toEqual({ blob: 9 << 20, text: 18 << 20 });
  });

  test('many statements are few calls', async () => {
    const database = await store.openDatabase('a');
    let calls = 0;
    const inserts = 20_000;
    const dump = [
      'BEGIN; CREATE TABLE t (a);',
      ...Array.from({ length: inserts }, (_, index) => `INSERT INTO t VALUES (${index});`),
      'COMMIT; SELECT count(*) FROM t;',
    ].join('\n');
    let changes = 0;
    /** @type {unknown[]} */
    let last = [];
    for await (const answer of eachStatement(
      counting(database, () => (calls += 1)),
      dump,
    )) {
      if (Array.isArray(answer)) changes += answer.reduce((sum, each) => sum + each.changes, 0);
      else for await (const row of answer.rows) last = row;
    }
    expect(changes).toBe(inserts);
    expect(last).toEqual([BigInt(inserts)]);
    // 1, 2, 4, … statements, then 4,096 each time.
    expect(calls).toBeLessThan(25);
  });

  test('rows of a statement may be left unread, and a script may be left', async () => {
    const database = await store.openDatabase('a');
    const forever = 'WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c';
    const seen = [];
    for await (const answer of eachStatement(database, `${forever}; CREATE TABLE t (a); ${forever}`)) {
      if (Array.isArray(answer)) {
        seen.push(answer);
        continue;
      }
      for await (const [n] of answer.rows) {
        if (n === 700n) break;
      }
      seen.push(answer.columns);
      if (seen.length === 3) break;
    }
    expect(seen).toEqual([['n'], [{ changes: 0, readonly: false }], ['n']]);
    // Nothing of it is open.
    await database.exec('DROP TABLE t');
  });

  test('a database that only reads runs scripts too, beside its owner', async () => {
    const owner = await store.openDatabase('a');
    await owner.exec(`CREATE TABLE t (a); WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2000)
      INSERT INTO t SELECT n FROM c`);
    const reader = await store.openDatabase('a', { readOnly: true, allowBlocking: true });
    const { sql } = durableObjectStorage(reader);
    const cursor = sql.exec('SELECT 1; SELECT count(*) AS n FROM t WHERE a > ?', 0);
    expect(cursor.one()).toEqual({ n: 2_000 });
    const counts = [];
    const script =
      'CREATE TEMP TABLE mine AS SELECT 1 AS x; SELECT a FROM t; SELECT count(*) FROM t; SELECT x FROM mine';
    for await (const answer of eachStatement(reader, script)) {
      if (Array.isArray(answer)) continue;
      let rows = 0;
      for await (const _ of answer.rows) rows += 1;
      counts.push(rows);
      // Seen by what comes next.
      await owner.exec('INSERT INTO t VALUES (1)');
    }
    expect(counts).toEqual([2_000, 1, 1]);
    expect(thrown(() => sql.exec('SELECT 1; DELETE FROM t'))).toMatchObject({ code: 'SQLITE_READONLY' });
  });

  test('what came before a statement that fails is told first', async () => {
    const database = await store.openDatabase('a');
    const script =
      'CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES (1); SELECT a FROM t; INSERT INTO t VALUES (1); SELECT 2';
    const told = [];
    const run = async () => {
      for await (const answer of eachStatement(database, script)) {
        told.push(Array.isArray(answer) ? answer.length : answer.columns);
      }
    };
    expect(await rejection(run())).toMatchObject({ code: 'SQLITE_CONSTRAINT' });
    expect(told.flat()).toEqual([1, 1, 'a']);
  });
});

/**
 * A database whose connection counts its calls.
 *
 * @param {any} database
 * @param {() => void} count
 */
function counting(database, count) {
  const inside = Symbol.for('batondb.inside');
  const { connection, scope } = database[inside]();
  const counted = {
    shapes: connection.shapes,
    call: (/** @type {any[]} */ ...args) => {
      count();
      return connection.call(...args);
    },
    closeCursor: (/** @type {any[]} */ ...args) => connection.closeCursor(...args),
  };
  return { [inside]: () => ({ connection: counted, scope }) };
}

test.each([
  ['', 'blank'],
  [' ;\n-- SELECT;\n/* ; */', 'blank'],
  ['SELECT 1', 'open'],
  ["SELECT ';", 'open'],
  ['SELECT 1; /* ;', 'open'],
  ['CREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT CASE 1 WHEN 1 THEN 2 END;', 'open'],
  ['CREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT CASE 1 WHEN 1 THEN 2 END; END;', 'complete'],
  ['SELECT 1; -- done\n', 'complete'],
])('%j is %s', (text, state) => {
  const states = { blank: [true, false], open: [false, false], complete: [false, true] };
  expect([isBlank(text), isComplete(text)]).toEqual(states[state]);
});

test.each([
  ['SELECT 1', 'select'],
  [' ;\n\t Pragma foo', 'pragma'],
  ['-- SELECT;\n/* BEGIN; */ /**/ WITH x AS (SELECT 1) SELECT 1', 'with'],
  ['\ufeffVALUES (1)', 'values'],
  ['/* never ends SELECT', ''],
  ['-- never ends SELECT', ''],
  ['(SELECT 1)', ''],
  ['', ''],
])('the first word of %j is %j', (text, word) => {
  expect(firstWord(text)).toBe(word);
});

describe('batondb sql', () => {
  const directory = temporaryDirectory();
  beforeAll(async () => {
    await (await Store.open({ path: directory })).close();
  });
  const write = (/** @type {string} */ input, actor = 'a') =>
    batondb(['sql', directory, actor, '--write', '--create', '--mode', 'csv'], { input });

  test.each(Object.entries(HARD))('%s', async (name, script) => {
    const { stdout, code } = await write(script, name.replace(/\W/g, '-'));
    expect({ last: stdout.trim().split('\n').at(-1), code }).toEqual({
      last: expect.stringContaining('one'),
      code: 0,
    });
  });

  test('a dump with a blob of 9 MiB', async () => {
    const blob = 'cd'.repeat(9 << 20);
    const dump = `PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE b(x);\nINSERT INTO b VALUES(X'${blob}');\nCOMMIT;\n`;
    expect(await write(dump, 'blob')).toMatchObject({ code: 0, stderr: '' });
    const select = 'SELECT length(x) AS n, hex(substr(x, -1)) AS last FROM b';
    expect(await succeed(['sql', directory, 'blob', '--mode', 'csv', '-c', select])).toBe(
      `n,last\n${9 << 20},CD\n`,
    );
  });

  test('commands with a dot stand between statements too, and not inside of them', async () => {
    const script = "SELECT 1 AS a;\n.mode json\nSELECT '\n.mode csv\n' AS a;\n.tables\nSELECT 2 AS a";
    expect(await write(script, 'dots')).toMatchObject({
      stdout: 'a\n1\n[\n  {"a":"\\n.mode csv\\n"}\n]\n[\n  {"a":2}\n]\n',
      code: 0,
    });
  });
});

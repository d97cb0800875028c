'use strict';

const diagnostics = require('node:diagnostics_channel');

const { Store, constants, isBatonError } = require('../..');
const { expectBytes, onEachBackend, thrown } = require('../helpers.js');

const {
  SQLITE_CHANGESET_OMIT: OMIT,
  SQLITE_CHANGESET_REPLACE: REPLACE,
  SQLITE_CHANGESET_ABORT: ABORT,
} = constants;
const { SQLITE_CHANGESET_DATA: DATA, SQLITE_CHANGESET_NOTFOUND: NOTFOUND } = constants;
const { SQLITE_CHANGESET_CONFLICT: CONFLICT, SQLITE_CHANGESET_CONSTRAINT: CONSTRAINT } = constants;
const { SQLITE_CHANGESET_FOREIGN_KEY: FOREIGN_KEY } = constants;

const SCHEMA = `
  CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT UNIQUE, n INTEGER CHECK (n < 100));
  CREATE TABLE part(id INTEGER PRIMARY KEY, item INTEGER REFERENCES item(id), v BLOB);
  CREATE TABLE log(id INTEGER PRIMARY KEY, line TEXT);`;

onEachBackend((open) => {
  let store;
  let db;
  let source;
  beforeEach(async () => {
    store = await open();
    [db, source] = await Promise.all(['a', 'b'].map((id) => store.openDatabase(id, { allowBlocking: true })));
    for (const each of [db, source]) {
      each.execSync(SCHEMA);
      each.execSync(
        "INSERT INTO item VALUES (1, 'one', 1), (2, 'two', 2); INSERT INTO part VALUES (1, 1, x'00')",
      );
    }
  });

  const content = (of = db) =>
    ['item', 'part', 'log'].map((table) => of.allSync(`SELECT * FROM ${table}`, [], { rowMode: 'array' }));
  const items = () => content()[0].map((row) => row.join(' '));

  /** The changeset of a script on the other actor. */
  function changesOf(sql, { foreignKeys = true, patchset = false } = {}) {
    if (!foreignKeys) source.execSync('PRAGMA foreign_keys = OFF');
    const session = source.createSession();
    source.execSync(sql);
    const bytes = patchset ? session.patchset() : session.changeset();
    session.close();
    return bytes;
  }

  describe('a conflict', () => {
    const CASES = {
      'other values': [DATA, 'UPDATE item SET n = 5 WHERE id = 1', 'UPDATE item SET n = 7 WHERE id = 1'],
      'other values of a deleted row': [
        DATA,
        'DELETE FROM item WHERE id = 2',
        'UPDATE item SET n = 7 WHERE id = 2',
      ],
      'a row that is gone': [NOTFOUND, 'UPDATE item SET n = 5 WHERE id = 2', 'DELETE FROM item WHERE id = 2'],
      'a row that is there': [
        CONFLICT,
        "INSERT INTO item VALUES (3, 'x', 1)",
        "INSERT INTO item VALUES (3, 'y', 2)",
      ],
      'another row with its value': [
        CONSTRAINT,
        "INSERT INTO item VALUES (3, 'x', 1)",
        "INSERT INTO item VALUES (4, 'x', 2)",
      ],
    };
    test.each(Object.entries(CASES))('is told and resolved: %s', (_, [kind, theirs, ours]) => {
      const changeset = changesOf(`${theirs}; INSERT INTO log VALUES (1, 'too')`);
      db.execSync(ours);
      const before = content();
      expect(db.applyChangeset(changeset)).toBe(false);
      expect(content()).toEqual(before);
      const told = [];
      const answering = (answer) => ({
        onConflict: (...args) => {
          told.push(args);
          return answer;
        },
      });
      expect(db.applyChangeset(changeset, answering(ABORT))).toBe(false);
      expect(content()).toEqual(before);
      const replaced = () => db.applyChangeset(changeset, answering(REPLACE));
      if (kind === DATA || kind === CONFLICT) {
        db.execSync('SAVEPOINT s');
        expect(replaced()).toBe(true);
        expect(content()).toEqual(content(source));
        db.execSync('ROLLBACK TO s; RELEASE s');
      } else {
        expect(thrown(replaced)).toMatchObject({
          code: 'ERR_INVALID_ARG',
          message: expect.stringContaining(kind === NOTFOUND ? 'NOTFOUND' : 'CONSTRAINT'),
        });
      }
      expect(content()).toEqual(before);
      expect(db.applyChangeset(changeset, answering(OMIT))).toBe(true);
      expect(content()).toEqual([before[0], before[1], [[1, 'too']]]);
      expect(told).toEqual([[kind], [kind], [kind]]);
    });

    test('of foreign keys is told once, at the end, and may stay', () => {
      const changeset = changesOf(
        "DELETE FROM part; DELETE FROM item WHERE id = 1; INSERT INTO log VALUES (1, 'x')",
      );
      db.execSync('INSERT INTO part VALUES (2, 1, NULL)');
      const before = content();
      const told = [];
      const answering = (answer) => ({ onConflict: (kind) => (told.push(kind), answer) });
      for (const call of [
        () => db.applyChangeset(changeset),
        () => db.applyChangeset(changeset, answering(ABORT)),
      ]) {
        expect(thrown(call)).toMatchObject({
          code: 'SQLITE_CONSTRAINT',
          extendedCode: 'SQLITE_CONSTRAINT_FOREIGNKEY',
          message: expect.stringContaining('foreign key'),
        });
        expect(content()).toEqual(before);
      }
      expect(db.applyChangeset(changeset, answering(OMIT))).toBe(true);
      expect(told).toEqual([FOREIGN_KEY, FOREIGN_KEY]);
      expect(db.allSync('PRAGMA foreign_key_check')).toHaveLength(1);
      expect(thrown(() => db.runSync('INSERT INTO part VALUES (9, 99, NULL)')).code).toBe(
        'SQLITE_CONSTRAINT',
      );
    });

    test('is not noticed by a patchset in columns that it does not change', () => {
      const session = source.createSession();
      source.execSync('UPDATE item SET n = 5 WHERE id = 1');
      const [patchset, changeset] = [session.patchset(), session.changeset()];
      expect(patchset.length).toBeLessThan(changeset.length);
      db.execSync('UPDATE item SET n = 7 WHERE id = 1');
      expect([db.applyChangeset(changeset), db.applyChangeset(patchset)]).toEqual([false, true]);
      expect(items()).toEqual(['1 one 5', '2 two 2']);
    });
  });

  test('a filter chooses among the tables', () => {
    const changeset = changesOf(
      "INSERT INTO item VALUES (3, 'x', 1), (4, 'y', 1); INSERT INTO log VALUES (1, 'l')",
    );
    const asked = [];
    const taking = (answer) => ({ filter: (...args) => (asked.push(args), answer(args[0])) });
    expect(
      db.applyChangeset(
        changeset,
        taking(() => undefined),
      ),
    ).toBe(true);
    expect(content()[2]).toEqual([]);
    expect(
      db.applyChangeset(
        changeset,
        taking((table) => table === 'log'),
      ),
    ).toBe(true);
    expect([content()[0].length, content()[2]]).toEqual([2, [[1, 'l']]]);
    expect(asked).toEqual([['item'], ['log'], ['item'], ['log']]);
  });

  test('tables that are missing or different are passed over', () => {
    const changeset = changesOf(`
      CREATE TABLE more(a PRIMARY KEY); INSERT INTO more VALUES (1);
      CREATE TABLE key(a, b, PRIMARY KEY (a)); INSERT INTO key VALUES (1, 2);
      CREATE TABLE wide(a PRIMARY KEY, b, c); INSERT INTO wide VALUES (1, 2, 3);
      CREATE TABLE narrow(a PRIMARY KEY, b); INSERT INTO narrow VALUES (1, 2)`);
    db.execSync(`CREATE TABLE key(a, b, PRIMARY KEY (b)); CREATE TABLE wide(a PRIMARY KEY, b);
      CREATE TABLE narrow(a PRIMARY KEY, b, c DEFAULT 'd')`);
    expect(db.applyChangeset(changeset)).toBe(true);
    const rows = ['key', 'wide', 'narrow'].map((table) => db.allSync(`SELECT * FROM ${table}`));
    expect(rows).toEqual([[], [], [{ a: 1, b: 2, c: 'd' }]]);
  });

  test('triggers run, with functions in JavaScript, and what they write is recorded', () => {
    const changeset = changesOf("INSERT INTO item VALUES (3, 'x', 1)");
    db.function('shout', (text) => text.toUpperCase());
    db.execSync(
      'CREATE TRIGGER t AFTER INSERT ON item BEGIN INSERT INTO log(line) VALUES (shout(new.name)); END',
    );
    const session = db.createSession({ table: 'log' });
    expect(db.applyChangeset(changeset)).toBe(true);
    expect(content()[2]).toEqual([[1, 'X']]);
    expect(source.applyChangeset(session.changeset())).toBe(true);
    expect(content(source)[2]).toEqual([[1, 'X']]);
    const error = new RangeError('mine');
    db.function('shout', (_) => {
      throw error;
    });
    const before = content();
    expect(thrown(() => db.applyChangeset(changesOf("INSERT INTO item VALUES (4, 'y', 1)")))).toBe(error);
    expect(content()).toEqual(before);
  });

  describe('in a transaction', () => {
    test('it is a part of that', async () => {
      const changeset = changesOf("INSERT INTO item VALUES (3, 'x', 1)");
      const undo = new Error('undo');
      expect(
        thrown(() =>
          db.transactionSync(() => {
            expect(db.applyChangeset(changeset)).toBe(true);
            throw undo;
          }),
        ),
      ).toBe(undo);
      await db
        .transaction(async (tx) => {
          expect(tx.applyChangeset(changeset)).toBe(true);
          throw undo;
        })
        .catch(() => {});
      db.execSync('BEGIN');
      expect(db.applyChangeset(changeset)).toBe(true);
      expect(db.inTransaction).toBe(true);
      db.execSync('ROLLBACK');
      expect(items()).toHaveLength(2);
      await db.transaction(async (tx) => {
        expect(tx.applyChangeset(changeset)).toBe(true);
        await tx.run('UPDATE item SET n = 50 WHERE id = 3');
      });
      expect(items()).toContain('3 x 50');
    });

    test('a refusal undoes it alone', () => {
      const changeset = changesOf("INSERT INTO log VALUES (1, 'x'); INSERT INTO item VALUES (3, 'x', 1)");
      db.transactionSync(() => {
        db.runSync("INSERT INTO item VALUES (3, 'mine', 1)");
        expect(db.applyChangeset(changeset)).toBe(false);
        expect(thrown(() => db.applyChangeset(changeset.subarray(1))).code).toBe('ERR_INVALID_ARG');
        const error = new Error('mine');
        const failing = () => {
          throw error;
        };
        expect(thrown(() => db.applyChangeset(changeset, { onConflict: failing }))).toBe(error);
        db.runSync("INSERT INTO item VALUES (4, 'more', 1)");
      });
      expect([items(), content()[2]]).toEqual([['1 one 1', '2 two 2', '3 mine 1', '4 more 1'], []]);
    });

    test('the checks of foreign keys that are put off stay put off', () => {
      const changeset = changesOf("INSERT INTO log VALUES (1, 'x')");
      db.transactionSync(() => {
        db.execSync('PRAGMA defer_foreign_keys = ON');
        expect(db.applyChangeset(changeset)).toBe(true);
        db.runSync('INSERT INTO part VALUES (7, 77, NULL)');
        db.runSync("INSERT INTO item VALUES (77, 'later', 1)");
      });
      expect(db.getSync('PRAGMA defer_foreign_keys')).toEqual({ defer_foreign_keys: 0 });
      expect(content()[1]).toHaveLength(2);
    });

    test.each([
      [
        'a constraint',
        'CREATE TABLE strict_log(id INTEGER PRIMARY KEY, line UNIQUE ON CONFLICT ROLLBACK)',
        '',
      ],
      [
        'a trigger',
        'CREATE TABLE strict_log(id INTEGER PRIMARY KEY, line)',
        "CREATE TRIGGER t BEFORE INSERT ON strict_log WHEN new.line = 'b' BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
      ],
    ])('%s that rolls it back leaves nothing of either', (_, table, trigger) => {
      source.execSync(table);
      db.execSync(`${table}; INSERT INTO strict_log VALUES (9, 'b'); ${trigger}`);
      const changeset = changesOf("INSERT INTO strict_log VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')");
      const before = db.allSync('SELECT * FROM strict_log');
      const apply = () => db.applyChangeset(changeset, { onConflict: () => OMIT });
      expect(thrown(apply)).toMatchObject({
        code: 'SQLITE_ABORT',
        message: expect.stringContaining('ROLLBACK'),
      });
      expect(db.allSync('SELECT * FROM strict_log')).toEqual(before);
      const error = thrown(() =>
        db.transactionSync(() => {
          db.runSync("INSERT INTO item VALUES (3, 'x', 1)");
          apply();
        }),
      );
      expect(error.code).toBe('SQLITE_ABORT');
      expect([db.allSync('SELECT * FROM strict_log'), items().length]).toEqual([before, 2]);
      // Other commits are not held up.
      db.runSync("INSERT INTO item VALUES (3, 'x', 1)");
      expect(items()).toHaveLength(3);
    });
  });

  describe('callbacks', () => {
    const clash = () => {
      db.execSync("INSERT INTO item VALUES (3, 'mine', 1)");
      return changesOf("INSERT INTO item VALUES (3, 'x', 1); INSERT INTO log VALUES (1, 'l')");
    };

    test.each(['filter', 'onConflict'])(
      '%s that throws ends the call with that error, and nothing is done',
      (name) => {
        const changeset = clash();
        const before = content();
        for (const error of [new TypeError('mine'), undefined, 'text']) {
          let calls = 0;
          const options = {
            [name]: () => {
              calls += 1;
              throw error;
            },
          };
          expect(thrown(() => db.applyChangeset(changeset, options))).toBe(error);
          expect(calls).toBe(1);
        }
        expect(content()).toEqual(before);
        expect(db.applyChangeset(changeset, { onConflict: () => OMIT })).toBe(true);
      },
    );

    test.each([
      ['undefined', undefined],
      ['null', null],
      ['true', true],
      ['a string', '0'],
      ['a bigint', 0n],
      ['another number', 3],
      ['a negative number', -1],
      ['a fraction', 0.5],
      ['NaN', NaN],
      ['an object', {}],
    ])('a handler that returns %s is refused by name', (_, answer) => {
      const changeset = clash();
      const before = content();
      expect(thrown(() => db.applyChangeset(changeset, { onConflict: () => answer }))).toMatchObject({
        code: 'ERR_INVALID_ARG',
        message: expect.stringContaining('onConflict'),
      });
      expect(content()).toEqual(before);
    });

    test.each(['filter', 'onConflict'])('%s that returns a promise is refused', async (name) => {
      const options = { [name]: () => Promise.reject(new Error('nobody hears this')) };
      expect(thrown(() => db.applyChangeset(clash(), options))).toMatchObject({
        code: 'ERR_INVALID_ARG',
        message: expect.stringContaining(name),
      });
      expect(content()[2]).toEqual([]);
      await new Promise(setImmediate);
    });

    test.each([
      ['a query', () => db.getSync('SELECT 1')],
      ['a changeset', () => db.applyChangeset(Buffer.alloc(0))],
      ['a session', () => db.createSession()],
      ['a transaction', () => db.transactionSync(() => {})],
    ])('that make %s on their database are refused, and others are free', (_, call) => {
      const changeset = clash();
      const before = content();
      expect(thrown(() => db.applyChangeset(changeset, { filter: call })).code).toBe('ERR_BUSY');
      expect(content()).toEqual(before);
      const onConflict = () => {
        expect(thrown(call)).toMatchObject({ code: 'ERR_BUSY', retryable: true });
        // One changeset while another one is applied.
        expect(source.applyChangeset(changeset, { onConflict: () => OMIT, filter: () => true })).toBe(true);
        source.runSync("INSERT INTO log(line) VALUES ('from inside')");
        return OMIT;
      };
      expect(db.applyChangeset(changeset, { onConflict })).toBe(true);
      expect(content()[2]).toEqual([[1, 'l']]);
      expect(content(source)[2]).toContainEqual([2, 'from inside']);
    });

    test('what they begin asynchronously runs afterwards; a session that they close is closed', async () => {
      const changeset = clash();
      const session = db.createSession();
      let later;
      const onConflict = () => {
        later ??= db.get('SELECT count(*) AS n FROM log');
        session[Symbol.dispose]();
        return OMIT;
      };
      expect(db.applyChangeset(changeset, { onConflict })).toBe(true);
      expect(await later).toEqual({ n: 1 });
      expect(thrown(() => session.changeset()).code).toBe('ERR_CLOSED');
    });
  });

  describe('bad input', () => {
    test.each([
      ['nothing', undefined],
      ['a string', 'changeset'],
      ['an array', [1, 2]],
      ['an ArrayBuffer', new ArrayBuffer(8)],
      ['another view', new Uint16Array(4)],
      ['a DataView', new DataView(new ArrayBuffer(4))],
    ])('%s is no changeset', (_, value) => {
      expect(thrown(() => db.applyChangeset(value))).toMatchObject({
        code: 'ERR_INVALID_ARG',
        message: expect.stringContaining('"changeset"'),
      });
    });

    test('options are checked by name', () => {
      for (const [options, fragment] of [
        [5, 'options'],
        [new Uint8Array(0), 'options'],
        [{ filer: () => true }, 'filer'],
        [{ filter: 5 }, 'options.filter'],
        [{ onConflict: {} }, 'options.onConflict'],
        [{ filter: async () => true }, 'options.filter'],
        [{ onConflict: async () => OMIT }, 'options.onConflict'],
      ]) {
        expect(thrown(() => db.applyChangeset(Buffer.alloc(0), options))).toMatchObject({
          code: 'ERR_INVALID_ARG',
          message: expect.stringContaining(fragment),
        });
      }
    });

    test('bytes are taken from any memory, and not from memory that is gone', () => {
      const changeset = changesOf("INSERT INTO item VALUES (3, 'x', 1)");
      const shared = new Uint8Array(new SharedArrayBuffer(changeset.length + 2), 1, changeset.length);
      const resizable = new Uint8Array(new ArrayBuffer(changeset.length, { maxByteLength: 1000 }));
      for (const bytes of [shared, resizable, new Uint8Array(changeset), Buffer.from(changeset)]) {
        bytes.set(changeset);
        db.execSync('DELETE FROM item WHERE id = 3');
        expect(db.applyChangeset(bytes)).toBe(true);
        expect(items()).toHaveLength(3);
        expectBytes(bytes, changeset);
      }
      const detached = new Uint8Array(8);
      structuredClone(detached.buffer, { transfer: [detached.buffer] });
      expect(thrown(() => db.applyChangeset(detached))).toMatchObject({
        code: 'ERR_INVALID_ARG',
        message: expect.stringContaining('detached'),
      });
      expect(db.applyChangeset(new Uint8Array(0))).toBe(true);
    });

    test('damaged bytes are applied as a whole or refused', () => {
      const sql =
        "INSERT INTO item VALUES (3, 'x', 9); UPDATE item SET n = 4 WHERE id = 1; DELETE FROM item WHERE id = 2; " +
        "UPDATE part SET v = x'0102030405'; INSERT INTO log VALUES (1, 'line')";
      const changeset = changesOf(sql);
      const before = content();
      const damaged = [];
      for (let end = 1; end < changeset.length; end += 1) damaged.push(changeset.subarray(0, end));
      for (let at = 0; at < changeset.length; at += 1) {
        for (const byte of [0, 1, 0x7f, 0x80, 0xff, changeset[at] ^ 1]) {
          const copy = Buffer.from(changeset);
          copy[at] = byte;
          damaged.push(copy);
        }
      }
      const codes = new Map();
      for (const bytes of damaged) {
        let code;
        db.transactionSync(() => {
          try {
            code = db.applyChangeset(bytes, { onConflict: (kind) => (kind === FOREIGN_KEY ? ABORT : OMIT) });
          } catch (error) {
            if (!isBatonError(error)) throw error;
            code = error.code;
            expect(content()).toEqual(before);
          }
          codes.set(code, (codes.get(code) ?? 0) + 1);
          db.execSync('DELETE FROM part; DELETE FROM item; DELETE FROM log');
          for (const [index, table] of ['item', 'part', 'log'].entries()) {
            for (const row of before[index]) db.runSync(`INSERT INTO ${table} VALUES (?, ?, ?)`, row);
          }
        });
      }
      expect([...codes.keys()].sort()).toEqual(['ERR_INVALID_ARG', true]);
      expect(codes.get('ERR_INVALID_ARG')).toBeGreaterThan(100);
      expect(db.getSync('PRAGMA integrity_check')).toEqual({ integrity_check: 'ok' });
    });
  });

  test.each(['by itself', 'in a transaction'])('full-text tables follow, and stay whole: %s', (how) => {
    for (const each of [source, db]) {
      each.execSync("CREATE VIRTUAL TABLE doc USING fts5(body); INSERT INTO doc VALUES ('hello world')");
    }
    const changeset = changesOf("INSERT INTO doc VALUES ('another world'); DELETE FROM doc WHERE rowid = 1");
    const found = (word) =>
      db.allSync('SELECT body FROM doc WHERE doc MATCH ? ORDER BY rowid', [word]).map(({ body }) => body);
    const apply = () => {
      // It keeps what it has read.
      expect(found('hello')).toHaveLength(1);
      const rows = db.iterateSync('SELECT body FROM doc');
      rows.next();
      expect(db.applyChangeset(changeset)).toBe(true);
      rows.return();
      expect([found('hello'), found('world')]).toEqual([[], ['another world']]);
      db.runSync("INSERT INTO doc VALUES ('third world')");
    };
    if (how === 'by itself') apply();
    else db.transactionSync(apply);
    expect(found('world')).toEqual(['another world', 'third world']);
    db.runSync("INSERT INTO doc(doc, rank) VALUES ('integrity-check', 1)");
  });
});

test('it is told on the diagnostics channel, as other writes are', async () => {
  const store = await Store.open({ memory: true });
  const db = await store.openDatabase('a');
  const told = [];
  const hear = ({ operation, sql, error }) => told.push([operation, sql, error?.code]);
  const channel = 'tracing:batondb:sql:asyncEnd';
  diagnostics.subscribe(channel, hear);
  db.applyChangeset(new Uint8Array(0));
  thrown(() => db.applyChangeset(new Uint8Array([1])));
  diagnostics.unsubscribe(channel, hear);
  expect(told).toEqual([
    ['applyChangeset', '', undefined],
    ['applyChangeset', '', 'ERR_INVALID_ARG'],
  ]);
  await store.close();
});

test('the constants are those of SQLite', () => {
  expect(constants).toEqual({
    SQLITE_CHANGESET_OMIT: 0,
    SQLITE_CHANGESET_REPLACE: 1,
    SQLITE_CHANGESET_ABORT: 2,
    SQLITE_CHANGESET_DATA: 1,
    SQLITE_CHANGESET_NOTFOUND: 2,
    SQLITE_CHANGESET_CONFLICT: 3,
    SQLITE_CHANGESET_CONSTRAINT: 4,
    SQLITE_CHANGESET_FOREIGN_KEY: 5,
  });
  expect(Object.isFrozen(constants)).toBe(true);
});

test('large changesets are carried whole', async () => {
  const store = await Store.open({ memory: true });
  const [source, db] = await Promise.all(['a', 'b'].map((id) => store.openDatabase(id)));
  for (const each of [source, db]) each.execSync('CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB)');
  const session = source.createSession();
  source.runSync(
    'INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) SELECT i, randomblob(500) FROM n',
  );
  const changeset = session.changeset();
  expect(changeset.length).toBeGreaterThan(10_000_000);
  expect(db.applyChangeset(changeset)).toBe(true);
  const sum = 'SELECT count(*) AS n, sum(unicode(hex(v))) AS s FROM t';
  expect(db.getSync(sum)).toEqual(source.getSync(sum));
  await store.close();
});

'use strict';

// Programs for better-sqlite3. Each of them runs on better-sqlite3 itself and on Baton, and says the same on both: what
// `say` is given is called, and its result or its error is noted.

const TABLES = `
  CREATE TABLE user (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, age INTEGER, score REAL, data BLOB);
  CREATE TABLE post (id INTEGER PRIMARY KEY, author INTEGER REFERENCES user (id), title TEXT, CHECK (length(title) > 0));
  INSERT INTO user VALUES (1, 'ada', 36, 1.5, x'00ff'), (2, 'bob', NULL, -2, NULL), (3, 'eve', 99, 1e100, x'');
  INSERT INTO post VALUES (10, 1, 'first'), (11, 1, 'second'), (12, 2, 'third');
`;

const RECURSIVE =
  'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000) SELECT i FROM n';

const PROGRAMS = {
  'runs, and what they return': (db, say) => {
    const insert = db.prepare('INSERT INTO user (name, age) VALUES (?, ?)');
    say(() => insert.run('zoe', 5));
    say(() => insert.run(['yan', 6]));
    say(() => insert.run('xi', [7]));
    say(() => db.prepare('UPDATE user SET age = 1 WHERE id < 3').run());
    say(() => db.prepare('UPDATE user SET age = 1 WHERE id > 300').run());
    say(() => db.prepare('DELETE FROM post').run());
    say(() => db.prepare('CREATE TABLE other (a)').run());
    say(() => db.prepare('INSERT INTO other VALUES (1), (2), (3)').run());
    say(() => db.prepare('DROP TABLE other').run());
    say(() => db.prepare('INSERT OR IGNORE INTO user (id, name) VALUES (1, 1)').run());
    say(() => db.prepare('REPLACE INTO user (id, name) VALUES (77, 1)').run());
    say(() =>
      db.prepare("INSERT INTO user (name) VALUES ('up') ON CONFLICT DO NOTHING").safeIntegers().run(),
    );
    say(() => db.prepare('SELECT * FROM user ORDER BY id').all());
  },

  'rows in every form': (db, say) => {
    const sql =
      'SELECT user.name, post.title, post.id, 1 + 1 AS two FROM user JOIN post ON author = user.id ORDER BY post.id';
    const select = db.prepare(sql);
    say(() => [select.get(), select.all(), [...select.iterate()]]);
    say(() => [select.pluck().get(), select.all(), [...select.iterate()]]);
    say(() => [select.expand().get(), select.all(), [...select.iterate()]]);
    say(() => [select.raw().get(), select.all(), [...select.iterate()]]);
    say(() => [select.pluck(false).get(), select.raw(false).get()]);
    say(() => [select.safeIntegers().get(), select.safeIntegers(false).get()]);
    say(() => select.columns());
    say(() => [select.reader, select.readonly, select.source, select.busy, select.database === db]);
    say(() => db.prepare('SELECT 1 AS a, 2 AS a, 3 AS "__proto__", 4 AS "0"').raw().get());
    say(() => db.prepare('SELECT 1 AS a, 2 AS a').get());
    say(() => db.prepare('SELECT * FROM user WHERE id = 999').get());
    say(() => db.prepare('SELECT * FROM user WHERE id = 999').all());
    say(() => db.prepare('SELECT * FROM user WHERE id = 999').pluck().get());
    say(() => select.raw(1));
    say(() => select.pluck('yes'));
    say(() => select.safeIntegers(null));
  },

  'values there and back': (db, say) => {
    const echo = db.prepare('SELECT ? AS value, typeof(?) AS type');
    const values = [
      ...[0, 1, -1, 5, 1.5, -0, 2 ** 31, 2 ** 53 - 1, 1e100, Infinity, -Infinity, NaN, 1n, -1n],
      ...[2n ** 53n - 1n, '', 'text', 'é€😀', 'nul \0 inside', null, undefined],
      ...[
        Buffer.from('bytes'),
        new Uint8Array([1, 2]),
        new Uint16Array([258]),
        new DataView(new ArrayBuffer(2)),
      ],
      Buffer.alloc(0),
    ];
    for (const value of values) {
      say(() => echo.get(value, value));
      say(() => echo.safeIntegers().get(value, value));
      echo.safeIntegers(false);
    }
    const refused = [
      true,
      false,
      Symbol('s'),
      () => {},
      new Date(0),
      new Map(),
      new (class A {})(),
      new ArrayBuffer(1),
    ];
    for (const value of [...refused, [1], 2n ** 63n, -(2n ** 63n) - 1n]) {
      say(() => db.prepare('SELECT ?').get([value]));
    }
    for (const value of refused) say(() => db.prepare('SELECT ?').get(value));
    say(() =>
      db
        .prepare('SELECT ? AS value')
        .safeIntegers()
        .get(2n ** 63n - 1n),
    );
    say(() => db.prepare('SELECT ? / 2 AS half').get(5));
    say(() => db.prepare("SELECT json_array(?) AS json, 'a' || ? AS text").get(5, 5));
    say(() => Buffer.isBuffer(db.prepare('SELECT data FROM user').pluck().get()));
    db.exec('CREATE TABLE loose (a, b INTEGER, c TEXT, d REAL, e BLOB)');
    db.prepare('INSERT INTO loose VALUES (?, ?, ?, ?, ?)').run(7, 7, 7, 7, 7);
    say(() =>
      db.prepare('SELECT *, typeof(a), typeof(b), typeof(c), typeof(d), typeof(e) FROM loose').raw().get(),
    );
    say(() => db.prepare('SELECT name FROM user LIMIT ? OFFSET ?').pluck().all(1, 1));
  },

  'parameters by position and by name': (db, say) => {
    const [two, named] = [db.prepare('SELECT ?, ?').raw(), db.prepare('SELECT :a, @b, $c').raw()];
    for (const args of [
      [1, 2],
      [[1, 2]],
      [[1], 2],
      [1, [2]],
      [[], 1, [], 2],
      [1],
      [],
      [1, 2, 3],
      [[1, 2, 3]],
      [{}],
      [1, {}],
    ]) {
      say(() => two.get(...args));
    }
    for (const args of [
      ...[
        [{ a: 1, b: 2, c: 3 }],
        [{ a: 1, b: 2, c: 3, d: 4 }],
        [{ a: 1, b: 2 }],
        [1, 2, 3],
        [],
        [{ a: 1 }, { b: 2, c: 3 }],
      ],
      ...[
        [{ ':a': 1, '@b': 2, $c: 3 }],
        [Object.create({ a: 1, b: 2, c: 3 })],
        [new (class A {})()],
        [null],
        [new Map()],
      ],
      ...[
        [Object.assign(Object.create(null), { a: 1, b: undefined, c: 3 })],
        [{ a: true, b: 2, c: 3 }],
        [[{ a: 1 }]],
      ],
    ]) {
      say(() => named.get(...args));
    }
    const mixed = db.prepare('SELECT ?, :a, ?, :a, @a').raw();
    for (const args of [
      [1, { a: 2 }, 3],
      [{ a: 2 }, 1, 3],
      [[1, 3], { a: 2 }],
      [1, 3],
      [{ a: 2 }],
      [1, { a: 2 }],
      [1, 2, 3, { a: 2 }],
    ]) {
      say(() => mixed.get(...args));
    }
    const numbered = db.prepare('SELECT ?2, ?1, ?4').raw();
    for (const args of [
      [{ 1: 'a', 2: 'b', 4: 'd' }],
      ['c', { 1: 'a', 2: 'b', 4: 'd' }],
      [1, 2, 3, 4],
      ['c'],
    ]) {
      say(() => numbered.get(...args));
    }
    say(() => db.prepare('SELECT 1').get(1));
    say(() => db.prepare('SELECT 1').get({}));
    say(() => db.prepare('SELECT 1').get(undefined));
    say(() => db.prepare('SELECT 1 AS one').get([]));
  },

  'parameters that stay bound': (db, say) => {
    const select = db.prepare('SELECT ? AS a, ? AS b');
    say(() => select.bind(1));
    say(() => select.bind(1, 2) === select);
    say(() => [select.get(), select.all(), [...select.iterate()]]);
    say(() => select.get(1, 2));
    say(() => select.bind(1, 2));
    const bytes = Buffer.from('before');
    const blob = db.prepare('SELECT ? AS blob').bind(bytes);
    bytes.fill(0);
    say(() => blob.get());
    say(() => db.prepare('SELECT 1 AS one').bind().get());
    say(() => db.prepare('INSERT INTO user (name) VALUES (:name)').bind({ name: 'zoe' }).run());
  },

  'statements that return data or none': (db, say) => {
    const insert = db.prepare("INSERT INTO user (name) VALUES ('zoe')");
    const returning = db.prepare("INSERT INTO user (name) VALUES ('y'), ('x') RETURNING id, name");
    say(() => [insert.reader, insert.readonly, returning.reader, returning.readonly]);
    for (const method of ['get', 'all', 'iterate', 'pluck', 'raw', 'expand', 'columns'])
      say(() => insert[method]());
    say(() => insert.safeIntegers() === insert);
    say(() => returning.all());
    say(() => db.prepare("INSERT INTO user (name) VALUES ('w') RETURNING id").pluck().get());
    say(() => [...db.prepare("INSERT INTO user (name) VALUES ('v'), ('u') RETURNING name").iterate()]);
    say(() => db.prepare('SELECT count(*) FROM user').pluck().get());
    say(() => db.prepare("UPDATE user SET age = 3 WHERE name = 'v' RETURNING age").get());
    for (const sql of [
      'BEGIN',
      'COMMIT',
      'PRAGMA user_version',
      'PRAGMA user_version = 3',
      'EXPLAIN SELECT 1',
    ]) {
      say(() => [db.prepare(sql).reader, db.prepare(sql).readonly]);
    }
  },

  'errors of SQLite': (db, say) => {
    for (const sql of [
      ...[
        'SELEC 1',
        'SELECT * FROM nowhere',
        'SELECT nothing FROM user',
        "SELECT 'open",
        '',
        ' ',
        '-- comment',
        ';',
      ],
      ...[
        'SELECT 1; SELECT 2',
        'SELECT 1;',
        'SELECT 1; -- done',
        'SELECT 1; /* done */',
        'CREATE TABLE user (a)',
      ],
    ]) {
      say(() => db.prepare(sql).source);
    }
    for (const sql of [
      ...[
        "INSERT INTO user (name) VALUES ('ada')",
        'INSERT INTO user (name) VALUES (NULL)',
        'DROP TABLE nowhere',
      ],
      ...["INSERT INTO user (id, name) VALUES (1, 'new')", "INSERT INTO post VALUES (1, 99, 't')"],
      ...["INSERT INTO post VALUES (1, 1, '')", "SELECT json('{')"],
      ...['ROLLBACK', 'COMMIT', 'SAVEPOINT a; RELEASE b', 'ROLLBACK', 'SELECT abs(-9223372036854775808)'],
    ]) {
      say(() => db.exec(sql));
    }
    say(() => db.prepare("SELECT json('{')").get());
    say(() => db.prepare("SELECT json('{')").all());
    say(() => [...db.prepare("SELECT json('{')").iterate()]);
    for (const sql of [undefined, null, 5, {}, Buffer.from('SELECT 1')]) {
      say(() => db.prepare(sql));
      say(() => db.exec(sql));
      say(() => db.pragma(sql));
    }
  },

  'exec runs all it is given': (db, say) => {
    say(
      () =>
        db.exec('CREATE TABLE a (x); INSERT INTO a VALUES (1); SELECT * FROM a; INSERT INTO a VALUES (2)') ===
        db,
    );
    say(() => db.exec(''));
    say(() => db.exec('-- nothing'));
    say(() =>
      db.exec("INSERT INTO a VALUES (3); INSERT INTO user (name) VALUES ('ada'); INSERT INTO a VALUES (4)"),
    );
    say(() => db.prepare('SELECT x FROM a').pluck().all());
    say(() =>
      db.exec('CREATE TRIGGER t AFTER INSERT ON a BEGIN INSERT INTO post VALUES (NULL, 1, new.x); END;'),
    );
    say(() => db.prepare('INSERT INTO a VALUES (5)').run());
    say(() => db.prepare('SELECT title FROM post ORDER BY id').pluck().all());
  },

  transactions: (db, say) => {
    const insert = db.prepare('INSERT INTO user (name) VALUES (?)');
    const count = db.prepare('SELECT count(*) FROM user').pluck();
    const many = db.transaction(function (names, ...more) {
      for (const name of names) insert.run(name);
      return [this === undefined || this?.me, more, db.inTransaction];
    });
    say(() => many(['a', 'b'], 1, 2));
    say(() => many.call({ me: 'me' }, ['c']));
    say(() => many(['d', 'ada']));
    say(() => [count.get(), db.inTransaction]);
    for (const kind of ['default', 'deferred', 'immediate', 'exclusive']) say(() => many[kind]([kind]));
    say(() => [many.database === db, many.immediate.exclusive === many.exclusive, many.default === many]);
    say(() => db.transaction(many)(['e', 'f']));
    const outer = db.transaction(() => {
      insert.run('outer');
      say(() => many(['inner', 'ada']));
      many.immediate(['other']);
      return count.get();
    });
    say(() => outer());
    say(() => db.prepare("SELECT name FROM user WHERE name LIKE '%er'").pluck().all());
    say(() =>
      db.transaction(() => {
        insert.run('undone');
        throw new EvalError('mine');
      })(),
    );
    for (const value of [undefined, null, 0, { then: 5 }, 'text']) say(() => db.transaction(() => value)());
    say(() => db.transaction(() => Promise.resolve())());
    say(() => db.transaction(() => ({ then() {} }))());
    say(() => db.transaction(async () => {})());
    for (const fn of [undefined, 'fn', {}]) say(() => db.transaction(fn));
    say(() => [count.get(), db.inTransaction]);
  },

  'transactions of statements': (db, say) => {
    const insert = db.prepare('INSERT INTO user (name) VALUES (?)');
    const count = db.prepare('SELECT count(*) FROM user').pluck();
    say(() => db.prepare('BEGIN IMMEDIATE').run());
    say(() => db.inTransaction);
    say(() => db.transaction((name) => insert.run(name))('a'));
    say(() =>
      db.transaction((name) => {
        insert.run(name);
        insert.run(name);
      })('b'),
    );
    say(() => db.exec('SAVEPOINT one; DELETE FROM post; ROLLBACK TO one; RELEASE one'));
    say(() => count.get());
    say(() => db.exec('BEGIN'));
    say(() => db.prepare('ROLLBACK').run());
    say(() => [count.get(), db.inTransaction]);
    db.exec('CREATE TABLE late (user REFERENCES user (id) DEFERRABLE INITIALLY DEFERRED)');
    say(() => db.transaction(() => db.exec('INSERT INTO late VALUES (99)'))());
    say(() => [db.prepare('SELECT count(*) FROM late').pluck().get(), db.inTransaction]);
    say(() => db.transaction(() => db.exec("INSERT OR ROLLBACK INTO user (name) VALUES ('ada')"))());
    say(() => [count.get(), db.inTransaction]);
  },

  'what an iteration forbids': (db, say) => {
    const [select, other] = [
      db.prepare('SELECT id FROM user ORDER BY id').pluck(),
      db.prepare('SELECT 1').pluck(),
    ];
    const insert = db.prepare("INSERT INTO user (name) VALUES ('zoe')");
    const rows = select.iterate();
    say(() => [select.busy, other.busy, rows.statement === select, rows[Symbol.iterator]() === rows]);
    say(() => rows.next());
    for (const call of [
      ...[
        () => insert.run(),
        () => db.exec('SELECT 1'),
        () => db.transaction(() => {})(),
        () => db.pragma('user_version'),
      ],
      ...[
        () => select.get(),
        () => select.run(),
        () => select.raw(),
        () => select.bind(),
        () => select.safeIntegers(),
      ],
      ...[
        () => db.close(),
        () => db.serialize().length,
        () => db.open,
        () => other.get(),
        () => [...other.iterate()],
      ],
      () => db.prepare('SELECT 2').pluck().all(),
    ]) {
      say(call);
    }
    say(() => rows.next());
    say(() => rows.return());
    say(() => [rows.next(), rows.return(), select.busy]);
    say(() => insert.run().changes);
    say(() => {
      for (const id of select.iterate()) if (id === 2) break;
      return [select.busy, insert.database === db, select.all()];
    });
    say(() => {
      for (const id of select.iterate()) throw new EvalError(`mine ${id}`);
    });
    say(() => [select.busy, db.prepare('DELETE FROM post').run().changes]);
    say(() => db.transaction(() => select.iterate().next())());
  },

  'iterations end': (db, say) => {
    const select = db.prepare(RECURSIVE).pluck();
    let sum = 0;
    for (const i of select.iterate()) sum += i;
    say(() => [sum, select.busy]);
    const failing = db.prepare("SELECT json(column1) FROM (VALUES ('1'), ('{'))").iterate();
    say(() => [...failing]);
    say(() => failing.next());
    say(() => db.exec('DELETE FROM post'));
    say(() => [...db.prepare('SELECT ?').iterate()]);
    say(() => db.prepare('SELECT ?').iterate(true));
    say(() => [...db.prepare('SELECT ? AS a').iterate('x')]);
  },

  pragmas: (db, say) => {
    say(() => db.pragma('user_version'));
    say(() => db.pragma('user_version = 5'));
    say(() => db.pragma('user_version', { simple: true }));
    say(() => db.pragma('user_version = 6', { simple: true }));
    say(() => db.pragma('foreign_keys', { simple: true }));
    say(() => db.pragma('foreign_keys = OFF'));
    say(() => db.pragma('foreign_keys'));
    say(() => db.pragma('table_info(post)'));
    say(() => db.pragma('foreign_key_list(post)', {}));
    say(() => db.pragma('integrity_check', { simple: true }));
    say(() => db.pragma('nonsense'));
    say(() => db.pragma('nonsense', { simple: true }));
    say(() => db.pragma('user_version', { simple: 1 }));
    say(() => db.pragma('user_version', 'simple'));
    say(() => db.pragma('user_version; SELECT 1'));
  },

  'integers as bigint': (db, say) => {
    say(() => db.defaultSafeIntegers() === db);
    const select = db.prepare('SELECT id, age, score FROM user ORDER BY id');
    say(() => select.all());
    say(() => select.safeIntegers(false).all());
    say(() => db.prepare("INSERT INTO user (name) VALUES ('zoe')").run());
    say(() => db.prepare('SELECT 9223372036854775807 AS large').get());
    say(() => db.defaultSafeIntegers(false).prepare('SELECT 1 AS one').get());
    say(() => db.defaultSafeIntegers('yes'));
    say(() => db.pragma('user_version', { simple: true }));
  },

  'changes of the schema': (db, say) => {
    const select = db.prepare('SELECT * FROM post ORDER BY id LIMIT 1');
    say(() => select.get());
    db.exec('ALTER TABLE post ADD COLUMN likes INTEGER DEFAULT 3');
    say(() => select.get());
    say(() => select.columns().map(({ name }) => name));
    say(() => select.expand().get());
    db.exec('DROP TABLE post');
    say(() => select.get());
    db.exec('CREATE TABLE post (other TEXT)');
    say(() => select.expand(false).all());
  },

  'a database that is closed': (db, say) => {
    const select = db.prepare('SELECT 1 AS one');
    const transaction = db.transaction(() => 1);
    const rows = db.prepare('SELECT 1').iterate();
    rows.return();
    say(() => db.open);
    say(() => db.close() === db);
    say(() => [db.open, db.inTransaction, select.busy, select.source]);
    for (const call of [
      ...[
        () => db.prepare('SELECT 1'),
        () => db.exec('SELECT 1'),
        () => db.pragma('user_version'),
        () => db.serialize(),
      ],
      ...[
        () => select.get(),
        () => select.all(),
        () => select.iterate(),
        () => select.columns(),
        () => select.bind(),
      ],
      ...[() => transaction(), () => rows.next(), () => select.pluck() === select],
      ...[() => db.function('f', () => 1), () => db.close() === db, () => db.defaultSafeIntegers() === db],
    ]) {
      say(call);
    }
  },

  'the objects': (db, say) => {
    const statement = db.prepare('SELECT 1 AS one');
    say(() => Object.keys(db));
    say(() => Object.keys(JSON.parse(JSON.stringify(db))));
    say(() => [db.constructor.name, statement.constructor.name, statement.iterate().return()]);
    for (const name of ['name', 'open', 'inTransaction', 'readonly', 'memory']) {
      say(() => {
        db[name] = 5;
      });
    }
    for (const name of ['source', 'reader', 'readonly', 'database']) {
      say(() => {
        statement[name] = 5;
      });
    }
    say(() => new statement.constructor());
    say(() => (0, db.prepare)('SELECT 1'));
    say(() => (0, statement.get)());
    say(() => db.prepare.call({}, 'SELECT 1'));
    say(() => db.transaction((a, b) => [a, b]).length);
    say(() => db.transaction(() => 1).name);
  },

  functions: (db, say) => {
    say(() => db.function('twice', (x) => (x === null ? x : 2 * x)) === db);
    say(() => db.prepare('SELECT twice(?) AS a, twice(age) AS b FROM user').all(1.5));
    say(() => db.prepare('SELECT twice()').get());
    db.function('count_them', { varargs: true, deterministic: true }, (...args) => args.length);
    say(() => db.prepare('SELECT count_them(), count_them(1, 2, 3)').raw().get());
    const values = [
      1.5,
      'text',
      null,
      undefined,
      5n,
      Buffer.from('blob'),
      new Uint8Array([1]),
      NaN,
      Infinity,
      -0,
    ];
    values.forEach((value, index) => db.function(`give_${index}`, () => value));
    for (const index of values.keys()) {
      say(() => db.prepare(`SELECT give_${index}() AS value, typeof(give_${index}()) AS type`).get());
    }
    db.function('whole', () => 5);
    say(() => db.prepare('SELECT whole() AS value, whole() + 0.5').get());
    db.function('kind', (value) => (Buffer.isBuffer(value) ? 'Buffer' : typeof value));
    say(() => db.prepare("SELECT kind(1), kind(1.5), kind('x'), kind(NULL), kind(x'00')").raw().get());
    db.function('kind', { safeIntegers: true }, (value) => typeof value);
    say(() => db.prepare('SELECT kind(1), kind(1.5)').raw().get());
    for (const value of [true, {}, [], Symbol('s'), () => 1, new Date(0), 2n ** 63n]) {
      db.function('wrong', () => value);
      say(() => db.prepare('SELECT wrong()').get());
    }
    db.function('fail', () => {
      throw new EvalError('mine');
    });
    say(() => db.prepare('SELECT fail()').get());
    say(() => db.prepare('SELECT fail()').all());
    say(() => [...db.prepare('SELECT fail()').iterate()]);
    say(() => db.prepare("INSERT INTO user (name) VALUES ('zoe'), (fail())").run());
    say(() => db.exec("INSERT INTO user (name) VALUES ('yan'); SELECT fail()"));
    say(() => db.prepare('SELECT name FROM user').pluck().all());
    const inside = [];
    db.function('inside', () => {
      const other = db.prepare.bind(db, 'SELECT 1');
      for (const call of [
        other,
        () => db.exec('SELECT 1'),
        () => db.transaction(() => 1)(),
        () => db.close(),
      ]) {
        try {
          inside.push(call());
        } catch ({ name }) {
          inside.push(name);
        }
      }
      return 1;
    });
    say(() => [db.prepare('SELECT inside()').pluck().get(), inside]);
    db.function('direct', { directOnly: true }, (x) => x);
    say(() => db.prepare('SELECT direct(5)').pluck().get());
    db.exec('CREATE VIEW indirect AS SELECT direct(5) AS five');
    say(() => db.prepare('SELECT * FROM indirect').get());
    say(() => db.prepare('SELECT nowhere(1)').get());
    say(() => db.prepare('SELECT id FROM user WHERE twice(id) = 4').pluck().all());
  },

  aggregates: (db, say) => {
    say(() => db.aggregate('total_of', { start: 0, step: (total, next) => total + (next ?? 0) }) === db);
    say(() => db.prepare('SELECT total_of(age) FROM user').pluck().get());
    say(() => db.prepare('SELECT total_of(age) FROM user WHERE id > 100').pluck().get());
    say(() => db.prepare('SELECT author, total_of(id) AS total FROM post GROUP BY author').all());
    db.aggregate('list', {
      start: () => [],
      step: (list, next) => void list.push(next),
      result: (list) => list.join(),
    });
    say(() => db.prepare('SELECT list(name) FROM user').pluck().get());
    db.aggregate('window_sum', {
      start: 0,
      step: (total, next) => total + next,
      inverse: (total, dropped) => total - dropped,
      result: (total) => total * 1,
    });
    const over =
      'SELECT window_sum(id) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM post';
    say(() => db.prepare(over).pluck().all());
    say(() => db.prepare(over.replace('window_sum', 'total_of')).pluck().all());
    db.aggregate('many', { start: 0, varargs: true, step: (total, ...rest) => total + rest.length });
    say(() => db.prepare('SELECT many(1, 2, id), many() FROM user').raw().get());
    db.aggregate('large', { safeIntegers: true, start: 0n, step: (total, next) => total + next });
    say(() => db.prepare('SELECT large(id) FROM user').pluck().get());
    for (const part of ['start', 'step', 'result']) {
      const fail = () => {
        throw new EvalError('mine');
      };
      db.aggregate('fail', { start: 0, step: () => 1, [part]: fail });
      say(() => db.prepare('SELECT fail(id) FROM user').get());
    }
    say(() => db.prepare('SELECT list(name, 1) FROM user').get());
  },

  'wrong definitions of functions': (db, say) => {
    for (const args of [
      [],
      [5, () => 1],
      ['', () => 1],
      ['f'],
      ['f', {}],
      ['f', 'x', () => 1],
      ['f', { varargs: 1 }, () => 1],
    ]) {
      say(() => db.function(...args));
    }
    say(() =>
      db.function(
        'f',
        Object.defineProperty(() => 1, 'length', { value: 101 }),
      ),
    );
    say(() =>
      db.function(
        'f',
        Object.defineProperty(() => 1, 'length', { value: -1 }),
      ),
    );
    for (const args of [[], ['a'], ['a', null], ['', { step: () => 1 }], ['a', {}], ['a', { step: 5 }]]) {
      say(() => db.aggregate(...args));
    }
    say(() => db.aggregate('a', { step: () => 1, inverse: 5 }));
    say(() => db.aggregate('a', { step: () => 1, result: 'x' }));
    say(() => db.aggregate('a', { step: () => 1, safeIntegers: 1 }));
    say(() => db.serialize('main'));
    say(() => db.serialize({ attached: '' }));
    say(() => db.serialize({ attached: 5 }));
  },
};

/** What the `verbose` function of a database is told. */
function logged(open) {
  const said = [];
  const db = open({ verbose: (sql) => said.push(sql) });
  db.exec('CREATE TABLE t (a, b)');
  db.prepare('INSERT INTO t VALUES (?, $b)').run(5, { b: "it's" });
  db.prepare('SELECT ?2, ?, ?1 -- a ? too\n').all(9, { 1: 1.25, 2: null });
  db.prepare('SELECT \'?\', "a" AS [?], a$b, ? FROM (SELECT a, 1 AS a$b FROM t)')
    .safeIntegers()
    .get(2n ** 60n);
  const rows = db.prepare('SELECT a FROM t WHERE b <> ?').iterate(Buffer.from([1, 255]));
  rows.next();
  rows.return();
  db.pragma('user_version');
  db.transaction(() => {})();
  return said;
}

module.exports = { PROGRAMS, TABLES, logged };

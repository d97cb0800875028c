// Programs for better-sqlite3: the methods of a database but for those of functions, and what they throw.

'use strict';

module.exports = {
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
};

// Programs for better-sqlite3: what statements return, and what is forbidden during an iteration.

'use strict';

const RECURSIVE =
  'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000) SELECT i FROM n';

module.exports = {
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
};

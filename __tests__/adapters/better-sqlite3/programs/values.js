// Programs for better-sqlite3: values of SQL and JavaScript, and parameters of statements.

'use strict';

module.exports = {
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
};

// Programs for better-sqlite3: functions and aggregates in JavaScript.

'use strict';

module.exports = {
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

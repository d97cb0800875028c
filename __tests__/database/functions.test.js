'use strict';

const { isBatonError } = require('../..');
const { onEachBackend, rejection, thrown } = require('../helpers.js');

/** A function whose length says this. */
function ofLength(value) {
  return Object.defineProperty(() => 1, 'length', { value });
}

onEachBackend((open) => {
  let db;
  beforeEach(async () => {
    const store = await open();
    db = await store.openDatabase('a', { allowBlocking: true });
    db.execSync(
      "CREATE TABLE word (text TEXT, n INTEGER); INSERT INTO word VALUES ('to', 1), ('be', 2), ('or', 3)",
    );
  });

  const value = (sql, params) => db.getSync(sql, params, { rowMode: 'array' })[0];

  describe('a function', () => {
    test('takes and returns every kind of value', () => {
      db.function('same', { readBigInts: true }, (given) => given);
      for (const each of [null, 1.5, 'text', '', '\u00e4\u{1F600}', 7n, -(2n ** 63n), 2n ** 63n - 1n]) {
        expect(db.getSync('SELECT same(?) AS x', [each], { readBigInts: true })).toEqual({ x: each });
      }
      const bytes = db.getSync('SELECT same(?) AS x, typeof(same(zeroblob(0))) AS t', [
        new Uint8Array([1, 2]),
      ]);
      expect([[...bytes.x], bytes.t]).toEqual([[1, 2], 'blob']);
      db.function('number', (given) => given);
      expect(db.getSync('SELECT number(3) AS i, typeof(number(3)) AS ti, typeof(number(0.5)) AS tr')).toEqual(
        {
          i: 3,
          ti: 'integer',
          tr: 'real',
        },
      );
      db.function('missing', () => {});
      db.function('yes', () => true);
      db.function('nan', () => NaN);
      expect(db.getSync('SELECT missing() AS n, yes() AS y, nan() AS nan')).toEqual({
        n: null,
        y: 1,
        nan: null,
      });
    });

    test('is found by its number of arguments, and can be defined anew', () => {
      db.function('f', (a) => `one ${a}`).function('f', (a, b) => `two ${a} ${b}`);
      db.function('f', { varargs: true }, (...all) => `many ${all.length}`);
      expect(db.getSync('SELECT f(1) AS a, f(1, 2) AS b, f(1, 2, 3) AS c, f() AS d')).toEqual({
        a: 'one 1',
        b: 'two 1 2',
        c: 'many 3',
        d: 'many 0',
      });
      db.function('f', (a) => `new ${a}`);
      expect(value('SELECT f(1)')).toBe('new 1');
    });

    test('runs in every synchronous call', () => {
      db.function('twice', { deterministic: true }, (n) => 2 * n);
      expect(db.allSync('SELECT twice(n) AS n FROM word')).toEqual([{ n: 2 }, { n: 4 }, { n: 6 }]);
      expect([...db.iterateSync('SELECT twice(n) AS n FROM word')]).toHaveLength(3);
      expect(db.prepareSync('SELECT twice(?) AS n').getSync([21])).toEqual({ n: 42 });
      expect(db.batchSync(['UPDATE word SET n = twice(n)', 'SELECT sum(n) AS n FROM word'])[1].rows).toEqual([
        { n: 12 },
      ]);
      db.execSync('CREATE INDEX doubled ON word (twice(n))');
      db.transactionSync(() => db.runSync('INSERT INTO word VALUES (?, twice(50))', ['x']));
      expect(value('SELECT n FROM word WHERE twice(n) = 200')).toBe(100);
    });

    test('runs a million times in bounded memory', () => {
      let calls = 0;
      db.function('count_up', () => (calls += 1));
      const many = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200000)';
      expect(value(`${many} SELECT max(count_up()) FROM n`)).toBe(200_000);
    });

    test('that throws ends the call with that error, and nothing is done', () => {
      const error = new TypeError('my own');
      db.function('fail', (n) => {
        if (n > 1) throw error;
        return n;
      });
      expect(thrown(() => db.runSync('UPDATE word SET n = 10 * fail(n)'))).toBe(error);
      expect(db.allSync('SELECT n FROM word')).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
      expect(thrown(() => [...db.iterateSync('SELECT fail(n) FROM word')])).toBe(error);
      db.function('fail_with_nothing', () => {
        throw undefined;
      });
      expect(thrown(() => db.getSync('SELECT fail_with_nothing()'))).toBeUndefined();
      expect(value('SELECT fail(1)')).toBe(1);
    });

    test.each([
      ['an object', () => ({})],
      ['a symbol', () => Symbol('x')],
      ['a promise', () => Promise.resolve(1)],
      ['a lone surrogate', () => '\ud800'],
    ])('that returns %s is refused by name', (_, fn) => {
      db.function('wrong', fn);
      expect(thrown(() => db.getSync('SELECT wrong()'))).toMatchObject({
        code: 'ERR_INVALID_ARG',
        message: expect.stringContaining('function wrong'),
      });
    });

    test.each([
      ['a promise that is rejected', () => Promise.reject(new Error('later'))],
      [
        'bytes that are detached',
        () => {
          const bytes = new Uint8Array(8);
          structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
          return bytes;
        },
      ],
    ])('that returns %s is refused, and nothing is left unhandled', async (_, fn) => {
      const unhandled = jest.fn();
      process.on('unhandledRejection', unhandled);
      const refused = { code: 'ERR_INVALID_ARG', message: expect.stringContaining('wrong') };
      db.function('wrong', fn);
      expect(thrown(() => db.getSync('SELECT wrong()'))).toMatchObject(refused);
      db.collation('wrong', fn);
      expect(thrown(() => db.getSync("SELECT 'a' < 'b' COLLATE wrong"))).toMatchObject(refused);
      db.aggregate('wrong', { start: fn, step: (all) => all });
      expect(thrown(() => db.getSync('SELECT wrong() FROM word'))).toMatchObject(refused);
      db.aggregate('wrong', { step: () => fn() });
      expect(thrown(() => db.getSync('SELECT wrong() FROM word'))).toMatchObject(refused);
      await new Promise(setImmediate);
      process.off('unhandledRejection', unhandled);
      expect(unhandled).not.toHaveBeenCalled();
    });

    test('that returns, or is given, an integer out of range is refused', () => {
      db.function('huge', () => 2n ** 64n);
      db.function('take', (n) => n);
      expect(thrown(() => db.getSync('SELECT huge()'))).toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
      expect(thrown(() => db.getSync('SELECT take(9007199254740993)'))).toMatchObject({
        code: 'ERR_OUT_OF_RANGE',
      });
    });

    test('is refused by name in an asynchronous call, which has done nothing', async () => {
      db.function('local', { deterministic: true }, (n) => n);
      for (const call of [
        () => db.get('SELECT local(1)'),
        () => db.run('UPDATE word SET n = local(n) + 1'),
        () => db.batch(['DELETE FROM word', 'SELECT local(1)']),
      ]) {
        const error = await rejection(call());
        expect(error).toMatchObject({ code: 'ERR_INVALID_ARG', message: expect.stringContaining('local') });
      }
      expect(await db.all('SELECT n FROM word')).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
      // The next error is its own, also that of a statement that is compiled already.
      db.execSync('CREATE UNIQUE INDEX texts ON word (text)');
      const add = () => db.run("INSERT INTO word VALUES ('to', 1)");
      expect((await rejection(add())).code).toBe('SQLITE_CONSTRAINT');
      db.aggregate('gather', {
        start: () => [],
        step: (all, n) => void all.push(n),
        result: (all) => all.length,
      });
      expect((await rejection(db.get('SELECT gather(n) FROM word'))).code).toBe('ERR_INVALID_ARG');
      expect((await rejection(add())).code).toBe('SQLITE_CONSTRAINT');
      expect((await rejection(db.get('SELECT nonsense'))).code).toBe('SQLITE_ERROR');
    });

    test('cannot use its own database, but another one', async () => {
      const seen = [];
      const other = await (await open()).openDatabase('b', { allowBlocking: true });
      other.function('plus', (a, b) => a + b);
      db.function('nosy', () => {
        for (const call of [
          () => db.getSync('SELECT 1'),
          () => db.execSync('DROP TABLE word'),
          () => db.function('more', () => 1),
          () => db.transactionSync(() => {}),
        ]) {
          seen.push(thrown(call).code);
        }
        return other.getSync('SELECT plus(40, 2) AS n').n;
      });
      expect(value('SELECT nosy()')).toBe(42);
      expect(seen).toEqual(['ERR_BUSY', 'ERR_BUSY', 'ERR_BUSY', 'ERR_BUSY']);
      expect(value('SELECT nosy()')).toBe(42);
    });

    test('that closes its database ends that after the call', async () => {
      let closed;
      db.function('leave', () => {
        closed = db.close();
        return 1;
      });
      expect(value('SELECT leave()')).toBe(1);
      await closed;
      expect(thrown(() => db.getSync('SELECT 1')).code).toBe('ERR_CLOSED');
    });

    test('for statements only is refused in triggers', () => {
      db.function('direct', { directOnly: true }, () => 1);
      expect(value('SELECT direct()')).toBe(1);
      db.execSync('CREATE TRIGGER t AFTER INSERT ON word BEGIN SELECT direct(); END');
      const error = thrown(() => db.runSync("INSERT INTO word VALUES ('x', 1)"));
      expect(error).toMatchObject({
        code: 'SQLITE_ERROR',
        message: expect.stringContaining('unsafe use of direct'),
      });
    });

    test.each([
      ['no name', () => db.function('', () => 1)],
      ['a length that is no number', () => db.function('f', ofLength('three'))],
      ['a length that is no count', () => db.function('f', ofLength(-1))],
      ['a length that is a symbol', () => db.aggregate('f', { step: ofLength(Symbol('x')) })],
      ['too many parameters', () => db.function('f', ofLength(128))],
      ['a long name', () => db.function('x'.repeat(256), () => 1)],
      ['a null byte', () => db.function('a\0b', () => 1)],
      ['no function', () => db.function('f', {})],
      ['an async function', () => db.function('f', async () => 1)],
      ['an unknown option', () => db.function('f', { safe: true }, () => 1)],
      ['an option of another type', () => db.function('f', { varargs: 1 }, () => 1)],
      ['an aggregate without a step', () => db.aggregate('f', { start: 0 })],
      ['an aggregate whose result is none', () => db.aggregate('f', { step: () => 0, result: 7 })],
      ['nothing', () => db.aggregate('f')],
    ])('with %s is refused', (_, define) => {
      const error = thrown(define);
      expect(isBatonError(error) && error.code).toBe('ERR_INVALID_ARG');
    });
  });

  describe('an aggregate', () => {
    test('gathers each group by itself', () => {
      db.aggregate('list', {
        start: () => [],
        step: (all, text) => void all.push(text),
        result: (all) => all.join(),
      });
      db.execSync("INSERT INTO word VALUES ('not', 1)");
      expect(db.allSync('SELECT n, list(text) AS list FROM word GROUP BY n ORDER BY n')).toEqual([
        { n: 1, list: 'to,not' },
        { n: 2, list: 'be' },
        { n: 3, list: 'or' },
      ]);
      expect(value('SELECT list(text) FROM word WHERE n > 9')).toBe('');
      expect(db.getSync('SELECT list(text) AS a, list(n) AS b FROM word')).toEqual({
        a: 'to,be,or,not',
        b: '1,2,3,1',
      });
    });

    test('may return a new state in each step, and begins with null', () => {
      db.aggregate('longest', {
        step: (longest, text) => (text.length > (longest ?? '').length ? text : longest),
      });
      expect(
        value("SELECT longest(text) FROM (SELECT 'a' AS text UNION ALL SELECT 'abc' UNION ALL SELECT 'ab')"),
      ).toBe('abc');
      expect(value('SELECT longest(text) FROM word WHERE 0')).toBeNull();
    });

    test('that throws after the last row that was wanted spoils no other call', async () => {
      const error = new Error('too late');
      let left = 1;
      db.aggregate('late', {
        start: 0,
        step: (sum, n) => sum + n,
        inverse: (sum, n) => sum - n,
        result: (sum) => {
          left -= 1;
          if (left < 0) throw error;
          return sum;
        },
      });
      const grouped = 'SELECT n, late(n) OVER (ORDER BY n) AS sum FROM word';
      expect(db.getSync(grouped)).toEqual({ n: 1, sum: 1 });
      expect(thrown(() => db.getSync('SELECT nonsense'))).toMatchObject({ code: 'SQLITE_ERROR' });
      expect((await rejection(db.get('SELECT nonsense'))).code).toBe('SQLITE_ERROR');
      expect(thrown(() => db.allSync(grouped))).toBe(error);
      expect((await rejection(db.get('SELECT nonsense'))).code).toBe('SQLITE_ERROR');
    });

    test('with an inverse is a window function', () => {
      db.aggregate('total', { start: 0, step: (sum, n) => sum + n, inverse: (sum, n) => sum - n });
      expect(
        db.allSync('SELECT total(n) OVER (ORDER BY n ROWS 1 PRECEDING) AS t FROM word').map(({ t }) => t),
      ).toEqual([1, 3, 5]);
      expect(value('SELECT total(n) FROM word')).toBe(6);
      db.aggregate('plain', { start: 0, step: (sum, n) => sum + n });
      expect(thrown(() => db.allSync('SELECT plain(n) OVER () FROM word')).code).toBe('SQLITE_ERROR');
    });

    test.each(['start', 'step', 'result'])('whose %s throws ends the call with that error', (part) => {
      const error = new Error(part);
      const fail = (at) => {
        if (at === part) throw error;
      };
      db.aggregate('broken', {
        start: () => fail('start') ?? 0,
        step: (sum, n) => fail('step') ?? sum + n,
        result: (sum) => fail('result') ?? sum,
      });
      expect(thrown(() => db.getSync('SELECT broken(n) FROM word'))).toBe(error);
      expect(value('SELECT 1')).toBe(1);
    });
  });
});

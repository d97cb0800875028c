'use strict';

const { getEventListeners } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

const { onEachBackend, rejection } = require('../helpers.js');

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

const COUNT = 100_000;
const NUMBERS = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)';

onEachBackend((open) => {
  let db;
  beforeEach(async () => {
    db = await (await open()).openDatabase('a');
    await db.exec('CREATE TABLE t (x INTEGER)');
  });

  const list = async (rows) => {
    const seen = [];
    for await (const row of rows) {
      seen.push(row);
    }
    return seen;
  };

  test('100,000 rows come in order, and all of them', async () => {
    let expected = 0;
    for await (const { i, text } of db.iterate(`${NUMBERS} SELECT i, 'row ' || i AS text FROM n`, [COUNT])) {
      expected += 1;
      if (i !== expected || text !== `row ${expected}`) {
        throw new Error(`row ${expected} is ${i} ${text}`);
      }
    }
    expect(expected).toBe(COUNT);
  });

  test('no row is none, and the form of rows is as asked for', async () => {
    expect(await list(db.iterate('SELECT 1 WHERE 0'))).toEqual([]);
    expect(await list(db.iterate('INSERT INTO t VALUES (1)'))).toEqual([]);
    const options = { rowMode: 'array', readBigInts: true };
    expect(await list(db.iterate('SELECT x, x FROM t', undefined, options))).toEqual([[1n, 1n]]);
  });

  test('nothing is done before the first step', async () => {
    const iterator = db.iterate('INSERT INTO t VALUES (1) RETURNING x');
    expect(await db.all('SELECT * FROM t')).toEqual([]);
    expect(await list(iterator)).toEqual([{ x: 1 }]);
    expect(await db.all('SELECT * FROM t')).toEqual([{ x: 1 }]);
  });

  describe('leaving early', () => {
    const leave = [
      [
        'break',
        async (rows) => {
          for await (const { i } of rows) {
            if (i === 3) break;
          }
        },
      ],
      [
        'a throw',
        async (rows) => {
          const throws = async () => {
            for await (const { i } of rows) {
              if (i === 3) throw new Error('mine');
            }
          };
          await expect(throws()).rejects.toThrow('mine');
        },
      ],
      [
        'return()',
        async (rows) => {
          await rows.next();
          expect(await rows.return()).toEqual({ done: true, value: undefined });
        },
      ],
      [
        'throw()',
        async (rows) => {
          await rows.next();
          await expect(rows.throw(new Error('mine'))).rejects.toThrow('mine');
        },
      ],
    ];

    test.each(leave)('by %s ends the query', async (_name, end) => {
      const rows = db.iterate(`${NUMBERS} SELECT i FROM n`, [COUNT]);
      await end(rows);
      expect(await rows.next()).toEqual({ done: true, value: undefined });
      // An open query would hold the table.
      await db.exec('INSERT INTO t VALUES (1); DROP TABLE t');
    });

    test('before the first step is nothing at all', async () => {
      const rows = db.iterate('INSERT INTO t VALUES (1) RETURNING x');
      expect(await rows.return()).toEqual({ done: true, value: undefined });
      expect(await db.all('SELECT * FROM t')).toEqual([]);
    });
  });

  test('writes may come between its rows', async () => {
    await db.run(`INSERT INTO t ${NUMBERS} SELECT i FROM n`, [3_000]);
    let seen = 0;
    for await (const { x } of db.iterate('SELECT x FROM t WHERE x > 0 ORDER BY x')) {
      seen += 1;
      if (x % 500 === 0) {
        await db.run('INSERT INTO t VALUES (?)', [-x]);
      }
    }
    expect(seen).toBe(3_000);
    expect(await db.get('SELECT count(*) AS count FROM t WHERE x < 0')).toEqual({ count: 6 });
    await db.close();
  });

  test('several run side by side', async () => {
    const take = async (step) => {
      const all = await list(db.iterate(`${NUMBERS} SELECT i * ? AS i FROM n`, [2_000, step]));
      return all.reduce((sum, { i }) => sum + i, 0);
    };
    expect(await Promise.all([take(1), take(2), take(3)])).toEqual([2_001_000, 4_002_000, 6_003_000]);
  });

  test('an error in its arguments is told at the first step', async () => {
    for (const rows of [
      db.iterate(5),
      db.iterate('SELECT ?', [undefined]),
      db.iterate('SELECT 1', [], { x: 1 }),
    ]) {
      expect((await rejection(rows.next())).code).toBe('ERR_INVALID_ARG');
      expect((await rows.next()).done).toBe(true);
    }
    expect((await rejection(db.iterate('SELEC 1').next())).code).toBe('SQLITE_ERROR');
  });

  test('an error in the middle comes after the rows before it', async () => {
    const rows = db.iterate(`${NUMBERS} SELECT i, abs(iif(i < 1000, i, -9223372036854775808)) FROM n`, [
      COUNT,
    ]);
    let seen = 0;
    const error = await rejection(
      (async () => {
        for await (const { i } of rows) {
          seen = i;
        }
      })(),
    );
    expect(error).toMatchObject({ code: 'SQLITE_ERROR', message: expect.stringContaining('overflow') });
    expect(seen).toBeGreaterThan(0);
    expect(seen).toBeLessThan(1_000);
    await db.exec('DROP TABLE t');
  });

  test('an integer past 2^53 is refused at its row', async () => {
    const rows = db.iterate('SELECT 1 AS x UNION ALL SELECT 9007199254740993');
    expect((await rows.next()).value).toEqual({ x: 1 });
    expect((await rejection(rows.next())).code).toBe('ERR_OUT_OF_RANGE');
  });

  test('an abort ends it, also between two fetches', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const rows = db.iterate(`${NUMBERS} SELECT i FROM n`, [COUNT], { signal });
    await rows.next();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    controller.abort();
    const error = await rejection(rows.next());
    expect(error).toMatchObject({ code: 'ERR_ABORTED', message: 'The iteration was aborted' });
    expect(error.cause).toBe(signal.reason);
    await db.exec('DROP TABLE t');
  });

  describe('one that is not stepped to its end', () => {
    beforeEach(() => db.run(`INSERT INTO t ${NUMBERS} SELECT i FROM n`, [2_000]));

    test.each([
      ['return()', (rows) => rows.return()],
      ['throw()', (rows) => rows.throw(new Error('mine')).catch(() => {})],
    ])('lets go of its tables by %s', async (_name, leave) => {
      const rows = db.iterate('SELECT x FROM t');
      await rows.next();
      const error = await rejection(db.exec('DROP TABLE t'));
      expect(error).toMatchObject({
        code: 'SQLITE_LOCKED',
        message: expect.stringContaining('iteration is under way'),
      });
      await leave(rows);
      await db.exec('DROP TABLE t');
    });

    test('lets go of them when its loop is left, also by a throw', async () => {
      for await (const row of db.iterate('SELECT x FROM t')) {
        expect(row).toEqual({ x: 1 });
        break;
      }
      const thrown = (async () => {
        for await (const row of db.iterate('SELECT x FROM t')) {
          throw new Error(`row ${row.x}`);
        }
      })();
      await expect(thrown).rejects.toThrow('row 1');
      await db.exec('DROP TABLE t');
    });

    test('lets go of them when it is collected as garbage', async () => {
      // Where nothing of it can be on the stack any more.
      await (async () => {
        await db.iterate('SELECT x FROM t').next();
        const statement = await db.prepare('SELECT x FROM t');
        await statement.iterate().next();
      })();
      const drop = () =>
        db.exec('DROP TABLE t').then(
          () => true,
          () => false,
        );
      let isDropped = false;
      for (let turn = 0; turn < 100 && !isDropped; turn += 1) {
        collectGarbage();
        await sleep(10);
        isDropped = await drop();
      }
      expect(isDropped).toBe(true);
    });

    test('is not taken for dropped while somebody holds it', async () => {
      const rows = db.iterate('SELECT x FROM t');
      await rows.next();
      for (let turn = 0; turn < 5; turn += 1) {
        collectGarbage();
        await sleep(5);
      }
      expect((await rejection(db.exec('DROP TABLE t'))).code).toBe('SQLITE_LOCKED');
      expect(await list(rows)).toHaveLength(1_999);
      await db.exec('DROP TABLE t');
    });
  });
});

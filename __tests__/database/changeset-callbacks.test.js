// What the callbacks of applyChangeset() may throw, return and call.

'use strict';

const { onEachBackend, thrown } = require('../helpers.js');
const pair = require('./changeset-helpers.js');

const { OMIT } = pair;

onEachBackend((open) => {
  let db;
  let source;
  beforeEach(async () => {
    [db, source] = await pair.openPair(await open());
  });

  const content = (of = db) => pair.content(of);
  const changesOf = (sql) => pair.changesOf(sql, source);

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
});

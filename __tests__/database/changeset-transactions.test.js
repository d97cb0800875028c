// Changesets that are applied in a transaction, or end one.

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
  const items = () => pair.items(db);
  const changesOf = (sql) => pair.changesOf(sql, source);

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
});

// Conflicts of a changeset with the rows that are there, and how they are resolved.

'use strict';

const { constants } = require('../..');
const { onEachBackend, thrown } = require('../helpers.js');
const pair = require('./changeset-helpers.js');

const { ABORT, CONFLICT, CONSTRAINT, DATA, FOREIGN_KEY, NOTFOUND, OMIT, REPLACE } = pair;

onEachBackend((open) => {
  let db;
  let source;
  beforeEach(async () => {
    [db, source] = await pair.openPair(await open());
  });

  const content = (of = db) => pair.content(of);
  const items = () => pair.items(db);
  const changesOf = (sql) => pair.changesOf(sql, source);

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

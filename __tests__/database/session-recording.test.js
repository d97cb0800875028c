// What a session records, from whomever it comes, and what of it is in its changesets.

'use strict';

const { Session } = require('../..');
const { expectBytes, onEachBackend, refused } = require('../helpers.js');
const tables = require('./session-helpers.js');

const { items } = tables;

onEachBackend((open) => {
  let store;
  let db;
  let copy;
  beforeEach(async () => {
    store = await open();
    db = await opened('a');
    copy = await opened('b');
  });

  const opened = (id, options) => tables.opened(store, id, options);
  const add = (id, name, into = db) => tables.add(id, name, into);

  describe('a session', () => {
    test('carries inserts, updates and deletes to another actor', () => {
      for (const each of [db, copy]) {
        add(1, 'one', each);
        add(2, 'two', each);
      }
      const session = db.createSession();
      expect(session).toBeInstanceOf(Session);
      db.runSync("UPDATE item SET name = 'first' WHERE id = 1");
      db.runSync('DELETE FROM item WHERE id = 2');
      add(3, 'three');
      db.runSync("INSERT INTO pair VALUES ('x', 'y', ?)", [new Uint8Array([1, 2])]);
      const changeset = session.changeset();
      expect(Buffer.isBuffer(changeset)).toBe(true);
      expect(copy.applyChangeset(changeset)).toBe(true);
      expect(items(copy)).toEqual([
        [1, 'first', 0],
        [3, 'three', 0],
      ]);
      expectBytes(copy.getSync('SELECT v FROM pair').v, [1, 2]);
    });

    test('records whoever writes: asynchronous calls, batches, transactions, triggers, other changesets', async () => {
      db.execSync(
        "CREATE TRIGGER told AFTER INSERT ON item BEGIN INSERT INTO log(line) VALUES ('new ' || new.name); END",
      );
      add(6, 'applied', copy);
      const others = copy.createSession();
      add(7, 'other', copy);
      const session = db.createSession();
      await db.run("INSERT INTO item VALUES (1, 'run', 0)");
      await db.batch(["INSERT INTO item VALUES (2, 'batch', 0)"]);
      await db.transaction(async (tx) => tx.run("INSERT INTO item VALUES (3, 'tx', 0)"));
      await db.exec("INSERT INTO item VALUES (4, 'exec', 0)");
      db.transactionSync(() => add(5, 'sync'));
      expect(db.applyChangeset(others.changeset())).toBe(true);
      const third = await opened('c');
      expect(third.applyChangeset(session.changeset())).toBe(true);
      const names = ['run', 'batch', 'tx', 'exec', 'sync', 'other'];
      expect(items(third).map(([, name]) => name)).toEqual(names);
      expect(third.allSync('SELECT line FROM log').map(({ line }) => line)).toEqual(
        names.map((each) => `new ${each}`),
      );
    });

    test('has nothing of what was rolled back or undone', async () => {
      add(1, 'one');
      const session = db.createSession();
      expect(() =>
        db.transactionSync(() => {
          add(2, 'two');
          throw new TypeError('mine');
        }),
      ).toThrow('mine');
      await db
        .transaction(async (tx) => {
          await tx.run('DELETE FROM item');
          throw new TypeError('mine');
        })
        .catch(() => {});
      db.execSync(
        "BEGIN; UPDATE item SET name = 'x'; ROLLBACK; SAVEPOINT s; DELETE FROM item; ROLLBACK TO s; RELEASE s",
      );
      expect(refused(() => db.runSync('INSERT INTO item VALUES (3, 1, 1), (1, 1, 1)')).code).toBe(
        'SQLITE_CONSTRAINT',
      );
      db.execSync("INSERT INTO item VALUES (4, 'x', 1); DELETE FROM item WHERE id = 4");
      db.execSync("UPDATE item SET name = 'y'; UPDATE item SET name = 'one'");
      expect(session.changeset()).toHaveLength(0);
      expect(session.patchset()).toHaveLength(0);
      db.runSync("UPDATE item SET name = 'z'");
      expect(session.changeset().length).toBeGreaterThan(0);
    });

    test('goes on after a changeset, and does not disturb another session', () => {
      const [first, all] = [db.createSession(), db.createSession()];
      add(1, 'one');
      const before = first.changeset();
      add(2, 'two');
      expect(first.changeset().length).toBeGreaterThan(before.length);
      first.close();
      add(3, 'three');
      expect(copy.applyChangeset(all.changeset())).toBe(true);
      expect(items(copy)).toHaveLength(3);
    });

    test('records one table, all of them, or those of another database of the connection', () => {
      db.execSync(
        "ATTACH ':memory:' AS side; CREATE TABLE side.item(id INTEGER PRIMARY KEY, name TEXT, n INTEGER)",
      );
      db.execSync('CREATE TEMP TABLE t(a PRIMARY KEY)');
      const sessions = [
        { table: 'ITEM' },
        {},
        { db: 'side' },
        { db: 'TEMP' },
        { table: 'later' },
        { table: 'keyless' },
      ];
      const [one, all, side, temp, later, keyless] = sessions.map((options) => db.createSession(options));
      const sizes = () => [one, all, side, temp, later, keyless].map((each) => each.changeset().length);
      const grown = (sql) => {
        const before = sizes();
        db.execSync(sql);
        return sizes().map((size, index) => size > before[index]);
      };
      expect(grown("INSERT INTO item VALUES (1, 'one', 0)")).toEqual([
        true,
        true,
        false,
        false,
        false,
        false,
      ]);
      expect(grown("INSERT INTO pair VALUES (1, 'one', 0)")).toEqual([
        false,
        true,
        false,
        false,
        false,
        false,
      ]);
      expect(grown("INSERT INTO side.item VALUES (1, 'one', 0)")).toEqual([
        false,
        false,
        true,
        false,
        false,
        false,
      ]);
      expect(grown('INSERT INTO temp.t VALUES (1)')).toEqual([false, false, false, true, false, false]);
      expect(grown('CREATE TABLE later(a PRIMARY KEY); INSERT INTO later VALUES (1)')).toEqual([
        ...[false, true, false, false, true, false],
      ]);
      // Tables without a primary key, and rows with a NULL in it, have nothing to be found by.
      expect(grown('INSERT INTO keyless VALUES (1); INSERT INTO later VALUES (NULL)')).not.toContain(true);
    });

    test('sees a DELETE of all rows that was compiled before', async () => {
      add(1, 'one');
      const [all, prepared] = ['DELETE FROM item', await db.prepare('DELETE FROM log')];
      db.execSync("INSERT INTO log VALUES (1, 'x')");
      for (let round = 0; round < 3; round += 1) {
        db.runSync(all);
        prepared.runSync();
        add(1, 'one');
        db.runSync("INSERT INTO log VALUES (1, 'x')");
      }
      copy.applyChangeset(
        changesOf(() => [add(1, 'one'), db.runSync("INSERT INTO log VALUES (1, 'x')")], true),
      );
      expect(items(copy)).toHaveLength(1);
      const session = db.createSession();
      db.runSync(all);
      await prepared.run();
      expect(copy.applyChangeset(session.changeset())).toBe(true);
      expect([items(copy), copy.allSync('SELECT * FROM log')]).toEqual([[], []]);
    });

    /** The changeset of what `fn` does. */
    function changesOf(fn, afresh = false) {
      if (afresh) db.execSync('DELETE FROM item; DELETE FROM log');
      const session = db.createSession();
      fn();
      const changeset = session.changeset();
      session.close();
      return changeset;
    }

    test('made in a transaction is of use in it, outlives it, and counts from there', async () => {
      add(1, 'one');
      let session;
      await db.transaction(async (tx) => {
        await tx.run("UPDATE item SET name = 'before'");
        session = tx.createSession();
        await tx.run("UPDATE item SET name = 'after'");
        expect(copy.applyChangeset(session.changeset(), { onConflict: () => 0 })).toBe(true);
        // As every call of the database: it would see what is not committed.
        const outer = refused(() => db.createSession());
        expect([outer.code, outer.retryable]).toEqual(['ERR_BUSY', true]);
      });
      add(2, 'two');
      expect(copy.applyChangeset(session.changeset(), { onConflict: () => 0 })).toBe(true);
      expect(items(copy)).toEqual([[2, 'two', 0]]);
      db.transactionSync(() => {
        const inner = db.createSession();
        add(3, 'three');
        db.runSync('INSERT INTO log(line) VALUES (hex(?))', [inner.changeset()]);
        inner.close();
      });
      expect(copy.applyChangeset(Buffer.from(db.getSync('SELECT line FROM log').line, 'hex'))).toBe(true);
      expect(items(copy)).toHaveLength(2);
    });

    test('survives VACUUM, new columns and the shrinking of caches', () => {
      add(1, 'one');
      copy.applyChangeset(changesOf(() => add(2, 'two')));
      const session = db.createSession();
      add(3, 'three');
      db.execSync(
        "VACUUM; ALTER TABLE log ADD COLUMN more; INSERT INTO log VALUES (1, 'l', 2); PRAGMA shrink_memory",
      );
      copy.execSync('ALTER TABLE log ADD COLUMN more');
      expect(copy.applyChangeset(session.changeset())).toBe(true);
      expect([items(copy).length, copy.getSync('SELECT more FROM log')]).toEqual([2, { more: 2 }]);
    });
  });
});

// What is no changeset, wrong options, and changesets that are damaged.

'use strict';

const { isBatonError } = require('../..');
const { expectBytes, onEachBackend, thrown } = require('../helpers.js');
const pair = require('./changeset-helpers.js');

const { ABORT, FOREIGN_KEY, OMIT } = pair;

onEachBackend((open) => {
  let db;
  let source;
  beforeEach(async () => {
    [db, source] = await pair.openPair(await open());
  });

  const content = (of = db) => pair.content(of);
  const items = () => pair.items(db);
  const changesOf = (sql) => pair.changesOf(sql, source);

  describe('bad input', () => {
    test.each([
      ['nothing', undefined],
      ['a string', 'changeset'],
      ['an array', [1, 2]],
      ['an ArrayBuffer', new ArrayBuffer(8)],
      ['another view', new Uint16Array(4)],
      ['a DataView', new DataView(new ArrayBuffer(4))],
    ])('%s is no changeset', (_, value) => {
      expect(thrown(() => db.applyChangeset(value))).toMatchObject({
        code: 'ERR_INVALID_ARG',
        message: expect.stringContaining('"changeset"'),
      });
    });

    test('options are checked by name', () => {
      for (const [options, fragment] of [
        [5, 'options'],
        [new Uint8Array(0), 'options'],
        [{ filer: () => true }, 'filer'],
        [{ filter: 5 }, 'options.filter'],
        [{ onConflict: {} }, 'options.onConflict'],
        [{ filter: async () => true }, 'options.filter'],
        [{ onConflict: async () => OMIT }, 'options.onConflict'],
      ]) {
        expect(thrown(() => db.applyChangeset(Buffer.alloc(0), options))).toMatchObject({
          code: 'ERR_INVALID_ARG',
          message: expect.stringContaining(fragment),
        });
      }
    });

    test('bytes are taken from any memory, and not from memory that is gone', () => {
      const changeset = changesOf("INSERT INTO item VALUES (3, 'x', 1)");
      const shared = new Uint8Array(new SharedArrayBuffer(changeset.length + 2), 1, changeset.length);
      const resizable = new Uint8Array(new ArrayBuffer(changeset.length, { maxByteLength: 1000 }));
      for (const bytes of [shared, resizable, new Uint8Array(changeset), Buffer.from(changeset)]) {
        bytes.set(changeset);
        db.execSync('DELETE FROM item WHERE id = 3');
        expect(db.applyChangeset(bytes)).toBe(true);
        expect(items()).toHaveLength(3);
        expectBytes(bytes, changeset);
      }
      const detached = new Uint8Array(8);
      structuredClone(detached.buffer, { transfer: [detached.buffer] });
      expect(thrown(() => db.applyChangeset(detached))).toMatchObject({
        code: 'ERR_INVALID_ARG',
        message: expect.stringContaining('detached'),
      });
      expect(db.applyChangeset(new Uint8Array(0))).toBe(true);
    });

    test('damaged bytes are applied as a whole or refused', () => {
      const sql =
        "INSERT INTO item VALUES (3, 'x', 9); UPDATE item SET n = 4 WHERE id = 1; DELETE FROM item WHERE id = 2; " +
        "UPDATE part SET v = x'0102030405'; INSERT INTO log VALUES (1, 'line')";
      const changeset = changesOf(sql);
      const before = content();
      const damaged = [];
      for (let end = 1; end < changeset.length; end += 1) damaged.push(changeset.subarray(0, end));
      for (let at = 0; at < changeset.length; at += 1) {
        for (const byte of [0, 1, 0x7f, 0x80, 0xff, changeset[at] ^ 1]) {
          const copy = Buffer.from(changeset);
          copy[at] = byte;
          damaged.push(copy);
        }
      }
      const codes = new Map();
      for (const bytes of damaged) {
        let code;
        db.transactionSync(() => {
          try {
            code = db.applyChangeset(bytes, { onConflict: (kind) => (kind === FOREIGN_KEY ? ABORT : OMIT) });
          } catch (error) {
            if (!isBatonError(error)) throw error;
            code = error.code;
            expect(content()).toEqual(before);
          }
          codes.set(code, (codes.get(code) ?? 0) + 1);
          db.execSync('DELETE FROM part; DELETE FROM item; DELETE FROM log');
          for (const [index, table] of ['item', 'part', 'log'].entries()) {
            for (const row of before[index]) db.runSync(`INSERT INTO ${table} VALUES (?, ?, ?)`, row);
          }
        });
      }
      expect([...codes.keys()].sort()).toEqual(['ERR_INVALID_ARG', true]);
      expect(codes.get('ERR_INVALID_ARG')).toBeGreaterThan(100);
      expect(db.getSync('PRAGMA integrity_check')).toEqual({ integrity_check: 'ok' });
    });
  });
});

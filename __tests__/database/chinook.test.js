'use strict';

const { copyFileSync, existsSync } = require('node:fs');
const { join, resolve } = require('node:path');

// A SQLite that this project did not build, to compare every row with.
const Libsql = require('libsql');

const { ROOT, onEachBackend, temporaryDirectory } = require('../helpers.js');

const CHINOOK = resolve(ROOT, '..', 'shared', 'data', 'chinook.sqlite');

// See quickstart.test.js: it may be missing, but not where it is known to be.
const needsChinook = existsSync(CHINOOK) || (process.env.CI === 'true' && !process.env.GITHUB_ACTIONS);
const testWithChinook = needsChinook ? test : test.skip;

const TABLES = [
  'Album',
  'Artist',
  'Customer',
  'Employee',
  'Genre',
  'Invoice',
  'InvoiceLine',
  'MediaType',
  'Playlist',
  'PlaylistTrack',
  'Track',
];

/** All eleven tables: who bought what, from whom, and on which playlists it is. */
const JOIN = `
  SELECT c.LastName, e.LastName AS support, boss.LastName AS boss, i.InvoiceId, l.InvoiceLineId, l.UnitPrice,
    t.Name AS track, m.Name AS media, g.Name AS genre, al.Title, ar.Name AS artist, count(p.PlaylistId) AS playlists
  FROM Customer AS c
  JOIN Employee AS e ON e.EmployeeId = c.SupportRepId
  LEFT JOIN Employee AS boss ON boss.EmployeeId = e.ReportsTo
  JOIN Invoice AS i USING (CustomerId)
  JOIN InvoiceLine AS l USING (InvoiceId)
  JOIN Track AS t USING (TrackId)
  JOIN MediaType AS m USING (MediaTypeId)
  JOIN Genre AS g USING (GenreId)
  JOIN Album AS al USING (AlbumId)
  JOIN Artist AS ar USING (ArtistId)
  LEFT JOIN PlaylistTrack AS pt USING (TrackId)
  LEFT JOIN Playlist AS p USING (PlaylistId)
  GROUP BY l.InvoiceLineId
  ORDER BY l.InvoiceLineId`;

const QUERIES = [
  JOIN,
  'SELECT BillingCountry, round(sum(Total), 2), count(*) FROM Invoice GROUP BY 1 ORDER BY 2 DESC, 1',
  'SELECT ar.Name, count(*) FROM Artist AS ar LEFT JOIN Album USING (ArtistId) GROUP BY ar.ArtistId ORDER BY 2 DESC, 1',
  `SELECT g.Name, t.Name, t.Milliseconds, rank() OVER (PARTITION BY g.GenreId ORDER BY t.Milliseconds DESC)
   FROM Genre AS g JOIN Track AS t USING (GenreId) ORDER BY 1, 4, t.TrackId`,
  `WITH RECURSIVE chain(id, name, level) AS (
     SELECT EmployeeId, LastName, 0 FROM Employee WHERE ReportsTo IS NULL
     UNION ALL SELECT EmployeeId, LastName, level + 1 FROM Employee JOIN chain ON ReportsTo = id
   ) SELECT * FROM chain ORDER BY level, id`,
];

const WRITES = [
  "INSERT INTO Artist VALUES (276, 'Ügly Këys 😀')",
  "INSERT INTO Album VALUES (348, 'Batons', 276)",
  `INSERT INTO Track SELECT 3503 + TrackId, Name || ' (again)', 348, MediaTypeId, NULL, NULL, Milliseconds / 2, Bytes, 0.5
   FROM Track WHERE TrackId <= 1000`,
  "UPDATE Invoice SET Total = Total * 1.07 WHERE BillingCountry = 'Germany'",
  'UPDATE Customer SET Company = upper(LastName), Fax = NULL WHERE CustomerId % 3 = 0',
  'DELETE FROM PlaylistTrack WHERE TrackId % 2 = 1',
  'DELETE FROM InvoiceLine WHERE InvoiceId > 300',
  'CREATE INDEX track_name ON Track (Name COLLATE NOCASE)',
  "ALTER TABLE Playlist ADD COLUMN Owner TEXT DEFAULT 'nobody'",
  'CREATE TABLE Extra (id INTEGER PRIMARY KEY, body BLOB)',
  "INSERT INTO Extra VALUES (1, zeroblob(100000)), (9007199254740993, x'00ff')",
  'VACUUM',
];

const directory = temporaryDirectory();

const OPTIONS = { rowMode: 'array', readBigInts: true };
const all = (libsql, sql) => libsql.prepare(sql).raw().safeIntegers(true).all();

/** A real stays a number, an integer becomes `1n`, a blob hexadecimal. */
const show = (cell) => {
  if (typeof cell === 'bigint') {
    return `${cell}n`;
  }
  return ArrayBuffer.isView(cell) ? `x'${Buffer.from(cell).toString('hex')}'` : cell;
};

/** Rows as text, which Jest compares far faster than nested arrays. */
const text = (rows) => rows.map((row) => JSON.stringify(row.map(show))).join('\n');

// It compares some 60,000 rows, which takes its time on a busy machine.
const TIMEOUT_MS = 120_000;

onEachBackend((open) => {
  testWithChinook(
    'a database of eleven tables is read and changed as an independent SQLite does it',
    async () => {
      const store = await open();
      await store.importFrom('chinook', CHINOOK);
      const db = await store.openDatabase('chinook');
      const original = join(directory, `${Math.random()}.sqlite`);
      copyFileSync(CHINOOK, original);
      const reference = new Libsql(original);

      const names = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
      expect((await db.all(names)).map(({ name }) => name)).toEqual(TABLES);
      for (const sql of QUERIES) {
        const rows = await db.all(sql, [], OPTIONS);
        expect(rows.length).toBeGreaterThan(5);
        expect(text(rows)).toBe(text(all(reference, sql)));
      }

      for (const sql of WRITES) {
        await db.exec(sql);
        reference.exec(sql);
      }
      const exported = join(directory, `${Math.random()}.sqlite`);
      await db.close();
      await store.exportTo('chinook', exported);
      const copy = new Libsql(exported);
      expect(copy.prepare('PRAGMA integrity_check').get().integrity_check).toBe('ok');
      const again = await store.openDatabase('chinook');
      for (const table of [...TABLES, 'Extra', 'sqlite_schema']) {
        const columns = table === 'sqlite_schema' ? 'type, name, tbl_name, sql' : '*';
        const sql = `SELECT ${columns} FROM ${table} ORDER BY 1, 2`;
        const expected = all(reference, sql);
        expect(expected.length).toBeGreaterThan(1);
        expect(text(await again.all(sql, [], OPTIONS))).toBe(text(expected));
        expect(text(all(copy, sql))).toBe(text(expected));
      }
      for (const sql of QUERIES) {
        expect(text(await again.all(sql, [], OPTIONS))).toBe(text(all(copy, sql)));
      }
      reference.close();
      copy.close();
    },
    TIMEOUT_MS,
  );
});

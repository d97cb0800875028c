//! Random SQL on a Baton database and on a plain SQLite file gives the same answers and the same content.

use std::fmt::Write as _;
use std::path::PathBuf;

use batondb::database::{Answer, Call, DatabaseError};
use batondb::types::PageCount;
use rusqlite::Connection;
use tempfile::TempDir;

use super::support::{Db, Draw, Host, Row, Value, dump, plain};
use crate::support::{Place, on_every_backend};

on_every_backend!(random_sql_answers_as_a_plain_file_does);

const SEEDS: u64 = 16;
const STEPS: usize = 250;

const SCHEMA: [&str; 10] = [
    "CREATE TABLE note(id INTEGER PRIMARY KEY, a INT, b TEXT, c BLOB)",
    "CREATE INDEX note_a ON note(a, b)",
    "CREATE TABLE word(k TEXT PRIMARY KEY, n INT NOT NULL CHECK (n < 1000), c BLOB) WITHOUT ROWID",
    "CREATE TABLE log(id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT, n INT)",
    "CREATE TABLE kept(id INTEGER PRIMARY KEY, a INT UNIQUE, twice INT AS (a * 2) STORED, r REAL) STRICT",
    "CREATE TABLE child(id INTEGER PRIMARY KEY, of INT REFERENCES kept(id) DEFERRABLE INITIALLY DEFERRED)",
    "CREATE TRIGGER note_gone AFTER DELETE ON note BEGIN INSERT INTO log(what, n) VALUES ('gone', old.id); END",
    "CREATE TRIGGER note_new AFTER UPDATE OF a ON note BEGIN UPDATE word SET n = n + 1 WHERE k = new.b; END",
    "CREATE VIRTUAL TABLE page USING fts5(body, tokenize = 'porter')",
    "CREATE VIRTUAL TABLE box USING rtree(id, x0, x1)",
];

/// A database in both forms.
struct Pair {
    place: Place,
    files: TempDir,
    host: Host,
    db: Db,
    plain: Connection,
    draw: Draw,
    /// Settings of a connection, made again after each opening.
    settings: Vec<String>,
    log: String,
}

async fn random_sql_answers_as_a_plain_file_does(place: Place) {
    for seed in 1..=SEEDS {
        let mut pair = Pair::new(place.afresh(), seed).await;
        for _ in 0..STEPS {
            pair.step().await;
        }
        pair.compare_content().await;
    }
}

impl Pair {
    async fn new(place: Place, seed: u64) -> Self {
        let mut draw = Draw::new(seed);
        let files = tempfile::tempdir().unwrap();
        let host = Host::at(&place).await;
        let db = host.open("a").await;
        let plain = Connection::open(files.path().join("plain.sqlite")).unwrap();
        let page_size = draw.of(&[512, 1024, 4096, 4096, 8192, 65536]);
        let vacuum = draw.of(&["none", "full", "incremental"]);
        let encoding = draw.of(&["UTF-8", "UTF-8", "UTF-16le"]);
        let cache = draw.of(&[2, 10, 10, -2000]);
        let settings = vec![
            format!("PRAGMA cache_size = {cache}"),
            "PRAGMA foreign_keys = on".to_owned(),
            "PRAGMA recursive_triggers = on".to_owned(),
        ];
        let log = format!("seed {seed}, page size {page_size}, auto_vacuum {vacuum}, cache {cache}\n");
        let mut pair = Self { place, files, host, db, plain, draw, settings, log };
        pair.both(&format!("PRAGMA page_size = {page_size}"), &[]).await;
        pair.both(&format!("PRAGMA auto_vacuum = {vacuum}"), &[]).await;
        pair.both(&format!("PRAGMA encoding = '{encoding}'"), &[]).await;
        pair.settle().await;
        for sql in SCHEMA {
            pair.both(sql, &[]).await;
        }
        pair
    }

    async fn settle(&mut self) {
        self.plain.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF").unwrap();
        for sql in self.settings.clone() {
            self.both(&sql, &[]).await;
        }
    }

    /// Runs a statement on both sides and expects the same of it.
    async fn both(&mut self, sql: &str, params: &[Value]) {
        let shown: Vec<String> = params.iter().map(|value| format!("{value:.40?}")).collect();
        writeln!(self.log, "{sql} {shown:?}").unwrap();
        let expected = plain(&self.plain, sql, params);
        let answer = match self.db.all(sql, params).await {
            Ok(answer) => {
                let last = self.plain.last_insert_rowid();
                assert_eq!(answer.last_insert_rowid, last, "{}", self.log);
                Ok(answer.rows)
            }
            Err(DatabaseError::Sql(error)) => Err(error.code),
            Err(other) => panic!("{other:?}\n{}", self.log),
        };
        assert!(answer == expected, "{answer:.2000?}\nexpected {expected:.2000?}\n{}", self.log);
    }

    async fn step(&mut self) {
        match self.draw.below(100) {
            0..30 => self.insert().await,
            30..50 => self.change().await,
            50..62 => self.read().await,
            62..84 => self.transaction().await,
            84..90 => self.bulk().await,
            90..94 => self.schema().await,
            94..97 => self.vacuum().await,
            97 => self.reopen().await,
            98 => self.compare_content().await,
            _ => self.mistake().await,
        }
    }

    fn text(&mut self) -> Value {
        let words = ["ant", "bee", "cat", "d\u{00FC}", "\u{1F980} crab", "", "egg egg egg"];
        let mut text = self.draw.of(&words).to_owned();
        if self.draw.below(12) == 0 {
            text = format!("{text} ").repeat(usize::try_from(self.draw.below(900)).unwrap());
        }
        Value::Text(text)
    }

    fn blob(&mut self) -> Value {
        let bound = self.draw.of(&[10, 200, 5_000]);
        Value::Blob(self.draw.blob(bound))
    }

    async fn insert(&mut self) {
        let or = self.draw.of(&["", "", "", "OR IGNORE", "OR REPLACE", "OR FAIL", "OR ROLLBACK"]);
        let (id, a) = (Value::Integer(self.draw.int(120)), Value::Integer(self.draw.int(50)));
        let (text, blob) = (self.text(), self.blob());
        match self.draw.below(7) {
            0..3 => {
                self.both(&format!("INSERT {or} INTO note VALUES (?, ?, ?, ?)"), &[id, a, text, blob]).await;
            }
            3 => {
                let upsert =
                    "INSERT INTO word VALUES (?, ?, ?) ON CONFLICT (k) DO UPDATE SET n = n + excluded.n,
                              c = excluded.c RETURNING k, n";
                let n = self.draw.int(400);
                self.both(upsert, &[text, n.into(), blob]).await;
            }
            4 => {
                self.both(
                    &format!("INSERT {or} INTO kept(id, a, r) VALUES (?, ?, ?)"),
                    &[id, a, Value::Real(0.25)],
                )
                .await;
            }
            5 => self.both("INSERT INTO page(body) VALUES (?)", &[text]).await,
            _ => {
                let x = self.draw.int(1000);
                self.both("INSERT INTO box VALUES (?, ?, ?)", &[id, x.into(), (x + 5).into()]).await;
            }
        }
    }

    async fn change(&mut self) {
        let (low, high) = (self.draw.int(120), self.draw.int(40));
        let (a, text) = (self.draw.int(50), self.text());
        let range = [Value::Integer(low), Value::Integer(low + high)];
        match self.draw.below(8) {
            0 => {
                let sql = "UPDATE note SET a = a + 1, b = ? WHERE id BETWEEN ? AND ? RETURNING id, a";
                self.both(sql, &[&[text], &range[..]].concat()).await;
            }
            1 => self.both("DELETE FROM note WHERE id BETWEEN ? AND ?", &range).await,
            2 => self.both("UPDATE word SET n = n + 100", &[]).await,
            3 => self.both("UPDATE kept SET a = a + 1 WHERE id BETWEEN ? AND ?", &range).await,
            4 => self.both("INSERT INTO child(of) VALUES (?)", &[Value::Integer(low)]).await,
            5 => {
                self.both("DELETE FROM page WHERE page MATCH 'egg' AND rowid > ?", &[Value::Integer(low)])
                    .await;
            }
            6 => {
                self.both("UPDATE note SET c = zeroblob(?) WHERE a = ?", &[(low * 90).into(), a.into()])
                    .await;
            }
            _ => self.both("DELETE FROM kept WHERE id = ?", &[Value::Integer(low)]).await,
        }
    }

    async fn read(&mut self) {
        let sql = self.draw.of(&[
            "SELECT a, count(*), sum(length(c)) FROM note GROUP BY a ORDER BY a",
            "SELECT id, a, b, c FROM note ORDER BY b, id LIMIT 20",
            "SELECT * FROM word ORDER BY k",
            "SELECT what, n, lag(n) OVER (ORDER BY id) FROM log ORDER BY id",
            "SELECT rowid, snippet(page, 0, '<', '>', '..', 4) FROM page WHERE page MATCH 'eg* OR crab'",
            "SELECT id, x0, x1 FROM box WHERE x0 BETWEEN 100 AND 400 ORDER BY id",
            "SELECT n.id, k.twice FROM note n JOIN kept k ON k.a = n.a LEFT JOIN word w ON w.k = n.b ORDER BY 1, 2",
            "SELECT * FROM kept NATURAL LEFT JOIN child ORDER BY 1, 2",
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 700) SELECT i, hex(i) FROM n",
            "PRAGMA page_count",
            "PRAGMA freelist_count",
        ]);
        self.both(sql, &[]).await;
    }

    async fn transaction(&mut self) {
        let sql = self.draw.of(&[
            "BEGIN",
            "BEGIN",
            "BEGIN IMMEDIATE",
            "COMMIT",
            "COMMIT",
            "ROLLBACK",
            "SAVEPOINT one",
            "SAVEPOINT two",
            "ROLLBACK TO one",
            "ROLLBACK TO two",
            "RELEASE one",
            "RELEASE two",
        ]);
        self.both(sql, &[]).await;
    }

    /// Enough at once to spill out of a small cache.
    async fn bulk(&mut self) {
        let rows = Value::Integer(self.draw.int(300) + 1);
        match self.draw.below(4) {
            0 => {
                let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
                           INSERT INTO note(a, b, c) SELECT i % 50, 'bulk ' || i, zeroblob(i * 7) FROM n";
                self.both(sql, &[rows]).await;
            }
            1 => self.both("UPDATE note SET b = b || '.', a = a + 1", &[]).await,
            2 => self.both("DELETE FROM note WHERE id % 3 <> 0", &[]).await,
            _ => {
                let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
                           INSERT OR FAIL INTO word SELECT 'w' || (i * 7 % 400), i * 4, zeroblob(i) FROM n";
                self.both(sql, &[rows]).await;
            }
        }
    }

    async fn schema(&mut self) {
        let sql = self.draw.of(&[
            "CREATE TABLE extra(x, y, z)",
            "DROP TABLE extra",
            "CREATE TABLE extra AS SELECT * FROM note",
            "ALTER TABLE extra ADD COLUMN more DEFAULT 7",
            "CREATE INDEX extra_x ON note(c, b DESC)",
            "DROP INDEX extra_x",
            "REINDEX",
            "ANALYZE",
            "INSERT INTO page(page) VALUES ('optimize')",
            "CREATE TEMP TABLE scratch AS SELECT id, c FROM note",
            "DROP TABLE temp.scratch",
            "UPDATE temp.scratch SET c = zeroblob(id * 20)",
        ]);
        self.both(sql, &[]).await;
    }

    async fn vacuum(&mut self) {
        let sql = self.draw.of(&[
            "VACUUM",
            "VACUUM",
            "PRAGMA incremental_vacuum(5)",
            "PRAGMA incremental_vacuum",
            "PRAGMA auto_vacuum = full",
            "PRAGMA auto_vacuum = incremental",
        ]);
        self.both(sql, &[]).await;
    }

    async fn mistake(&mut self) {
        let sql = self.draw.of(&[
            "SELEC 1",
            "SELECT * FROM nowhere",
            "INSERT INTO note(id) VALUES ('text')",
            "INSERT INTO kept(a) VALUES ('text')",
            "INSERT INTO word(k, n) VALUES (NULL, 1)",
            "INSERT INTO word(k, n) VALUES ('x', 1000)",
            "SELECT abs(-9223372036854775808)",
            "INSERT INTO log(what) SELECT json_extract(b, '$') FROM note",
        ]);
        self.both(sql, &[]).await;
    }

    fn file(&self) -> PathBuf {
        self.files.path().join("plain.sqlite")
    }

    /// A takeover, by the same process or another one, at any moment: what was not committed is gone.
    async fn reopen(&mut self) {
        writeln!(self.log, "-- reopened").unwrap();
        if self.draw.below(2) == 0 {
            let closed = self.db.call(Call::Close).await;
            let is_open = !self.plain.is_autocommit();
            // It is said where writes are lost by it.
            let lost = is_open && matches!(closed, Err(DatabaseError::Closed(_)));
            assert!(lost || closed == Ok(Answer::Done), "{closed:?}\n{}", self.log);
        }
        if self.draw.below(2) == 0 {
            self.host = Host::at(&self.place).await;
        }
        self.db = self.host.open("a").await;
        let file = self.file();
        let plain = std::mem::replace(&mut self.plain, Connection::open_in_memory().unwrap());
        drop(plain);
        self.plain = Connection::open(file).unwrap();
        self.settle().await;
    }

    async fn compare_content(&mut self) {
        self.reopen().await;
        let exported = self.host.exported("a", &self.files.path().join("exported.sqlite")).await;
        let (ours, plain): (Vec<(String, Vec<Row>)>, _) = (dump(&exported), dump(&self.plain));
        for (ours, plain) in ours.iter().zip(&plain) {
            assert!(ours == plain, "{ours:.2000?}\nexpected {plain:.2000?}\n{}", self.log);
        }
        assert_eq!(ours.len(), plain.len(), "{}", self.log);
        let Ok(pages) = self.plain.query_row("PRAGMA page_count", [], |row| row.get(0)) else { panic!() };
        let stored = self.host.engine.stat(&crate::support::id("a")).await.unwrap().unwrap();
        assert_eq!(stored.size_pages, PageCount(pages), "{}", self.log);
    }
}

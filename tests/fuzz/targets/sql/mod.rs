//! Random SQL with a random schema on a Baton database and on a plain file: the same answers, the same errors, the same
//! content.
//!
//! In half of the inputs the store fails now and then. A statement that meets that may answer with an error of the
//! store. Then the transaction is undone on both sides, and the content must be what was committed before, or, only
//! where the commit's outcome is unknown, what it was to become.

mod generate;

use std::fmt::Write as _;

use batondb::database::DatabaseError;
use batondb::engine::StoreError;
use rusqlite::Connection;
use tempfile::TempDir;

use self::generate::Generator;
use super::host::{Db, Host, actor, preload, wait};
use super::input::Input;
use super::values::{Row, Value, dump, plain};

const STATEMENTS_MAX: usize = 60;

/// All tables, and what SQLite finds wrong with them: nothing, or what the plain file has as well, such as rows that
/// break a rule which came after them.
#[derive(Debug, PartialEq)]
struct Content {
    tables: Vec<(String, Vec<Row>)>,
    integrity: Result<Vec<Row>, i32>,
}

fn content_of(connection: &Connection) -> Content {
    let integrity = plain(connection, "PRAGMA main.integrity_check", &[]);
    Content { tables: dump(connection), integrity }
}

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut pair = Pair::new(&mut input);
    for _ in 0..STATEMENTS_MAX {
        if input.is_empty() {
            break;
        }
        pair.step(&mut input);
    }
    pair.end();
}

/// A database in both forms.
struct Pair {
    host: Host,
    db: Db,
    files: TempDir,
    plain: Connection,
    /// The statements of the transaction under way.
    transaction: Vec<String>,
    settings: Vec<String>,
    fails: bool,
    /// Whether a statement has failed half way on one side, which leaves the last rowid of the connection different.
    went_wrong: bool,
    log: String,
}

impl Pair {
    fn new(input: &mut Input<'_>) -> Self {
        let fails = input.one_in(2);
        let page_size = input.of(&[512, 1024, 4096, 4096, 8192, 65536]);
        let vacuum = input.of(&["none", "full", "incremental"]);
        let encoding = input.of(&["UTF-8", "UTF-8", "UTF-16le", "UTF-16be"]);
        let settings = vec![
            format!("PRAGMA cache_size = {}", input.of(&[2, 10, -2000])),
            format!("PRAGMA foreign_keys = {}", input.below(2)),
            format!("PRAGMA recursive_triggers = {}", input.below(2)),
        ];
        let host = Host::new(input.of(&[8 << 20, 0, 20_000]));
        let db = host.open(preload(input)).unwrap();
        let files = tempfile::tempdir().unwrap();
        let plain = open_plain(&files);
        let mut pair = Self {
            host,
            db,
            files,
            plain,
            transaction: Vec::new(),
            settings,
            fails,
            went_wrong: false,
            log: String::new(),
        };
        for (name, value) in [("page_size", page_size.to_string()), ("auto_vacuum", vacuum.to_owned())] {
            pair.both(&format!("PRAGMA {name} = {value}"));
        }
        pair.both(&format!("PRAGMA encoding = '{encoding}'"));
        pair.set();
        // Without tables most statements would only be told so.
        for table in ["t0", "t1"] {
            let sql = Generator::new(input).create_table(table);
            pair.both(&sql);
        }
        pair
    }

    fn set(&mut self) {
        for setting in self.settings.clone() {
            self.both(&setting);
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.below(40) {
            0 => self.reopen(input),
            1 => self.compare(),
            2 => self.ask_for_page_size(),
            3..8 if self.fails => {
                wait(self.host.engine.idle());
                self.host.faults.plan(input);
            }
            _ => {
                let sql = Generator::new(input).statement();
                self.both(&sql);
            }
        }
    }

    /// A database that has pages keeps their size: pinned on one side, and the other must not see a difference.
    fn ask_for_page_size(&mut self) {
        self.host.faults.clear();
        let pages = self.db.all("PRAGMA page_count", &[]).unwrap().rows;
        if self.plain.is_autocommit() && pages != [[Value::Integer(0)]] {
            let answer = self.db.all("PRAGMA page_size = 1024", &[]);
            assert!(answer.is_ok(), "{answer:?}\n{}", self.log);
        }
    }

    /// Runs a statement on both sides and expects the same of it.
    fn both(&mut self, sql: &str) {
        writeln!(self.log, "{sql};").unwrap();
        let ours = self.db.all(sql, &[]);
        self.host.faults.clear();
        if let Err(DatabaseError::Store(error)) = &ours {
            return self.failed(sql, error);
        }
        let expected = plain(&self.plain, sql, &[]);
        let ours = match ours {
            Ok(answer) => {
                let last = self.plain.last_insert_rowid();
                assert!(self.went_wrong || answer.last_insert_rowid == last, "{answer:?}\n{}", self.log);
                Ok(answer.rows)
            }
            Err(DatabaseError::Sql(error)) => Err(error.code),
            Err(other) => panic!("{other:?}\n{}", self.log),
        };
        assert!(same(&ours, &expected), "{ours:.2000?}\nexpected {expected:.2000?}\n{}", self.log);
        if self.plain.is_autocommit() {
            self.transaction.clear();
        } else {
            self.transaction.push(sql.to_owned());
        }
    }

    /// The store has failed in this statement. Both sides go back to what is committed.
    fn failed(&mut self, sql: &str, error: &StoreError) {
        writeln!(self.log, "-- {error}").unwrap();
        self.went_wrong = true;
        let unknown = matches!(error, StoreError::CommitUnknown { .. });
        assert!(unknown || matches!(error, StoreError::Unavailable(_)), "{error:?}\n{}", self.log);
        assert!(self.fails, "{error:?} of a store that works\n{}", self.log);
        // There is none to undo where SQLite has undone it.
        let undone = self.db.all("ROLLBACK", &[]);
        assert!(matches!(undone, Ok(_) | Err(DatabaseError::Sql(_))), "{undone:?}\n{}", self.log);
        if !self.plain.is_autocommit() {
            self.plain.execute_batch("ROLLBACK").unwrap();
        }
        let mut transaction = std::mem::take(&mut self.transaction);
        let ours = self.content();
        if ours == content_of(&self.plain) {
            return;
        }
        assert!(unknown, "a transaction that failed has left something\n{}", self.log);
        // The commit has taken place, so it does on the other side, too.
        transaction.push(sql.to_owned());
        for sql in &transaction {
            let _ = plain(&self.plain, sql, &[]);
        }
        if !self.plain.is_autocommit() {
            self.plain.execute_batch("COMMIT").unwrap();
        }
        self.must_be(&ours);
    }

    /// What is committed, as an export has it.
    fn content(&self) -> Content {
        let file = self.files.path().join("exported.sqlite");
        let _ = std::fs::remove_file(&file);
        wait(self.host.engine.export_to(&actor(), &file)).unwrap();
        content_of(&Connection::open(&file).unwrap())
    }

    fn must_be(&self, ours: &Content) {
        let expected = content_of(&self.plain);
        for (ours, expected) in ours.tables.iter().zip(&expected.tables) {
            assert!(ours == expected, "{ours:.2000?}\nexpected {expected:.2000?}\n{}", self.log);
        }
        assert!(ours == &expected, "{:?}\nexpected {:?}\n{}", ours.integrity, expected.integrity, self.log);
    }

    /// What is committed is the same, also for those who ask the database.
    fn compare(&mut self) {
        self.host.faults.clear();
        if !self.plain.is_autocommit() {
            return;
        }
        let ours = self.content();
        self.must_be(&ours);
        for (table, rows) in ours.tables.iter().skip(1) {
            let mut asked = match self.db.all(&format!("SELECT * FROM main.\"{table}\""), &[]) {
                Ok(answer) => answer.rows,
                Err(DatabaseError::Sql(error)) => vec![vec![Value::Integer(error.code.into())]],
                Err(other) => panic!("{other:?}\n{}", self.log),
            };
            asked.sort_by_cached_key(|row| format!("{row:?}"));
            assert!(&asked == rows, "{table}: {asked:.2000?}\nexpected {rows:.2000?}\n{}", self.log);
        }
    }

    /// A takeover at any moment: what was not committed is gone.
    fn reopen(&mut self, input: &mut Input<'_>) {
        writeln!(self.log, "-- reopened").unwrap();
        self.host.faults.clear();
        if input.one_in(2) {
            self.db.close();
        }
        self.db = self.host.open(preload(input)).unwrap();
        self.plain = Connection::open_in_memory().unwrap();
        self.plain = open_plain(&self.files);
        self.transaction.clear();
        self.went_wrong = false;
        self.set();
    }

    fn end(&mut self) {
        self.host.faults.clear();
        self.reopen(&mut Input::new(&[]));
        self.compare();
        self.db.close();
    }
}

fn open_plain(files: &TempDir) -> Connection {
    let plain = Connection::open(files.path().join("plain.sqlite")).unwrap();
    plain.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF").unwrap();
    plain
}

/// Whether two answers are the same, where a NaN is itself.
fn same(ours: &Result<Vec<Row>, i32>, expected: &Result<Vec<Row>, i32>) -> bool {
    ours == expected || format!("{ours:?}") == format!("{expected:?}")
}

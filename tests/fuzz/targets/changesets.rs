//! Changesets from outside: real ones with damage, and bytes that never were one. Each is applied as a whole or changes
//! nothing, and what it has changed is recorded: applied to a copy, that makes the same rows.

use std::sync::{Mutex, OnceLock};

use batondb::database::{
    Answer, Call, ChangeForm, Changes, Conflict, DatabaseError, Decide, NotRun, Resolution,
};
use rusqlite::ffi;

use super::host::{Db, Host};
use super::input::Input;
use super::values::Row;
use batondb::engine::Preload;

const SCHEMA: [&str; 9] = [
    "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT UNIQUE, n INTEGER CHECK (n < 100), twice AS (2 * n))",
    "CREATE TABLE pair(a TEXT COLLATE NOCASE, b INTEGER, v BLOB NOT NULL, PRIMARY KEY (b, a)) WITHOUT ROWID",
    "CREATE TABLE part(id INTEGER PRIMARY KEY, item INTEGER REFERENCES item(id) ON DELETE SET NULL)",
    "CREATE TABLE typed(id INTEGER PRIMARY KEY, i INT, r REAL, t TEXT, b BLOB, x ANY) STRICT",
    "CREATE TABLE undone(id INTEGER PRIMARY KEY, v UNIQUE ON CONFLICT ROLLBACK)",
    "INSERT INTO item VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3)",
    "INSERT INTO pair VALUES ('a', 1, x'00'), ('b', 2, 'text'); INSERT INTO part VALUES (1, 1), (2, 2)",
    "INSERT INTO typed VALUES (1, 1, 1.5, 'text', x'01', 'any'), (2, NULL, NULL, NULL, NULL, NULL)",
    "INSERT INTO undone VALUES (1, 1), (2, 2)",
];
const CHANGES: [&str; 6] = [
    "INSERT INTO item VALUES (4, 'four', 4); UPDATE item SET n = 20 WHERE id = 2; DELETE FROM item WHERE id = 1",
    "UPDATE pair SET v = x'01020304' WHERE b = 1; INSERT INTO pair VALUES ('c', 3, 'more')",
    "DELETE FROM pair WHERE b = 2; INSERT INTO part VALUES (3, 4)",
    "UPDATE typed SET i = 9223372036854775807, r = -0.0, x = 1.5 WHERE id = 1; DELETE FROM typed WHERE id = 2",
    "INSERT INTO typed VALUES (3, -1, 1e300, 'longer text than that', zeroblob(200), NULL)",
    "INSERT INTO undone VALUES (3, 3), (4, 4)",
];
const TABLES: [&str; 5] = ["item", "pair", "part", "typed", "undone"];
/// SQLite's codes for changes that cannot be made.
const REFUSED: [i32; 6] = [
    ffi::SQLITE_CONSTRAINT,
    ffi::SQLITE_CORRUPT,
    ffi::SQLITE_ABORT,
    ffi::SQLITE_ERROR,
    ffi::SQLITE_MISMATCH,
    ffi::SQLITE_TOOBIG,
];

/// Decides by the input.
#[derive(Debug)]
struct Choices(Mutex<Vec<u8>>);

impl Choices {
    fn next(&self) -> u8 {
        let mut left = self.0.lock().unwrap();
        left.pop().unwrap_or(1)
    }
}

impl Decide for Choices {
    fn takes(&self, _: &str) -> Result<bool, NotRun> {
        match self.next() {
            0..=15 => Ok(false),
            16..=20 => Err(NotRun::Thrown),
            _ => Ok(true),
        }
    }

    fn resolve(&self, conflict: Conflict) -> Result<Resolution, NotRun> {
        match self.next() {
            91..=230 if matches!(conflict, Conflict::Data | Conflict::Exists) => Ok(Resolution::Replace),
            231..=235 => Err(NotRun::Thrown),
            236..=255 => Ok(Resolution::Abort),
            _ => Ok(Resolution::Omit),
        }
    }
}

fn open() -> (Host, Db) {
    let host = Host::new(8 << 20);
    let db = host.open(Preload::default()).unwrap();
    script(&db, &SCHEMA);
    (host, db)
}

fn script(db: &Db, sql: &[&str]) {
    for statement in sql.iter().flat_map(|sql| sql.split("; ")) {
        db.all(statement, &[]).unwrap();
    }
}

fn content(db: &Db) -> Vec<Vec<Row>> {
    TABLES.iter().map(|table| db.all(&format!("SELECT * FROM {table}"), &[]).unwrap().rows).collect()
}

fn record(db: &Db) -> u32 {
    match db.call(Call::Changes(Changes::Record("main".to_owned(), None))) {
        Ok(Answer::Recording(id)) => id,
        other => panic!("{other:?}"),
    }
}

fn recorded(db: &Db, id: u32, form: ChangeForm) -> Vec<u8> {
    match db.call(Call::Changes(Changes::Recorded(id, form))) {
        Ok(Answer::Rows(mut bytes)) => bytes.pop().unwrap(),
        other => panic!("{other:?}"),
    }
}

fn apply(db: &Db, bytes: &[u8], choices: Vec<u8>) -> Result<Answer, DatabaseError> {
    db.call(Call::Changes(Changes::Apply(bytes.to_vec(), Box::new(Choices(Mutex::new(choices))))))
}

/// What a session records of `CHANGES`, in both forms.
fn real() -> &'static [Vec<u8>; 2] {
    static REAL: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    REAL.get_or_init(|| {
        let (_host, db) = open();
        let id = record(&db);
        script(&db, &CHANGES);
        [ChangeForm::Changeset, ChangeForm::Patchset].map(|form| recorded(&db, id, form))
    })
}

/// A real changeset with some bytes changed, removed, doubled or added.
fn damaged(input: &mut Input<'_>) -> Vec<u8> {
    let mut bytes = real()[input.below(2) as usize].clone();
    for _ in 0..input.below(6) {
        let length = u32::try_from(bytes.len()).unwrap();
        let at = input.below(length.max(1)) as usize;
        let end = (at + input.below(24) as usize).min(bytes.len());
        match input.below(5) {
            0 if at < bytes.len() => bytes[at] = input.byte(),
            1 if at < bytes.len() => bytes[at] ^= 1 << input.below(8),
            2 => drop(bytes.drain(at.min(end)..end)),
            3 => {
                let part = bytes[at.min(end)..end].to_vec();
                bytes.splice(end..end, part);
            }
            _ => {
                let added = input.bytes(8).to_vec();
                bytes.splice(end..end, added);
            }
        }
    }
    bytes
}

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let choices = input.bytes(16).to_vec();
    let in_transaction = input.one_in(4);
    let bytes = if input.one_in(4) { input.rest().to_vec() } else { damaged(&mut input) };

    let (_host, db) = open();
    let id = record(&db);
    if in_transaction {
        db.all("BEGIN", &[]).unwrap();
    }
    let before = content(&db);
    let applied = apply(&db, &bytes, choices);
    let after = content(&db);
    match &applied {
        Ok(Answer::Applied(true)) => {}
        Ok(Answer::Applied(false)) | Err(DatabaseError::Invalid(_)) => assert_eq!(before, after),
        Err(DatabaseError::Sql(error)) if REFUSED.contains(&(error.code & 0xFF)) => {
            assert_eq!(before, after);
        }
        other => panic!("{other:?}"),
    }
    if in_transaction {
        // It is over where a constraint has rolled it back.
        let ended = db.all("COMMIT", &[]);
        assert!(ended.is_ok() || applied.is_err(), "{applied:?} {ended:?}");
        assert_eq!(content(&db), after);
    }
    let sound = db.all("PRAGMA integrity_check", &[]).unwrap().rows;
    assert_eq!(sound, [["ok".into()]]);

    let changes = recorded(&db, id, ChangeForm::Changeset);
    assert_eq!(changes.is_empty(), before == after, "{applied:?}");
    let (_other, copy) = open();
    copy.all("PRAGMA foreign_keys = OFF", &[]).unwrap();
    // Rows that have swapped a unique value cannot be written one after the other.
    if let Ok(Answer::Applied(true)) = apply(&copy, &changes, vec![255; 64]) {
        assert_eq!(content(&copy), after);
    }
    db.close();
    copy.close();
}

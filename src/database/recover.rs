//! Recovers a database file that another SQLite left behind: replays its journal and checks the file.

use std::ffi::{CStr, CString};
use std::path::Path;
use std::sync::Arc;

use libsqlite3_sys as ffi;

use crate::database::sqlite::{Asked, Connection, Hooks, SqlError, Step, Value};
use crate::engine::StoreError;
use crate::types::ActorId;

/// Settings for the file before it is read. A header that says "write-ahead log" is changed to one that does
/// not. There is no need to wait for the disk, since nobody reads the file again.
const SETUP: [&str; 3] =
    ["PRAGMA synchronous = OFF", "PRAGMA trusted_schema = OFF", "PRAGMA journal_mode = DELETE"];

/// Opens a file with SQLite, which rolls back a hot journal beside it, and checks it with
/// `PRAGMA quick_check`. Blocks.
pub fn recover(actor: &ActorId, file: &Path) -> Result<(), StoreError> {
    let bytes = file.metadata()?.len();
    if bytes == 0 {
        // SQLite takes an empty file for a new database, even if there is a journal beside it.
        return Ok(());
    }
    let connection = open(file)?;
    // The check opens indexes, and looks at no order of texts in them.
    connection.stand_in_for_collations();
    for sql in SETUP {
        connection.execute(sql).map_err(|error| refused(actor, &error))?;
    }
    let verdict = quick_check(&connection).map_err(|error| refused(actor, &error))?;
    if verdict == "ok" { Ok(()) } else { Err(damaged(actor, &verdict)) }
}

fn open(file: &Path) -> Result<Connection, StoreError> {
    let text = file.to_str().and_then(|name| CString::new(name).ok());
    let name = text.ok_or_else(|| {
        StoreError::Unusable(format!(
            "the directory for temporary files has a name that is not UTF-8: {}",
            file.display()
        ))
    })?;
    let opened = Connection::open((&name, default_vfs()?), Arc::new(Free), false);
    opened.map_err(|error| StoreError::Unavailable(format!("cannot open {}: {error}", file.display())))
}

/// The name of SQLite's default VFS on this system: the databases of actors use another one.
fn default_vfs() -> Result<&'static CStr, StoreError> {
    // SAFETY: initialization may be requested any number of times; without a name, SQLite returns the default
    // VFS, which is never unregistered, and neither is its name.
    let name = unsafe {
        ffi::sqlite3_initialize();
        ffi::sqlite3_vfs_find(std::ptr::null()).as_ref().map(|vfs| CStr::from_ptr(vfs.zName))
    };
    name.ok_or_else(|| StoreError::Unusable("SQLite has no file system here".to_owned()))
}

fn quick_check(connection: &Connection) -> Result<String, SqlError> {
    let (statement, _) = connection.prepare("PRAGMA quick_check(1)", false)?;
    let Some(mut statement) = statement else { return Ok(String::new()) };
    let mut verdict = String::new();
    if statement.step()? == Step::Row
        && let Value::Text(text) = statement.column(0)
    {
        verdict = String::from_utf8_lossy(text).into_owned();
    }
    Ok(verdict)
}

fn refused(actor: &ActorId, error: &SqlError) -> StoreError {
    match error.code & 0xff {
        ffi::SQLITE_NOTADB => StoreError::InvalidArg(format!(
            "these entries cannot be migrated: actor {actor:?}: the database is not one of SQLite: {error}"
        )),
        ffi::SQLITE_CORRUPT => damaged(actor, &error.to_string()),
        ffi::SQLITE_FULL => StoreError::QuotaExceeded(format!("replaying the journal: {error}")),
        _ => {
            StoreError::Unavailable(format!("SQLite could not open the database of actor {actor:?}: {error}"))
        }
    }
}

fn damaged(actor: &ActorId, verdict: &str) -> StoreError {
    let detail = format!("the database to be migrated fails SQLite's quick_check: {verdict}");
    StoreError::Corrupt { actor: Some(actor.clone()), page: None, txid: None, detail }
}

/// Nobody interrupts the connection, and it runs only the statements above.
struct Free;

impl Hooks for Free {
    fn is_interrupted(&self) -> bool {
        false
    }

    fn before_commit(&self) {}

    fn may_attach(&self, _: Option<&str>, _: bool) -> bool {
        false
    }

    fn may_ask(&self, _: &Asked<'_>) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;
    use crate::database::sqlite::{Collation, NotRun, Order};

    struct Backwards;

    impl Order for Backwards {
        fn compare(&self, left: &[u8], right: &[u8]) -> Result<Ordering, NotRun> {
            Ok(right.cmp(left))
        }

        fn is_here(&self) -> bool {
            true
        }
    }

    #[test]
    fn a_database_with_a_collation_of_its_own_is_recovered() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("actor.sqlite");
        let made = open(&file).unwrap();
        made.collate(Collation { name: "backwards".to_owned(), order: Arc::new(Backwards) }).unwrap();
        for sql in [
            "CREATE TABLE t (a COLLATE backwards PRIMARY KEY, b UNIQUE COLLATE backwards) WITHOUT ROWID",
            "INSERT INTO t VALUES ('a', 'x'), ('b', 'y'), ('c', 'z')",
        ] {
            made.execute(sql).unwrap();
        }
        drop(made);
        recover(&ActorId::new("a").unwrap(), &file).unwrap();
    }
}

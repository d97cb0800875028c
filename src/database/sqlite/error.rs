//! SQLite's errors.

use std::ffi::{CStr, c_int};

use libsqlite3_sys as ffi;

/// An error of SQLite.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SqlError {
    /// The extended result code (<https://sqlite.org/rescode.html>).
    pub code: c_int,
    /// SQLite's message.
    pub message: String,
    /// The position in the SQL text, if SQLite knows it: in bytes as SQLite returns it, in UTF-16 code units
    /// once it has passed through a session.
    pub offset: Option<usize>,
}

impl SqlError {
    /// An error with a message of our own.
    pub(crate) fn new(code: c_int, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), offset: None }
    }

    /// The error of the last call on `db`.
    ///
    /// # Safety
    ///
    /// `db` is an open connection, or null if SQLite had no memory to create one.
    pub(super) unsafe fn last(db: *mut ffi::sqlite3, code: c_int) -> Self {
        if db.is_null() {
            return Self::plain(code);
        }
        // SAFETY: guaranteed by the caller; the message is copied before anything else is called on `db`.
        let (extended, message, offset) = unsafe {
            let message = CStr::from_ptr(ffi::sqlite3_errmsg(db)).to_string_lossy().into_owned();
            (ffi::sqlite3_extended_errcode(db), message, ffi::sqlite3_error_offset(db))
        };
        // A connection remembers only one error. If it is of another kind than the call's, the call's own
        // code counts.
        if extended & 0xFF != code & 0xFF {
            return Self::plain(code);
        }
        Self { code: extended, message, offset: usize::try_from(offset).ok() }
    }

    /// An error from a code alone.
    fn plain(code: c_int) -> Self {
        // SAFETY: the function returns a static C string for every number.
        let message = unsafe { CStr::from_ptr(ffi::sqlite3_errstr(code)) };
        Self::new(code, message.to_string_lossy())
    }

    /// The name of the primary code, such as `SQLITE_CONSTRAINT`.
    pub fn name(&self) -> &'static str {
        name_of(self.code & 0xFF).unwrap_or("SQLITE_ERROR")
    }

    /// The name of the extended code, such as `SQLITE_CONSTRAINT_UNIQUE`; the primary one if there is no
    /// extension.
    pub fn extended_name(&self) -> &'static str {
        name_of(self.code).unwrap_or_else(|| self.name())
    }

    /// Whether a file operation failed, so that the file knows more about the error than SQLite does.
    pub(crate) fn is_of_the_file(&self) -> bool {
        matches!(
            self.code & 0xFF,
            ffi::SQLITE_IOERR
                | ffi::SQLITE_FULL
                | ffi::SQLITE_CORRUPT
                | ffi::SQLITE_CANTOPEN
                | ffi::SQLITE_ABORT
        )
    }
}

/// The names of these codes, as the C header spells them.
macro_rules! names {
    ($code:expr; $($name:ident)*) => {
        $(if $code == ffi::$name { return Some(stringify!($name)); })*
    };
}

fn name_of(code: c_int) -> Option<&'static str> {
    names! { code;
        SQLITE_ERROR SQLITE_INTERNAL SQLITE_PERM SQLITE_ABORT SQLITE_BUSY SQLITE_LOCKED SQLITE_NOMEM
        SQLITE_READONLY SQLITE_INTERRUPT SQLITE_IOERR SQLITE_CORRUPT SQLITE_NOTFOUND SQLITE_FULL
        SQLITE_CANTOPEN SQLITE_PROTOCOL SQLITE_EMPTY SQLITE_SCHEMA SQLITE_TOOBIG SQLITE_CONSTRAINT
        SQLITE_MISMATCH SQLITE_MISUSE SQLITE_NOLFS SQLITE_AUTH SQLITE_FORMAT SQLITE_RANGE SQLITE_NOTADB
        SQLITE_NOTICE SQLITE_WARNING
        SQLITE_ERROR_MISSING_COLLSEQ SQLITE_ERROR_RETRY SQLITE_ERROR_SNAPSHOT SQLITE_ABORT_ROLLBACK
        SQLITE_CONSTRAINT_CHECK SQLITE_CONSTRAINT_COMMITHOOK SQLITE_CONSTRAINT_DATATYPE
        SQLITE_CONSTRAINT_FOREIGNKEY SQLITE_CONSTRAINT_FUNCTION SQLITE_CONSTRAINT_NOTNULL
        SQLITE_CONSTRAINT_PINNED SQLITE_CONSTRAINT_PRIMARYKEY SQLITE_CONSTRAINT_ROWID
        SQLITE_CONSTRAINT_TRIGGER SQLITE_CONSTRAINT_UNIQUE SQLITE_CONSTRAINT_VTAB
        SQLITE_CORRUPT_INDEX SQLITE_CORRUPT_SEQUENCE SQLITE_CORRUPT_VTAB SQLITE_BUSY_SNAPSHOT
        SQLITE_LOCKED_SHAREDCACHE SQLITE_LOCKED_VTAB SQLITE_READONLY_DBMOVED SQLITE_READONLY_ROLLBACK
        SQLITE_IOERR_READ SQLITE_IOERR_SHORT_READ SQLITE_IOERR_WRITE SQLITE_IOERR_FSYNC
        SQLITE_IOERR_TRUNCATE SQLITE_IOERR_FSTAT SQLITE_IOERR_NOMEM SQLITE_IOERR_CORRUPTFS
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_primary_and_its_extended_name() {
        let error = SqlError::new(ffi::SQLITE_CONSTRAINT_UNIQUE, "UNIQUE constraint failed: t.a");
        assert_eq!((error.name(), error.extended_name()), ("SQLITE_CONSTRAINT", "SQLITE_CONSTRAINT_UNIQUE"));
        let plain = SqlError::plain(ffi::SQLITE_ERROR);
        assert_eq!((plain.name(), plain.extended_name()), ("SQLITE_ERROR", "SQLITE_ERROR"));
        assert_eq!(plain.message, "SQL logic error");
    }

    #[test]
    fn an_extended_code_without_a_name_here_is_named_by_its_primary_one() {
        let error = SqlError::new(ffi::SQLITE_IOERR | (99 << 8), "");
        assert_eq!((error.name(), error.extended_name()), ("SQLITE_IOERR", "SQLITE_IOERR"));
    }
}

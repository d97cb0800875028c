//! A compiled statement: its parameters, its columns, its rows.

use std::borrow::Cow;
use std::ffi::{CStr, c_char, c_int};
use std::ptr::{NonNull, null_mut};
use std::slice;
use std::sync::Arc;

use libsqlite3_sys as ffi;

use super::context::Context;
use super::error::SqlError;
use super::handle::{Handle, c_string};

/// A value of SQLite, of a parameter or of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'v> {
    /// NULL.
    Null,
    /// INTEGER.
    Integer(i64),
    /// REAL.
    Real(f64),
    /// TEXT, which in a database is not always UTF-8.
    Text(&'v [u8]),
    /// BLOB.
    Blob(&'v [u8]),
}

/// The result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A row is available.
    Row,
    /// The statement has finished.
    Done,
}

/// A compiled statement.
pub(crate) struct Statement {
    raw: NonNull<ffi::sqlite3_stmt>,
    /// The connection, and the context of its callbacks: both outlive the statement.
    handle: Arc<Handle>,
    context: Arc<Context>,
}

// SAFETY: see `Handle`: one thread at a time uses the session that owns the statement.
unsafe impl Send for Statement {}

impl Statement {
    pub(super) fn new(
        raw: NonNull<ffi::sqlite3_stmt>,
        (handle, context): (Arc<Handle>, Arc<Context>),
    ) -> Self {
        Self { raw, handle, context }
    }

    fn raw(&self) -> *mut ffi::sqlite3_stmt {
        self.raw.as_ptr()
    }

    fn checked(&self, code: c_int) -> Result<(), SqlError> {
        if code == ffi::SQLITE_OK {
            return Ok(());
        }
        // SAFETY: the connection is open as long as `handle` lives.
        Err(unsafe { SqlError::last(self.handle.as_ptr(), code) })
    }

    /// How many parameters there are: the largest number of one.
    pub(crate) fn parameter_count(&self) -> usize {
        // SAFETY: the statement is not finalized before it is dropped.
        usize::try_from(unsafe { ffi::sqlite3_bind_parameter_count(self.raw()) }).unwrap_or(0)
    }

    /// The name of parameter `number` (from 1) with its prefix, if it has one.
    pub(crate) fn parameter_name(&self, number: usize) -> Option<&str> {
        let number = c_int::try_from(number).ok()?;
        // SAFETY: as above; the name lives as long as the statement.
        unsafe { text_of(ffi::sqlite3_bind_parameter_name(self.raw(), number)) }
    }

    /// The number of the parameter with this name, given with its prefix.
    pub(crate) fn parameter_number(&self, name: &str) -> Option<usize> {
        let name = c_string(name);
        // SAFETY: as above; the name is valid for the call.
        let number = unsafe { ffi::sqlite3_bind_parameter_index(self.raw(), name.as_ptr()) };
        usize::try_from(number).ok().filter(|number| *number > 0)
    }

    /// Sets parameter `number` (from 1). Bytes are copied.
    pub(crate) fn bind(&mut self, number: usize, value: Value<'_>) -> Result<(), SqlError> {
        let number = c_int::try_from(number).unwrap_or(c_int::MAX);
        let raw = self.raw();
        // SAFETY: the statement is alive; texts and blobs are copied by SQLite before the call returns.
        let code = unsafe {
            match value {
                Value::Null => ffi::sqlite3_bind_null(raw, number),
                Value::Integer(value) => ffi::sqlite3_bind_int64(raw, number, value),
                Value::Real(value) => ffi::sqlite3_bind_double(raw, number, value),
                Value::Text(text) => ffi::sqlite3_bind_text64(
                    raw,
                    number,
                    text.as_ptr().cast::<c_char>(),
                    text.len() as u64,
                    ffi::SQLITE_TRANSIENT(),
                    UTF8,
                ),
                Value::Blob([]) => ffi::sqlite3_bind_zeroblob(raw, number, 0),
                Value::Blob(bytes) => ffi::sqlite3_bind_blob64(
                    raw,
                    number,
                    bytes.as_ptr().cast(),
                    bytes.len() as u64,
                    ffi::SQLITE_TRANSIENT(),
                ),
            }
        };
        self.checked(code)
    }

    /// Runs to the next row or to the end.
    pub(crate) fn step(&mut self) -> Result<Step, SqlError> {
        // SAFETY: the statement is alive.
        let code = unsafe { ffi::sqlite3_step(self.raw()) };
        if self.context.is_spoiled() {
            self.undo()?;
        }
        match code {
            ffi::SQLITE_ROW => Ok(Step::Row),
            ffi::SQLITE_DONE => Ok(Step::Done),
            // SAFETY: the connection is open as long as `handle` lives.
            code => Err(unsafe { SqlError::last(self.handle.as_ptr(), code) }),
        }
    }

    /// Undoes what a statement has written whose comparisons had no answer. Of a transaction nothing can be kept, as when
    /// a statement that writes is interrupted.
    fn undo(&mut self) -> Result<(), SqlError> {
        // SAFETY: the statement is alive. It may have returned a row first: a commit of what it has written by itself is
        // refused by the hook.
        unsafe { ffi::sqlite3_reset(self.raw()) };
        // From here on nothing is interrupted, which a ROLLBACK would be, too.
        let spoiled = self.context.unless_spoiled();
        if !self.handle.is_autocommit() && !self.is_readonly() {
            let (db, sql) = (self.handle.as_ptr(), c"ROLLBACK".as_ptr());
            // SAFETY: the connection is open as long as `handle` lives, and the SQL is a C string.
            unsafe { ffi::sqlite3_exec(db, sql, None, null_mut(), null_mut()) };
        }
        spoiled
    }

    /// Ends a run. A statement that has written without a transaction commits here at the latest, so the
    /// result counts.
    pub(crate) fn reset(&mut self) -> Result<(), SqlError> {
        // SAFETY: the statement is alive.
        let code = unsafe { ffi::sqlite3_reset(self.raw()) };
        self.checked(code)
    }

    /// Clears the parameters.
    pub(crate) fn clear_bindings(&mut self) {
        // SAFETY: the statement is alive; the call cannot fail.
        unsafe { ffi::sqlite3_clear_bindings(self.raw()) };
    }

    /// Whether it changes nothing in the database.
    pub(crate) fn is_readonly(&self) -> bool {
        // SAFETY: the statement is alive.
        unsafe { ffi::sqlite3_stmt_readonly(self.raw()) != 0 }
    }

    /// How many columns its rows have; 0 for a statement without rows.
    pub(crate) fn column_count(&self) -> usize {
        // SAFETY: the statement is alive.
        usize::try_from(unsafe { ffi::sqlite3_column_count(self.raw()) }).unwrap_or(0)
    }

    /// The name of a column of the result.
    pub(crate) fn column_name(&self, index: usize) -> Cow<'_, str> {
        // SAFETY: the statement is alive, and the text lives until the next step or preparation.
        self.column_text(index, |raw, index| unsafe { ffi::sqlite3_column_name(raw, index) })
            .unwrap_or_default()
    }

    /// The column of a table that a column of the result shows, if any.
    pub(crate) fn column_origin(&self, index: usize) -> Option<Cow<'_, str>> {
        // SAFETY: as above.
        self.column_text(index, |raw, index| unsafe { ffi::sqlite3_column_origin_name(raw, index) })
    }

    /// The table of that column.
    pub(crate) fn column_table(&self, index: usize) -> Option<Cow<'_, str>> {
        // SAFETY: as above.
        self.column_text(index, |raw, index| unsafe { ffi::sqlite3_column_table_name(raw, index) })
    }

    /// The type that the table declares for that column.
    pub(crate) fn column_type(&self, index: usize) -> Option<Cow<'_, str>> {
        // SAFETY: as above.
        self.column_text(index, |raw, index| unsafe { ffi::sqlite3_column_decltype(raw, index) })
    }

    fn column_text(
        &self,
        index: usize,
        get: impl FnOnce(*mut ffi::sqlite3_stmt, c_int) -> *const c_char,
    ) -> Option<Cow<'_, str>> {
        let text = get(self.raw(), c_int::try_from(index).ok()?);
        // SAFETY: SQLite returns null or a text that ends with a NUL and lives until the statement is
        // stepped, which takes a mutable reference.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy())
    }

    /// A value of the current row.
    pub(crate) fn column(&self, index: usize) -> Value<'_> {
        let raw = self.raw();
        let Ok(index) = c_int::try_from(index) else { return Value::Null };
        // SAFETY: the statement is alive. The bytes live until the next step, which takes a mutable
        // reference; the length is read after the pointer, as SQLite requires.
        unsafe {
            match ffi::sqlite3_column_type(raw, index) {
                ffi::SQLITE_INTEGER => Value::Integer(ffi::sqlite3_column_int64(raw, index)),
                ffi::SQLITE_FLOAT => Value::Real(ffi::sqlite3_column_double(raw, index)),
                ffi::SQLITE_TEXT => {
                    let text = ffi::sqlite3_column_text(raw, index);
                    Value::Text(bytes_of(text, ffi::sqlite3_column_bytes(raw, index)))
                }
                ffi::SQLITE_BLOB => {
                    let blob = ffi::sqlite3_column_blob(raw, index).cast::<u8>();
                    Value::Blob(bytes_of(blob, ffi::sqlite3_column_bytes(raw, index)))
                }
                _ => Value::Null,
            }
        }
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        // SAFETY: it is finalized once, here. The code repeats the last step's error, which was already
        // returned.
        unsafe { ffi::sqlite3_finalize(self.raw()) };
    }
}

/// `SQLITE_UTF8`, in the type that the call takes.
pub(super) const UTF8: u8 = 1;

/// # Safety
///
/// `text` is null or a C string that lives for `'a`.
unsafe fn text_of<'a>(text: *const c_char) -> Option<&'a str> {
    // SAFETY: guaranteed by the caller.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_str().ok()).flatten()
}

/// # Safety
///
/// `start` is null or has `length` bytes that live for `'a`.
pub(super) unsafe fn bytes_of<'a>(start: *const u8, length: c_int) -> &'a [u8] {
    match usize::try_from(length) {
        // SAFETY: guaranteed by the caller.
        Ok(length) if length > 0 && !start.is_null() => unsafe { slice::from_raw_parts(start, length) },
        _ => &[],
    }
}

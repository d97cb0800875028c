//! A connection: one SQLite database open in one session.

use std::ffi::{CStr, c_char, c_int, c_uint};
use std::ptr::{NonNull, null, null_mut};
use std::sync::Arc;

use libsqlite3_sys as ffi;

use super::context::{Context, Denied, Hooks};
use super::error::SqlError;
use super::handle::Handle;
use super::statement::Statement;

/// SQL of several statements, with a NUL at its end, so that SQLite can read it in place. Without the NUL it
/// would copy the rest of the text for each statement.
pub(crate) struct Script(String);

impl Script {
    pub(crate) fn new(sql: &str) -> Self {
        Self([sql, "\0"].concat())
    }

    /// The same, if the text can be consumed.
    pub(crate) fn from(mut sql: String) -> Self {
        sql.push('\0');
        Self(sql)
    }

    /// The original text.
    pub(crate) fn text(&self) -> &str {
        &self.0[..self.0.len() - 1]
    }
}

/// A connection.
pub(crate) struct Connection {
    /// Before `context`, which its callbacks use until it is closed.
    handle: Arc<Handle>,
    context: Arc<Context>,
}

impl Connection {
    /// Opens the file `name` of a VFS. Nothing is read before the first statement.
    pub(crate) fn open(
        (name, vfs): (&CStr, &CStr),
        hooks: Arc<dyn Hooks>,
        read_only: bool,
    ) -> Result<Self, SqlError> {
        let access = if read_only {
            ffi::SQLITE_OPEN_READONLY
        } else {
            ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_CREATE
        };
        let flags =
            access | ffi::SQLITE_OPEN_NOMUTEX | ffi::SQLITE_OPEN_PRIVATECACHE | ffi::SQLITE_OPEN_EXRESCODE;
        let mut db = null_mut();
        // SAFETY: all three are valid for the call; SQLite copies the name.
        let code = unsafe { ffi::sqlite3_open_v2(name.as_ptr(), &raw mut db, flags, vfs.as_ptr()) };
        let Some(handle) = NonNull::new(db).map(|db| Arc::new(Handle(db))) else {
            return Err(SqlError::new(ffi::SQLITE_NOMEM, "out of memory"));
        };
        if code != ffi::SQLITE_OK {
            // SAFETY: `db` is what the call above has opened, if only to carry the error.
            return Err(unsafe { SqlError::last(db, code) });
        }
        let context = Context::attach(&handle, hooks);
        Ok(Self { handle, context })
    }

    pub(super) fn db(&self) -> *mut ffi::sqlite3 {
        self.handle.as_ptr()
    }

    pub(super) fn handle(&self) -> &Arc<Handle> {
        &self.handle
    }

    /// Makes every commit a rollback, or no longer.
    pub(super) fn refuse_commits(&self, refuse: bool) {
        self.context.refuse_commits(refuse);
    }

    pub(super) fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Compiles the first statement of `sql`. The statement is `None` if there is only whitespace and
    /// comments. Also returns where the rest begins.
    pub(crate) fn prepare(&self, sql: &str, keep: bool) -> Result<(Option<Statement>, usize), SqlError> {
        self.compile(sql.as_bytes(), if keep { ffi::SQLITE_PREPARE_PERSISTENT } else { 0 })
    }

    /// Compiles the first statement at or after `start`. The statement is `None` if there is only whitespace
    /// and comments. Also returns how far after `start` the rest begins.
    pub(crate) fn prepare_next(
        &self,
        script: &Script,
        start: usize,
    ) -> Result<(Option<Statement>, usize), SqlError> {
        let bytes = script.0.as_bytes();
        self.compile(&bytes[start.min(bytes.len() - 1)..], 0)
    }

    fn compile(&self, sql: &[u8], flags: c_uint) -> Result<(Option<Statement>, usize), SqlError> {
        let too_long = || SqlError::new(ffi::SQLITE_TOOBIG, "string or blob too big");
        let length = c_int::try_from(sql.len()).map_err(|_| too_long())?;
        self.context.take_denied();
        self.sort_here();
        let mut statement = null_mut();
        let mut tail: *const c_char = null();
        let text = sql.as_ptr().cast::<c_char>();
        self.context.is_preparing(true);
        // SAFETY: `text` has `length` bytes, and SQLite reads no further; if the last byte is a NUL, it reads
        // up to that. It keeps a copy.
        let code = unsafe {
            ffi::sqlite3_prepare_v3(self.db(), text, length, flags, &raw mut statement, &raw mut tail)
        };
        self.context.is_preparing(false);
        // The planner compares samples of an index with what the statement looks for.
        let spoiled = self.context.unless_spoiled();
        if code != ffi::SQLITE_OK {
            return Err(self.error(code));
        }
        let rest = (tail as usize).saturating_sub(text as usize).min(sql.len());
        let keep_alive = (Arc::clone(&self.handle), Arc::clone(&self.context));
        let statement = NonNull::new(statement).map(|statement| Statement::new(statement, keep_alive));
        spoiled?;
        Ok((statement, rest))
    }

    /// Runs one statement that has no parameters, and ignores its rows.
    pub(crate) fn execute(&self, sql: &str) -> Result<(), SqlError> {
        let (statement, _) = self.prepare(sql, false)?;
        let Some(mut statement) = statement else { return Ok(()) };
        while statement.step()? == super::Step::Row {}
        Ok(())
    }

    /// Empties the page cache of the main database. Works only outside of a transaction, and has no effect
    /// while a lock is held.
    pub(crate) fn reset_cache(&self) -> Result<(), SqlError> {
        // SAFETY: the connection is open as long as `self` lives; this operation takes no argument.
        let code = unsafe {
            ffi::sqlite3_file_control(
                self.db(),
                c"main".as_ptr(),
                ffi::SQLITE_FCNTL_RESET_CACHE,
                std::ptr::null_mut(),
            )
        };
        if code == ffi::SQLITE_OK { Ok(()) } else { Err(self.error(code)) }
    }

    /// The bytes of the main database; `None` if a page cannot be read or memory is short.
    pub(crate) fn serialize(&self) -> Option<Vec<u8>> {
        let mut length = 0;
        // SAFETY: the connection is open, the name is a C string, and the length is written to.
        let bytes = unsafe { ffi::sqlite3_serialize(self.db(), c"main".as_ptr(), &raw mut length, 0) };
        let bytes = NonNull::new(bytes)?;
        let length = usize::try_from(length).ok()?;
        // SAFETY: SQLite returns memory of this length, which the caller must free.
        unsafe {
            let copied = std::slice::from_raw_parts(bytes.as_ptr(), length).to_vec();
            ffi::sqlite3_free(bytes.as_ptr().cast());
            Some(copied)
        }
    }

    /// The error of the last call.
    pub(crate) fn error(&self, code: c_int) -> SqlError {
        // SAFETY: the connection is open as long as `self` lives.
        unsafe { SqlError::last(self.db(), code) }
    }

    /// What the hooks refused while the last statement was compiled.
    pub(crate) fn take_denied(&self) -> Option<Denied> {
        self.context.take_denied()
    }

    /// Whether no transaction is open.
    pub(crate) fn is_autocommit(&self) -> bool {
        self.handle.is_autocommit()
    }

    /// Whether the transaction that is open may write to the main database.
    pub(crate) fn is_writing(&self) -> bool {
        // SAFETY: the connection is open, and the name is a C string.
        unsafe { ffi::sqlite3_txn_state(self.db(), c"main".as_ptr()) == ffi::SQLITE_TXN_WRITE }
    }

    /// The rows that the last INSERT, UPDATE or DELETE changed.
    pub(crate) fn changes(&self) -> i64 {
        // SAFETY: the connection is open.
        unsafe { ffi::sqlite3_changes64(self.db()) }
    }

    /// The rows changed since the connection was opened.
    pub(crate) fn total_changes(&self) -> i64 {
        // SAFETY: the connection is open.
        unsafe { ffi::sqlite3_total_changes64(self.db()) }
    }

    /// The rowid of the last INSERT.
    pub(crate) fn last_insert_rowid(&self) -> i64 {
        // SAFETY: the connection is open.
        unsafe { ffi::sqlite3_last_insert_rowid(self.db()) }
    }

    /// Releases the memory that a connection can do without.
    pub(crate) fn release_memory(&self) {
        // SAFETY: the connection is open.
        unsafe { ffi::sqlite3_db_release_memory(self.db()) };
    }

    /// The bytes of the page cache, the schema and the statements. Computing it looks at all of them.
    pub(crate) fn memory_bytes(&self) -> usize {
        let parts = [ffi::SQLITE_DBSTATUS_SCHEMA_USED, ffi::SQLITE_DBSTATUS_STMT_USED];
        parts.into_iter().map(|what| self.status(what)).sum::<usize>() + self.cache_bytes()
    }

    /// The bytes of the page cache, which is most of what can be released.
    pub(crate) fn cache_bytes(&self) -> usize {
        self.status(ffi::SQLITE_DBSTATUS_CACHE_USED)
    }

    fn status(&self, what: c_int) -> usize {
        let (mut current, mut highest) = (0, 0);
        // SAFETY: the connection is open, and both numbers are written to.
        unsafe { ffi::sqlite3_db_status(self.db(), what, &raw mut current, &raw mut highest, 0) };
        usize::try_from(current).unwrap_or(0)
    }
}

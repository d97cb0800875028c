//! A connection: one SQLite database open in one session.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr::{NonNull, null, null_mut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use libsqlite3_sys as ffi;

use super::error::SqlError;
use super::handle::Handle;
use super::statement::Statement;

/// Virtual machine instructions between two checks of [`Hooks::is_interrupted`]: some microseconds.
const INSTRUCTIONS_A_LOOK: c_int = 1_000;

/// What a connection asks and reports while it runs.
pub(crate) trait Hooks: Send + Sync + 'static {
    /// Whether the running statement should stop.
    fn is_interrupted(&self) -> bool;
    /// A transaction that has written is about to commit.
    fn before_commit(&self);
    /// Whether a database file of this name may be attached; `None` if the name is computed. `by_statement`
    /// says whether a statement wants it, or SQLite itself while it runs one.
    fn may_attach(&self, file: Option<&str>, by_statement: bool) -> bool;
    /// Whether a statement may run this pragma.
    fn may_ask(&self, asked: &Asked<'_>) -> bool;
}

/// A pragma that a statement runs, and the state of the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) name: &'a str,
    pub(crate) argument: Option<&'a str>,
    pub(crate) in_transaction: bool,
    /// Whether foreign keys are enforced.
    pub(crate) foreign_keys: bool,
}

/// What was refused when the last statement was compiled or run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Attaching a file.
    Attach(Option<String>),
    /// This pragma.
    Pragma(String),
    /// A user's function, which runs on another thread.
    Function(String),
}

/// The context of a connection's hooks. SQLite knows its address.
pub(super) struct Context {
    hooks: Arc<dyn Hooks>,
    /// Weak, since statements hold both the handle and this context.
    handle: Weak<Handle>,
    denied: Mutex<Option<Denied>>,
    /// Whether [`Connection::prepare`] is running.
    preparing: AtomicBool,
    /// Whether a changeset is being applied, of which nothing may be committed by itself.
    applying: AtomicBool,
}

impl Context {
    /// Notes why the running statement fails.
    pub(super) fn deny(&self, denied: Denied) {
        *self.denied.lock().unwrap_or_else(PoisonError::into_inner) = Some(denied);
    }

    fn may_ask(&self, name: &str, argument: Option<&str>) -> bool {
        let Some(handle) = self.handle.upgrade() else { return true };
        let asked = Asked {
            name,
            argument,
            in_transaction: !handle.is_autocommit(),
            foreign_keys: handle.has_foreign_keys(),
        };
        self.hooks.may_ask(&asked)
    }
}

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
        let context = Arc::new(Context {
            hooks,
            handle: Arc::downgrade(&handle),
            denied: Mutex::new(None),
            preparing: AtomicBool::new(false),
            applying: AtomicBool::new(false),
        });
        let pointer = Arc::as_ptr(&context).cast::<c_void>().cast_mut();
        // SAFETY: the context is in an Arc that every holder of the handle also holds (see `Statement`), so
        // the pointer is valid for as long as the connection can call back.
        unsafe {
            ffi::sqlite3_progress_handler(db, INSTRUCTIONS_A_LOOK, Some(on_progress), pointer);
            ffi::sqlite3_commit_hook(db, Some(on_commit), pointer);
            ffi::sqlite3_set_authorizer(db, Some(on_authorize), pointer);
        }
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
        self.context.applying.store(refuse, Ordering::Relaxed);
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
        self.denied().take();
        let mut statement = null_mut();
        let mut tail: *const c_char = null();
        let text = sql.as_ptr().cast::<c_char>();
        self.context.preparing.store(true, Ordering::Relaxed);
        // SAFETY: `text` has `length` bytes, and SQLite reads no further; if the last byte is a NUL, it reads
        // up to that. It keeps a copy.
        let code = unsafe {
            ffi::sqlite3_prepare_v3(self.db(), text, length, flags, &raw mut statement, &raw mut tail)
        };
        self.context.preparing.store(false, Ordering::Relaxed);
        if code != ffi::SQLITE_OK {
            return Err(self.error(code));
        }
        let rest = (tail as usize).saturating_sub(text as usize).min(sql.len());
        let keep_alive = (Arc::clone(&self.handle), Arc::clone(&self.context) as Arc<dyn Send + Sync>);
        let statement = NonNull::new(statement).map(|statement| Statement::new(statement, keep_alive));
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
        self.denied().take()
    }

    fn denied(&self) -> std::sync::MutexGuard<'_, Option<Denied>> {
        self.context.denied.lock().unwrap_or_else(PoisonError::into_inner)
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

/// # Safety
///
/// `context` is the pointer that [`Connection::open`] passed to SQLite.
unsafe fn context<'a>(context: *mut c_void) -> &'a Context {
    // SAFETY: it points into an Arc that lives as long as the connection.
    unsafe { &*context.cast::<Context>() }
}

unsafe extern "C" fn on_progress(pointer: *mut c_void) -> c_int {
    // SAFETY: SQLite passes back the pointer that it was given.
    c_int::from(unsafe { context(pointer) }.hooks.is_interrupted())
}

unsafe extern "C" fn on_commit(pointer: *mut c_void) -> c_int {
    // SAFETY: SQLite passes back the pointer that it was given.
    let context = unsafe { context(pointer) };
    if context.applying.load(Ordering::Relaxed) {
        return 1;
    }
    context.hooks.before_commit();
    0
}

unsafe extern "C" fn on_authorize(
    pointer: *mut c_void,
    action: c_int,
    first: *const c_char,
    second: *const c_char,
    _: *const c_char,
    _: *const c_char,
) -> c_int {
    if action != ffi::SQLITE_ATTACH && action != ffi::SQLITE_PRAGMA {
        return ffi::SQLITE_OK;
    }
    // SAFETY: SQLite passes back the pointer that it was given.
    let context = unsafe { context(pointer) };
    let text = |text: *const c_char| {
        // SAFETY: the arguments of an authorizer are null or C strings that live for the call.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
    };
    let first = text(first);
    let by_statement = context.preparing.load(Ordering::Relaxed);
    let denied = match (action, first) {
        (ffi::SQLITE_PRAGMA, Some(name)) if !context.may_ask(&name, text(second).as_deref()) => {
            Denied::Pragma(name)
        }
        (ffi::SQLITE_ATTACH, file) if !context.hooks.may_attach(file.as_deref(), by_statement) => {
            Denied::Attach(file)
        }
        _ => return ffi::SQLITE_OK,
    };
    context.deny(denied);
    ffi::SQLITE_DENY
}

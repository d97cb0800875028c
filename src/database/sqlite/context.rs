//! What a connection asks and reports while it runs: the callbacks that SQLite makes, and what they note.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use libsqlite3_sys as ffi;

use super::error::SqlError;
use super::handle::Handle;

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
    /// The same of a collation.
    Collation(String),
}

/// The context of a connection's hooks. SQLite knows its address.
pub(super) struct Context {
    hooks: Arc<dyn Hooks>,
    /// Weak, since statements hold both the handle and this context.
    handle: Weak<Handle>,
    denied: Mutex<Option<Denied>>,
    /// Whether a statement is being compiled.
    preparing: AtomicBool,
    /// Whether a changeset is being applied, of which nothing may be committed by itself.
    applying: AtomicBool,
    /// Whether a comparison had no answer, so that the running statement must fail.
    spoiled: AtomicBool,
    /// Whether a collation was ever defined.
    collated: AtomicBool,
}

impl Context {
    /// Has SQLite call back from now on.
    pub(super) fn attach(handle: &Arc<Handle>, hooks: Arc<dyn Hooks>) -> Arc<Self> {
        let context = Arc::new(Self {
            hooks,
            handle: Arc::downgrade(handle),
            denied: Mutex::new(None),
            preparing: AtomicBool::new(false),
            applying: AtomicBool::new(false),
            spoiled: AtomicBool::new(false),
            collated: AtomicBool::new(false),
        });
        let (db, pointer) = (handle.as_ptr(), context.pointer());
        // SAFETY: the context is in an Arc that every holder of the handle also holds (see `Statement`), so
        // the pointer is valid for as long as the connection can call back.
        unsafe {
            ffi::sqlite3_progress_handler(db, INSTRUCTIONS_A_LOOK, Some(on_progress), pointer);
            ffi::sqlite3_commit_hook(db, Some(on_commit), pointer);
            ffi::sqlite3_set_authorizer(db, Some(on_authorize), pointer);
        }
        context
    }

    /// What SQLite calls back with.
    fn pointer(&self) -> *mut c_void {
        std::ptr::from_ref(self).cast::<c_void>().cast_mut()
    }

    /// Says whether a statement is being compiled.
    pub(super) fn is_preparing(&self, preparing: bool) {
        self.preparing.store(preparing, Ordering::Relaxed);
    }

    /// Says whether a changeset is being applied.
    pub(super) fn refuse_commits(&self, refuse: bool) {
        self.applying.store(refuse, Ordering::Relaxed);
    }

    pub(super) fn take_denied(&self) -> Option<Denied> {
        self.denied().take()
    }

    fn denied(&self) -> MutexGuard<'_, Option<Denied>> {
        self.denied.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes why the running statement fails.
    pub(super) fn deny(&self, denied: Denied) {
        *self.denied() = Some(denied);
    }

    /// A collation is defined.
    pub(super) fn collated(&self) {
        self.collated.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_collations(&self) -> bool {
        self.collated.load(Ordering::Relaxed)
    }

    /// The running statement must fail.
    pub(super) fn spoil(&self) {
        self.spoiled.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_spoiled(&self) -> bool {
        self.spoiled.load(Ordering::Relaxed)
    }

    /// Fails for a statement that must, which is over then.
    pub(super) fn unless_spoiled(&self) -> Result<(), SqlError> {
        if !self.spoiled.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        self.look_every(INSTRUCTIONS_A_LOOK);
        Err(SqlError::new(ffi::SQLITE_ERROR, "a collation of the statement has not run to its end"))
    }

    /// Asks whether to stop as often as can be: a VACUUM runs several statements and commits without the hook, and each
    /// of them may be short.
    pub(super) fn look_always(&self) {
        self.look_every(1);
    }

    fn look_every(&self, instructions: c_int) {
        let Some(handle) = self.handle.upgrade() else { return };
        let (db, pointer) = (handle.as_ptr(), self.pointer());
        // SAFETY: as in `attach`.
        unsafe { ffi::sqlite3_progress_handler(db, instructions, Some(on_progress), pointer) };
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

/// # Safety
///
/// `context` is the pointer that [`Context::attach`] passed to SQLite.
unsafe fn context<'a>(context: *mut c_void) -> &'a Context {
    // SAFETY: it points into an Arc that lives as long as the connection.
    unsafe { &*context.cast::<Context>() }
}

unsafe extern "C" fn on_progress(pointer: *mut c_void) -> c_int {
    // SAFETY: SQLite passes back the pointer that it was given.
    let context = unsafe { context(pointer) };
    c_int::from(context.is_spoiled() || context.hooks.is_interrupted())
}

unsafe extern "C" fn on_commit(pointer: *mut c_void) -> c_int {
    // SAFETY: SQLite passes back the pointer that it was given.
    let context = unsafe { context(pointer) };
    if context.is_spoiled() || context.applying.load(Ordering::Relaxed) {
        // SQLite rolls back instead.
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

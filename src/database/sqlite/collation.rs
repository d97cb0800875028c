//! Collations that a user defines (<https://sqlite.org/c3ref/create_collation.html>).
//!
//! SQLite gives a comparison no way to fail, so one that has no answer spoils the statement: [`Statement::step`] fails
//! instead of returning what follows from it, and nothing that has been written since is committed.
//!
//! [`Statement::step`]: super::Statement::step

use std::cmp::Ordering;
use std::ffi::{c_char, c_int, c_void};
use std::fmt;
use std::ptr::null_mut;
use std::sync::{Arc, Weak};

use libsqlite3_sys as ffi;

use super::connection::Connection;
use super::context::{Context, Denied};
use super::error::SqlError;
use super::function::NotRun;
use super::handle::c_string;
use super::statement::bytes_of;

/// How a collation orders texts.
pub trait Order: Send + Sync + 'static {
    /// Compares two texts, which are not always UTF-8.
    fn compare(&self, left: &[u8], right: &[u8]) -> Result<Ordering, NotRun>;

    /// Whether it can run on this thread.
    fn is_here(&self) -> bool;
}

/// A collation.
#[derive(Clone)]
pub struct Collation {
    /// Its name in SQL. SQLite does not distinguish upper and lower case of ASCII.
    pub name: String,
    /// Its order.
    pub order: Arc<dyn Order>,
}

impl fmt::Debug for Collation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Collation").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What SQLite holds of a collation.
struct Defined {
    collation: Collation,
    /// Weak: the connection holds this.
    context: Weak<Context>,
}

impl Connection {
    /// Defines a collation, in place of one with the same name.
    pub(crate) fn collate(&self, collation: Collation) -> Result<(), SqlError> {
        let name = c_string(&collation.name);
        let defined = Defined { collation, context: Arc::downgrade(self.context()) };
        let defined = Box::into_raw(Box::new(defined)).cast::<c_void>();
        // SAFETY: the connection is open and the name a C string. SQLite passes `defined` to the callbacks, and to
        // `on_destroy` in the end, unless this call fails.
        let code = unsafe {
            ffi::sqlite3_create_collation_v2(
                self.db(),
                name.as_ptr(),
                ffi::SQLITE_UTF8,
                defined,
                Some(on_compare),
                Some(on_destroy),
            )
        };
        if code == ffi::SQLITE_OK {
            self.context().collated();
            return Ok(());
        }
        let error = self.error(code);
        // SAFETY: it came from a box, and SQLite has not taken it.
        unsafe { on_destroy(defined) };
        Err(error)
    }

    /// Removes a collation. Statements that were compiled with it are compiled again before they run. Fails with
    /// `SQLITE_BUSY` while a statement runs.
    pub(crate) fn drop_collation(&self, name: &str) -> Result<(), SqlError> {
        let name = c_string(name);
        // SAFETY: the connection is open, and the name a C string.
        let code = unsafe {
            ffi::sqlite3_create_collation_v2(
                self.db(),
                name.as_ptr(),
                ffi::SQLITE_UTF8,
                null_mut(),
                None,
                None,
            )
        };
        if code == ffi::SQLITE_OK { Ok(()) } else { Err(self.error(code)) }
    }

    /// Has every collation that is missing order by bytes, for statements that need one and compare nothing.
    pub(crate) fn stand_in_for_collations(&self) {
        // SAFETY: the connection is open; the callback needs no argument.
        unsafe { ffi::sqlite3_collation_needed(self.db(), null_mut(), Some(on_needed)) };
    }

    /// Keeps SQLite from sorting on threads of its own if a collation has been defined, whatever `PRAGMA threads` says.
    pub(crate) fn sort_here(&self) {
        if self.context().has_collations() {
            // SAFETY: the connection is open.
            unsafe { ffi::sqlite3_limit(self.db(), ffi::SQLITE_LIMIT_WORKER_THREADS, 0) };
        }
    }
}

unsafe extern "C" fn on_compare(
    defined: *mut c_void,
    left_bytes: c_int,
    left: *const c_void,
    right_bytes: c_int,
    right: *const c_void,
) -> c_int {
    // SAFETY: SQLite passes back what it has been given, and texts that live for the call.
    let (Defined { collation, context }, left, right) = unsafe {
        (&*defined.cast::<Defined>(), bytes_of(left.cast(), left_bytes), bytes_of(right.cast(), right_bytes))
    };
    let Some(context) = context.upgrade() else { return 0 };
    if context.is_spoiled() {
        return 0;
    }
    match collation.order.compare(left, right) {
        Ok(order) => order as c_int,
        Err(why) => {
            match why {
                NotRun::Elsewhere => context.deny(Denied::Collation(collation.name.clone())),
                // It was run, so this is the thread of the connection.
                NotRun::Thrown => context.look_always(),
            }
            context.spoil();
            0
        }
    }
}

unsafe extern "C" fn on_needed(_: *mut c_void, db: *mut ffi::sqlite3, encoding: c_int, name: *const c_char) {
    // SAFETY: SQLite passes the connection, and the name as a C string. The comparison needs no argument. If this
    // fails, the collation goes on missing.
    unsafe { ffi::sqlite3_create_collation_v2(db, name, encoding, null_mut(), Some(on_compare_bytes), None) };
}

unsafe extern "C" fn on_compare_bytes(
    _: *mut c_void,
    left_bytes: c_int,
    left: *const c_void,
    right_bytes: c_int,
    right: *const c_void,
) -> c_int {
    // SAFETY: the texts live for the call.
    unsafe { bytes_of(left.cast(), left_bytes).cmp(bytes_of(right.cast(), right_bytes)) as c_int }
}

unsafe extern "C" fn on_destroy(defined: *mut c_void) {
    // SAFETY: it came from a box, and is destroyed once.
    drop(unsafe { Box::from_raw(defined.cast::<Defined>()) });
}

//! The handle of an open database, which its statements share.

use std::ffi::{CString, c_int};
use std::ptr::NonNull;

use libsqlite3_sys as ffi;

/// An open database handle. Statements share it, so that it is closed after the last of them.
pub(super) struct Handle(pub(super) NonNull<ffi::sqlite3>);

// SAFETY: a connection opened with SQLITE_OPEN_NOMUTEX may move between threads as long as one thread at a
// time uses it (https://sqlite.org/threadsafe.html, "multi-thread"). `Connection` and `Statement` are not
// `Sync`, and a session owns both.
unsafe impl Send for Handle {}
// SAFETY: as above: a connection and its statements share the handle. They all belong to one session, and one
// thread at a time uses a session.
unsafe impl Sync for Handle {}

impl Handle {
    pub(super) fn as_ptr(&self) -> *mut ffi::sqlite3 {
        self.0.as_ptr()
    }

    pub(super) fn is_autocommit(&self) -> bool {
        // SAFETY: the connection is open.
        unsafe { ffi::sqlite3_get_autocommit(self.as_ptr()) != 0 }
    }

    pub(super) fn has_foreign_keys(&self) -> bool {
        let mut is_on: c_int = 0;
        // SAFETY: the connection is open; this option takes a number, which says to change nothing, and a
        // place for the answer.
        unsafe {
            ffi::sqlite3_db_config(
                self.as_ptr(),
                ffi::SQLITE_DBCONFIG_ENABLE_FKEY,
                -1 as c_int,
                &raw mut is_on,
            );
        }
        is_on != 0
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the pointer came from sqlite3_open_v2 and is closed once, here, with no statement left:
        // each statement holds the handle until it is finalized. Open transactions are rolled back; an error
        // in that has no receiver and changes nothing in the store.
        unsafe { ffi::sqlite3_close(self.as_ptr()) };
    }
}

/// Text for C. It ends at the first NUL, as it does for SQLite itself.
pub(super) fn c_string(text: &str) -> CString {
    let end = text.find('\0').unwrap_or(text.len());
    CString::new(&text[..end]).unwrap_or_default()
}

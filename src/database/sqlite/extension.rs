//! Extensions of SQLite (<https://sqlite.org/loadext.html>): sqlite-vec, which is compiled in, and others as libraries.
//! SQL cannot load one.

use std::ffi::{CStr, c_char, c_int};
use std::ptr::{null, null_mut};

use libsqlite3_sys as ffi;

use super::connection::Connection;
use super::error::SqlError;
use super::handle::c_string;

/// An extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extension {
    /// Vectors: <https://github.com/asg017/sqlite-vec>.
    Vec,
    /// A library.
    Library {
        /// Its file.
        path: String,
        /// Its entry point, if it is not the one that SQLite derives from the name of the file.
        entry_point: Option<String>,
    },
}

/// What an extension is initialized by.
type EntryPoint =
    unsafe extern "C" fn(*mut ffi::sqlite3, *mut *mut c_char, *const ffi::sqlite3_api_routines) -> c_int;

impl Connection {
    /// Adds an extension to this connection.
    pub(crate) fn extend(&self, extension: &Extension) -> Result<(), SqlError> {
        match extension {
            Extension::Vec => {
                // SAFETY: this is the type of every entry point; the package declares it without arguments.
                let init = unsafe {
                    std::mem::transmute::<unsafe extern "C" fn(), EntryPoint>(sqlite_vec::sqlite3_vec_init)
                };
                let mut message = null_mut();
                // SAFETY: the connection is open. What is compiled in needs no table of SQLite's functions.
                let code = unsafe { init(self.db(), &raw mut message, null()) };
                self.extended(code, message)
            }
            Extension::Library { path, entry_point } => {
                let (path, entry_point) = (c_string(path), entry_point.as_deref().map(c_string));
                let entry_point = entry_point.as_ref().map_or(null(), |name| name.as_ptr());
                let mut message = null_mut();
                self.allow_libraries(true);
                // SAFETY: the connection is open, and the names are C strings. What the library does is up to whoever
                // has named it.
                let code = unsafe {
                    ffi::sqlite3_load_extension(self.db(), path.as_ptr(), entry_point, &raw mut message)
                };
                self.allow_libraries(false);
                self.extended(code, message)
            }
        }
    }

    fn allow_libraries(&self, allow: bool) {
        // SAFETY: the connection is open; this option takes a number and a place for the answer, or null. It is about
        // the call from here only: SQL's `load_extension` stays off.
        unsafe {
            ffi::sqlite3_db_config(
                self.db(),
                ffi::SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION,
                c_int::from(allow),
                null_mut::<c_int>(),
            );
        }
    }

    fn extended(&self, code: c_int, message: *mut c_char) -> Result<(), SqlError> {
        if code == ffi::SQLITE_OK {
            return Ok(());
        }
        if message.is_null() {
            return Err(self.error(code));
        }
        // SAFETY: an entry point returns text that the caller must free.
        let text = unsafe {
            let text = CStr::from_ptr(message).to_string_lossy().into_owned();
            ffi::sqlite3_free(message.cast());
            text
        };
        Err(SqlError::new(code, text))
    }
}

//! LMDB's C interface: only what this backend needs, in types that cannot be misused.
//!
//! - `identity`: the number by which LMDB knows this process
//! - `env`: an open environment, its map and its reader table
//! - `txn`: read transactions, which are reused, and write transactions
//! - `flush`: what a commit does in place of LMDB's flush
//! - `table`: named databases, and the rows and ranges in them
//! - `free`: the list of free pages
//! - `write_back`: has the disk write in parts what was changed
//! - `forget`: releases memory that the operating system keeps for free pages
//!
//! The library is `lmdb-master-sys`, which compiles LMDB's own source. [docs/dependencies.md] says why there
//! is no ready-made wrapper in between: read transactions must keep their slots in the reader table, the map
//! must grow while the process runs, and the readers must be known.
//!
//! [docs/dependencies.md]: ../../../../docs/dependencies.md

mod env;
mod flush;
mod forget;
mod free;
mod identity;
mod idle;
mod table;
mod txn;
mod write_back;

pub(super) use env::{Env, EnvOptions, Info, Reader};
pub(super) use forget::forget;
pub(super) use free::{FreeList, Freed};
pub(super) use identity::{own_identity, renew_identity};
pub(super) use table::{Range, Table};
pub(super) use txn::{ReadTxn, Txn, WriteTxn};

use std::ffi::{CStr, c_int};
use std::{fmt, io};

use lmdb_master_sys as ffi;

/// An error of LMDB.
#[derive(Debug)]
pub(crate) enum LmdbError {
    /// The operating system's error.
    Io(io::Error),
    /// LMDB's own.
    Lmdb(Code),
}

/// The LMDB errors that have a meaning of their own here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// The file has reached the end of the map.
    MapFull,
    /// The transaction changes more pages than its list can hold.
    TxnFull,
    /// A key or value that LMDB does not accept.
    BadValSize,
    /// The file is damaged or unexpected.
    Damaged(c_int),
    /// The file or the lock file is not LMDB's.
    Invalid,
    /// The file or the lock file belongs to another version or build.
    VersionMismatch,
    /// A named database has other flags than requested.
    Incompatible,
    /// An earlier write failed half way, and the environment refuses everything.
    Panic,
    /// All slots in the reader table are taken.
    ReadersFull,
    /// Another process has grown the file beyond the map.
    MapResized,
    /// Anything else; none of them can come from the calls made here.
    Other(c_int),
}

impl Code {
    fn of(code: c_int) -> Self {
        match code {
            ffi::MDB_MAP_FULL => Self::MapFull,
            ffi::MDB_TXN_FULL => Self::TxnFull,
            ffi::MDB_BAD_VALSIZE => Self::BadValSize,
            ffi::MDB_CORRUPTED | ffi::MDB_PAGE_NOTFOUND => Self::Damaged(code),
            ffi::MDB_INVALID => Self::Invalid,
            ffi::MDB_VERSION_MISMATCH => Self::VersionMismatch,
            ffi::MDB_INCOMPATIBLE => Self::Incompatible,
            ffi::MDB_PANIC => Self::Panic,
            ffi::MDB_READERS_FULL => Self::ReadersFull,
            ffi::MDB_MAP_RESIZED => Self::MapResized,
            other => Self::Other(other),
        }
    }

    fn number(self) -> c_int {
        match self {
            Self::MapFull => ffi::MDB_MAP_FULL,
            Self::TxnFull => ffi::MDB_TXN_FULL,
            Self::BadValSize => ffi::MDB_BAD_VALSIZE,
            Self::Invalid => ffi::MDB_INVALID,
            Self::VersionMismatch => ffi::MDB_VERSION_MISMATCH,
            Self::Incompatible => ffi::MDB_INCOMPATIBLE,
            Self::Panic => ffi::MDB_PANIC,
            Self::ReadersFull => ffi::MDB_READERS_FULL,
            Self::MapResized => ffi::MDB_MAP_RESIZED,
            Self::Damaged(code) | Self::Other(code) => code,
        }
    }
}

impl fmt::Display for LmdbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Lmdb(code) => {
                // SAFETY: for LMDB's own numbers this is a static text, which ends with a zero.
                let text = unsafe { CStr::from_ptr(ffi::mdb_strerror(code.number())) };
                f.write_str(&text.to_string_lossy())
            }
        }
    }
}

impl From<io::Error> for LmdbError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

pub(crate) type Result<T> = std::result::Result<T, LmdbError>;

/// Checks a result code. Positive numbers are the operating system's, negative ones LMDB's.
fn check(code: c_int) -> Result<()> {
    match code {
        ffi::MDB_SUCCESS => Ok(()),
        1.. => Err(LmdbError::Io(io::Error::from_raw_os_error(code))),
        _ => Err(LmdbError::Lmdb(Code::of(code))),
    }
}

/// Checks a result code for which "not found" is an answer.
fn found(code: c_int) -> Result<bool> {
    if code == ffi::MDB_NOTFOUND { Ok(false) } else { check(code).map(|()| true) }
}

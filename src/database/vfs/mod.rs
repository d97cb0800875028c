//! The VFS (<https://sqlite.org/vfs.html>) behind every database: the main file is an actor's pages, all
//! other files are scratch of this process.
//!
//! One VFS, `baton`, serves all databases of the process. A connection opens its main file by a name that
//! [`directory::announce`] made for it a moment before; any other name, such as that of an ATTACH, is not
//! found. Journals and temporary files are in memory, and in an anonymous temporary file when they grow.
//!
//! The rollback journal needs no durability: the store commits pages as one transaction, so there is never
//! anything to repair after a crash. SQLite uses it to undo, and we to tell an undo from a commit.

mod directory;
mod file;
mod header;
mod main_file;
mod methods;
mod pragma;
mod scratch;
mod signals;
mod spool;
mod system;
#[cfg(feature = "testing")]
pub mod testing;

pub(crate) use directory::{Announced, announce};
pub(crate) use main_file::MainFile;
pub(crate) use pragma::{is_of_the_process, would_be_passed_over};
pub(crate) use signals::Signals;

use std::ffi::CStr;

use crate::database::sqlite::SqlError;

/// The name of the VFS.
pub(crate) const NAME: &CStr = c"baton";

/// Makes the VFS known to SQLite, once a process.
pub(crate) fn register() -> Result<(), SqlError> {
    system::register()
}

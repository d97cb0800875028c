//! The VFS (<https://sqlite.org/vfs.html>) of every database: the main file is an actor's pages, and all
//! other files are scratch of this process.
//!
//! One VFS, `baton`, serves all databases of the process. A connection opens its main file by a name that
//! [`directory::announce`] has just created for it. Any other name, such as that of an ATTACH, is not found.
//! Journals and temporary files are in memory, and move to an anonymous temporary file when they grow.
//!
//! The rollback journal needs no durability: the store commits pages as one transaction, so nothing ever
//! needs repair after a crash. SQLite uses the journal to roll back, and we use it to tell a rollback from a
//! commit.

mod directory;
mod file;
mod header;
mod main_file;
mod methods;
mod open_main;
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

/// Registers the VFS with SQLite, once per process.
pub(crate) fn register() -> Result<(), SqlError> {
    system::register()
}

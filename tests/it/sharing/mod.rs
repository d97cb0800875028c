//! One directory, used as people use it: from containers, beside copies of its files, with processes that stop, disks that
//! are full and files that are gone.
//!
//! The other processes are children that this binary starts ([`remote`], [`storm`]), where it takes namespaces of their
//! own ([`process`]). A test that the system does not allow is skipped and says so.
//!
//! - `copies`: an application reads the files of its store
//! - `containers`: processes that share numbers
//! - `names`: one directory under two names
//! - `replaced`: files that are removed or replaced
//! - `stopped`: processes that stand still
//! - `controls`: that the tests find what the fixes are for
//! - `cut`, `full`: files that are too short, disks that are full
//! - `read_only`, `rights`: where nothing can be written, and whose the files are
//! - `growth`: files that outgrow their map
//! - `others`: what is not this release's

mod containers;
mod controls;
mod copies;
mod cut;
mod full;
mod growth;
mod lineage;
mod names;
mod others;
mod process;
mod read_only;
mod remote;
mod replaced;
mod rights;
mod rows;
mod stopped;
mod storm;

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

/// Lets a moment pass in which something wrong could happen; nothing that is right waits for it.
#[expect(clippy::disallowed_methods, reason = "other processes have to get on meanwhile")]
fn a_while(duration: Duration) {
    std::thread::sleep(duration);
}

/// A directory for a store, and what removes it.
fn place() -> (TempDir, PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("store");
    (scratch, path)
}

/// Whether this is Linux; says so if not.
fn is_linux(test: &str) -> bool {
    if !cfg!(target_os = "linux") {
        println!("skipped: {test}: there are no locks of open files elsewhere");
    }
    cfg!(target_os = "linux")
}

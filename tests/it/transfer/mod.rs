//! Whole databases in and out: files, copies, imports of v1 data.

mod copies;
mod files;
mod migration;
#[cfg(unix)]
mod private_files;

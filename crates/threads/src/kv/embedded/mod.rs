//! The embedded backend's queue, thread and registry, as they are, over a disk that a test watches.

#[path = "../../../../../src/kv/embedded/committer.rs"]
mod committer;
pub(crate) mod environment;
#[path = "../../../../../src/kv/embedded/handle.rs"]
pub(crate) mod handle;
#[path = "../../../../../src/kv/embedded/registry.rs"]
pub(crate) mod registry;
pub mod scenarios;
mod values;
mod view;

use std::fmt;

/// The options that all handles on a directory must agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings(pub(crate) u8);

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "settings {}", self.0)
    }
}

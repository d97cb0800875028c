//! The embedded backend's queue, leaders and registry, as they are, over a disk that a test watches.

#[path = "../../../../../src/kv/embedded/committer.rs"]
mod committer;
pub(crate) mod environment;
#[path = "../../../../../src/kv/embedded/handle.rs"]
pub(crate) mod handle;
#[path = "../../../../../src/kv/embedded/queue.rs"]
mod queue;
#[path = "../../../../../src/kv/embedded/registry.rs"]
pub(crate) mod registry;
pub mod scenarios;
mod values;
mod view;
pub(crate) mod whole;

/// What opening says of a directory that it cannot use.
mod opening {
    use std::path::Path;

    use super::errors::unavailable;
    use crate::kv::{Identity, KvError};

    pub(super) fn identity(directory: &Path, _: super::options::Settings) -> Result<Identity, KvError> {
        Identity::of_place(directory).map_err(|error| unavailable(directory, &error))
    }
}

/// What a directory that cannot be used is called.
mod errors {
    use std::path::Path;

    use crate::kv::KvError;

    pub(super) fn unavailable(path: &Path, error: &std::io::Error) -> KvError {
        KvError::Unavailable { detail: format!("cannot open {}: {error}", path.display()) }
    }
}

/// The options that all handles on a directory must agree on.
pub(crate) mod options {
    use std::fmt;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Settings(pub(crate) u8);

    impl Settings {
        pub(crate) fn serves(self, asked: Self) -> bool {
            self == asked
        }
    }

    impl fmt::Display for Settings {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "settings {}", self.0)
        }
    }
}

//! placeholder

use std::path::PathBuf;

use super::KvError;

/// What an acknowledged commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// kill -9 and power loss.
    Strict,
    /// kill -9.
    Relaxed,
}

/// How to open a directory.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// The directory; made if it is not there (one level of missing parents is enough: `create_dir_all`).
    pub path: PathBuf,
    /// What an acknowledged commit survives.
    pub durability: Durability,
    /// The largest size of the store's file, in bytes. `None`: 1 TiB.
    pub size_bytes_max: Option<u64>,
}

/// An opened directory.
pub struct EmbeddedKv;

impl EmbeddedKv {
    /// Opens or creates.
    pub fn open(options: &EmbeddedOptions) -> Result<Self, KvError> {
        let _ = options;
        unimplemented!()
    }
}

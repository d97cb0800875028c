//! Stores on each backend that is in this process.

use std::sync::Arc;

use batondb::engine::Engine;
use batondb::env::SystemEnv;
use batondb::kv::Kv;
use batondb::kv::embedded::{Durability, EmbeddedKv, EmbeddedOptions};
use batondb::kv::memory::MemoryKv;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Where a store lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Memory,
    /// LMDB without flushes: what an operation costs in processor time.
    Relaxed,
    /// LMDB with flushes: what a user waits for.
    Strict,
}

impl Backend {
    pub const ALL: [Self; 3] = [Self::Memory, Self::Relaxed, Self::Strict];

    /// How benches call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Relaxed => "embedded-relaxed",
            Self::Strict => "embedded-strict",
        }
    }
}

/// An opened store, and the directory that goes with it.
pub struct Store {
    pub engine: Arc<Engine>,
    _directory: Option<TempDir>,
}

impl Store {
    /// An empty store.
    pub fn open(backend: Backend, runtime: &Runtime) -> Self {
        let (kv, directory): (Arc<dyn Kv>, _) = match backend {
            Backend::Memory => (Arc::new(MemoryKv::new()), None),
            Backend::Relaxed => embedded(Durability::Relaxed),
            Backend::Strict => embedded(Durability::Strict),
        };
        let engine = runtime.block_on(Engine::open(kv, Arc::new(SystemEnv))).expect("a new store opens");
        Self { engine: Arc::new(engine), _directory: directory }
    }
}

fn embedded(durability: Durability) -> (Arc<dyn Kv>, Option<TempDir>) {
    let directory = tempfile::tempdir().expect("there is a temporary directory");
    let path = directory.path().to_owned();
    let options = EmbeddedOptions { path, durability, size_bytes_max: None, read_only: false, mode: None };
    (Arc::new(EmbeddedKv::open(&options).expect("an empty directory opens")), Some(directory))
}

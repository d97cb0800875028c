//! Where a store lives, so that one test runs on every backend.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use batondb::engine::Engine;
use batondb::env::SystemEnv;
use batondb::kv::embedded::{Durability, EmbeddedKv, EmbeddedOptions};
use batondb::kv::memory::MemoryKv;
use batondb::kv::{Kv, Limits};
use tempfile::TempDir;

use super::cluster;
use super::prefix::Prefix;

/// A place that several handles can be opened on, as several processes would.
pub enum Place {
    Memory(MemoryKv),
    Embedded(TempDir, Durability),
    /// A directory that somebody else removes.
    At(PathBuf),
    /// Below a prefix of a cluster.
    FoundationDb(Prefix),
}

impl Place {
    pub fn memory() -> Self {
        Self::Memory(MemoryKv::new())
    }

    /// A store in memory that takes next to nothing at once, so that nearly every read goes on in slices and
    /// nearly every commit is staged.
    pub fn cut() -> Self {
        let limits = Limits {
            transaction_bytes: 40_000,
            round_trip_bytes: Some(3 * 4096),
            read_bytes: Some(7 * 4096),
            ..Limits::default()
        };
        Self::Memory(MemoryKv::new().with_limits(limits))
    }

    pub fn embedded() -> Self {
        Self::Embedded(tempfile::tempdir().unwrap(), Durability::Relaxed)
    }

    /// A directory that other processes use too.
    pub fn embedded_for_processes() -> Self {
        Self::Embedded(tempfile::tempdir().unwrap(), Durability::Strict)
    }

    /// On the cluster that the tests share. Where there is none, the test `test` is skipped and says so.
    pub fn foundationdb(test: &str) -> Option<Self> {
        Some(Self::FoundationDb(Prefix::fresh(cluster::shared(test)?)))
    }

    /// An empty place on a cluster.
    pub fn on(cluster_file: &Path) -> Self {
        Self::FoundationDb(Prefix::fresh(cluster_file))
    }

    /// An empty place of the same kind.
    pub fn afresh(&self) -> Self {
        match self {
            Self::Memory(kv) => Self::Memory(MemoryKv::new().with_limits(kv.limits())),
            Self::Embedded(..) | Self::At(_) => Self::embedded(),
            Self::FoundationDb(prefix) => Self::on(prefix.cluster_file()),
        }
    }

    /// What tells another process where this place is.
    pub fn address(&self) -> String {
        match self {
            Self::Memory(_) => panic!("other processes cannot reach a store in memory"),
            Self::Embedded(directory, _) => directory.path().to_str().unwrap().to_owned(),
            Self::At(path) => path.to_str().unwrap().to_owned(),
            Self::FoundationDb(prefix) => prefix.address(),
        }
    }

    /// The place at an address, which somebody else removes.
    pub fn at(address: &str) -> Self {
        match Prefix::at(address) {
            Some(prefix) => Self::FoundationDb(prefix),
            None => Self::At(address.into()),
        }
    }

    /// How often to repeat something: less on a cluster, where each commit waits for a disk and a network.
    pub fn rounds<T>(&self, rounds: T, on_a_cluster: T) -> T {
        match self {
            Self::FoundationDb(_) => on_a_cluster,
            Self::Memory(_) | Self::Embedded(..) | Self::At(_) => rounds,
        }
    }

    /// A new handle.
    pub fn kv(&self) -> Arc<dyn Kv> {
        match self {
            Self::Memory(kv) => Arc::new(kv.share()),
            Self::Embedded(..) | Self::At(_) => Arc::new(self.embedded_kv()),
            Self::FoundationDb(prefix) => Arc::new(prefix.kv()),
        }
    }

    /// The size of the store's file; 0 where there is none.
    pub fn file_bytes(&self) -> u64 {
        match self {
            Self::Memory(_) | Self::FoundationDb(_) => 0,
            Self::Embedded(..) | Self::At(_) => {
                self.embedded_options().path.join("data.mdb").metadata().unwrap().len()
            }
        }
    }

    /// How many further parts of split values the store holds; 0 where values are not split.
    pub fn parts(&self) -> u64 {
        match self {
            Self::Memory(_) | Self::FoundationDb(_) => 0,
            Self::Embedded(..) | Self::At(_) => self.embedded_kv().entries().unwrap().1,
        }
    }

    /// A new handle of an embedded store.
    pub fn embedded_kv(&self) -> EmbeddedKv {
        EmbeddedKv::open(&self.embedded_options()).unwrap()
    }

    fn embedded_options(&self) -> EmbeddedOptions {
        let (path, durability) = match self {
            Self::Memory(_) | Self::FoundationDb(_) => panic!("not an embedded store"),
            Self::Embedded(directory, durability) => (directory.path().to_owned(), *durability),
            Self::At(path) => (path.clone(), Durability::Strict),
        };
        EmbeddedOptions { path, durability, size_bytes_max: None, read_only: false, mode: None }
    }

    /// A store on a new handle.
    pub async fn open(&self) -> Engine {
        Engine::open(self.kv(), Arc::new(SystemEnv)).await.unwrap()
    }
}

/// Runs each named `async fn(Place)` of the module as a test on every backend.
macro_rules! on_every_backend {
    ($($(#[$attribute:meta])* $name:ident),* $(,)?) => {
        mod memory {
            $($(#[$attribute])* #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                super::$name($crate::support::Place::memory()).await;
            })*
        }
        mod embedded {
            $($(#[$attribute])* #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                super::$name($crate::support::Place::embedded()).await;
            })*
        }
        mod foundationdb {
            $($(#[$attribute])* #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                let test = concat!(module_path!(), "::", stringify!($name));
                if let Some(place) = $crate::support::Place::foundationdb(test) {
                    super::$name(place).await;
                }
            })*
        }
    };
}
pub(crate) use on_every_backend;

/// Runs each named `async fn(Place)` of the module as a test on every backend that several processes can share.
macro_rules! across_processes {
    ($($name:ident),* $(,)?) => {
        mod across_processes {
            mod embedded {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::super::$name($crate::support::Place::embedded_for_processes()).await;
                })*
            }
            mod foundationdb {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let test = concat!(module_path!(), "::", stringify!($name));
                    if let Some(place) = $crate::support::Place::foundationdb(test) {
                        super::super::$name(place).await;
                    }
                })*
            }
        }
    };
}
pub(crate) use across_processes;

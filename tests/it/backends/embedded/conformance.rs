//! The contract, in both durabilities.

use std::ops::Deref;
use std::sync::Arc;

use batondb::kv::Kv;
use batondb::kv::embedded::{Durability, EmbeddedKv, EmbeddedOptions};

/// A store in a directory that goes with it.
struct Fixture {
    kv: Arc<dyn Kv>,
    _directory: tempfile::TempDir,
}

impl Fixture {
    fn new(durability: Durability) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_owned();
        let kv = EmbeddedKv::open(&EmbeddedOptions {
            path,
            durability,
            size_bytes_max: None,
            read_only: false,
            mode: None,
        })
        .unwrap();
        Self { kv: Arc::new(kv), _directory: directory }
    }
}

impl Deref for Fixture {
    type Target = Arc<dyn Kv>;

    fn deref(&self) -> &Arc<dyn Kv> {
        &self.kv
    }
}

mod relaxed {
    use super::{Durability, Fixture};

    batondb::kv_conformance!(|| async { Fixture::new(Durability::Relaxed) });
}

mod strict {
    use super::{Durability, Fixture};

    batondb::kv_conformance!(|| async { Fixture::new(Durability::Strict) });
}

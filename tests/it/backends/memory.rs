//! The reference model keeps the contract, and the wrappers for tests change nothing unless told to.

use std::sync::Arc;

use batondb::env::SystemEnv;
use batondb::kv::Kv;
use batondb::kv::faulty::FaultyKv;
use batondb::kv::memory::MemoryKv;
use batondb::kv::metered::MeteredKv;

mod plain {
    use super::{Arc, Kv, MemoryKv};

    batondb::kv_conformance!(|| async { Arc::new(MemoryKv::new()) as Arc<dyn Kv> });
}

mod wrapped {
    use super::{Arc, FaultyKv, Kv, MemoryKv, MeteredKv, SystemEnv};

    fn wrapped() -> Arc<dyn Kv> {
        let metered = Arc::new(MeteredKv::new(Arc::new(MemoryKv::new())));
        Arc::new(FaultyKv::new(metered, Arc::new(SystemEnv), |_| None))
    }

    batondb::kv_conformance!(|| async { wrapped() });
}

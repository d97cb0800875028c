//! The contract, on a cluster.

use std::ops::Deref;
use std::sync::Arc;

use batondb::kv::Kv;

use crate::support::Place;

/// A store in a part of a cluster that goes with it.
struct Fixture {
    kv: Arc<dyn Kv>,
    _place: Place,
}

impl Fixture {
    fn new(test: &str) -> Option<Self> {
        let place = Place::foundationdb(test)?;
        Some(Self { kv: place.kv(), _place: place })
    }
}

impl Deref for Fixture {
    type Target = Arc<dyn Kv>;

    fn deref(&self) -> &Arc<dyn Kv> {
        &self.kv
    }
}

batondb::kv_conformance!(if there is one: |test| async move { Fixture::new(test) });

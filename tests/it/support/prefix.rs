//! A part of a cluster that belongs to one test.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use batondb::env::{Env, SystemEnv};
use batondb::kv::foundationdb::{FoundationDbKv, FoundationDbOptions};
use batondb::kv::{Decision, KeyRange, KvError, Mutations, TransactionFn, View, transact};
use futures::future::{BoxFuture, FutureExt};

/// What an address in a cluster begins with; no path of a directory does.
const SCHEME: &str = "foundationdb:";

/// The keys below a prefix. Whoever made it removes them.
pub struct Prefix {
    cluster_file: PathBuf,
    name: String,
    is_ours: bool,
}

impl Prefix {
    /// One that nobody else uses.
    pub fn fresh(cluster_file: &Path) -> Self {
        let name = format!("baton test {:016x}", SystemEnv.random_below(u64::MAX));
        Self { cluster_file: cluster_file.to_owned(), name, is_ours: true }
    }

    /// What [`Self::address`] said in another process.
    pub fn at(address: &str) -> Option<Self> {
        let (name, cluster_file) = address.strip_prefix(SCHEME)?.split_once(':').unwrap();
        Some(Self { cluster_file: cluster_file.into(), name: name.to_owned(), is_ours: false })
    }

    pub fn address(&self) -> String {
        format!("{SCHEME}{}:{}", self.name, self.cluster_file.to_str().unwrap())
    }

    pub fn cluster_file(&self) -> &Path {
        &self.cluster_file
    }

    /// The options of a store here, everything else by default.
    pub fn options(&self) -> FoundationDbOptions {
        FoundationDbOptions {
            cluster_file: Some(self.cluster_file.clone()),
            ..FoundationDbOptions::new(&self.name)
        }
    }

    /// A new handle. A client library that does not load fails the test: a cluster is there, so it should run.
    pub fn kv(&self) -> FoundationDbKv {
        FoundationDbKv::open(&self.options()).unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Drop for Prefix {
    fn drop(&mut self) {
        if !self.is_ours {
            return;
        }
        let options = self.options();
        // A test may end on a thread of a runtime, where waiting is not allowed. What cannot be removed stays: the
        // cluster may be gone, and no other test looks there.
        let removal = thread::spawn(move || {
            let Ok(kv) = FoundationDbKv::open(&options) else { return };
            let _ = futures::executor::block_on(transact(&kv, &Arc::new(Clear)));
        });
        let _ = removal.join();
    }
}

struct Clear;

impl TransactionFn for Clear {
    type Output = ();
    type Error = KvError;

    fn run<'a>(&'a self, _: &'a dyn View) -> BoxFuture<'a, Result<Decision<()>, KvError>> {
        let mut mutations = Mutations::new();
        mutations.clear_range(KeyRange::new([], [0xFF]));
        async move { Ok(Decision::write(mutations, ())) }.boxed()
    }
}

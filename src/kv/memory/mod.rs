//! The reference model: everything in memory, under FoundationDB's rules.
//!
//! Transactions run concurrently against the state at their start and are checked for conflicts when they
//! commit: multi-version concurrency control with real conflict ranges, and FoundationDB's limits and error
//! kinds. Simulation and the model tests run on it, and the conformance suite holds the real engines to it.
//! Nothing outlives the last handle.
//!
//! Each read yields to the scheduler once, so that tasks of one thread interleave where a network would let
//! them.

mod state;
mod view;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::{BoxFuture, FutureExt};

use self::state::{Shared, State};
use self::view::MemoryView;
use super::limits::check_transaction;
use super::{Concurrency, Identity, Kv, KvError, Limits, ReadRunner, TransactionRunner};

/// The default number of commits that a transaction may fall behind before it is too old.
const VERSIONS_KEPT: u64 = 100_000;

/// FoundationDB's limits, so that everything that runs on the model takes the same paths as there:
/// FoundationDB answers a scan in batches of about 64 KiB, keeps a state for five seconds, in which 8 MiB
/// pass through any network that a cluster should have, and works best with transactions below 1 MB.
const LIMITS: Limits = Limits {
    transaction_bytes: 1_000_000,
    round_trip_bytes: Some(64 << 10),
    read_bytes: Some(8 << 20),
    freed_bytes: None,
    attempts: 64,
    patience: None,
};

/// A handle on a store in memory.
#[derive(Debug)]
pub struct MemoryKv {
    shared: Arc<Shared>,
    limits: Limits,
    closed: AtomicBool,
}

impl Default for MemoryKv {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryKv {
    /// An empty store.
    pub fn new() -> Self {
        Self::with_versions_kept(VERSIONS_KEPT)
    }

    /// An empty store in which a transaction that falls `versions` commits behind is too old.
    pub fn with_versions_kept(versions: u64) -> Self {
        Self {
            shared: Arc::new(Mutex::new(State::new(versions))),
            limits: LIMITS,
            closed: AtomicBool::new(false),
        }
    }

    /// A handle on the same store with other limits, which also apply to handles shared from it.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Another handle on the same store, as another process would have.
    #[must_use]
    pub fn share(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), limits: self.limits, closed: AtomicBool::new(false) }
    }

    fn begin(&self) -> Result<MemoryView, KvError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(KvError::Closed);
        }
        Ok(MemoryView::begin(Arc::clone(&self.shared)))
    }
}

impl Kv for MemoryKv {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn concurrency(&self) -> Concurrency {
        Concurrency::Optimistic
    }

    fn identity(&self) -> Option<Identity> {
        Some(Identity::new("memory", &format!("{:p}", Arc::as_ptr(&self.shared))))
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn run(&self, body: Arc<dyn TransactionRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        async move {
            let view = self.begin()?;
            let mutations = body.run(&view).await;
            check_transaction(&mutations)?;
            if self.closed.load(Ordering::Acquire) {
                return Err(KvError::Closed);
            }
            view.commit(mutations)
        }
        .boxed()
    }

    fn read(&self, body: Arc<dyn ReadRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        async move {
            let view = self.begin()?;
            body.run(&view).await;
            Ok(())
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.closed.store(true, Ordering::Release);
        async {}.boxed()
    }
}

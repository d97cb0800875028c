//! Ordered key-value storage: the contract that every backend keeps.
//!
//! # The shape of a transaction
//!
//! A transaction is a *read phase that ends in a decision*. A [`TransactionFn`] reads through a [`View`] and
//! returns a [`Decision`]: the writes to make and the answer for the caller. Nothing is written before the
//! decision, so a refusal (a decision without writes) leaves nothing to undo. An embedded engine can run many
//! transaction functions one after the other inside one write transaction (group commit). An optimistic
//! engine can run them in parallel and let all but one fail.
//!
//! # What a backend promises
//!
//! 1. **Strict serializability.** If [`Kv::run`] returns `Ok`, the reads of the transaction function (those
//!    that asked for [`Isolation::Serializable`]) and its writes took place at one instant between call and
//!    answer. A read that begins after an answer sees what that answer acknowledged, from any process.
//! 2. **All or nothing.** The writes of one decision become visible together or never.
//! 3. **At most one execution counts.** `run` may execute the transaction function more than once (a group
//!    commit that had to be repeated), but only the decision of the last execution takes effect and is
//!    returned. A transaction function therefore keeps no state of its own between executions, except notes
//!    that only ever grow. If a transaction function [allows it](TransactionFn::may_begin_on_a_recent_state),
//!    an execution may read a state that is a little older than the call. Its decision then counts only if it
//!    writes and the commit has shown that what it read still holds.
//! 4. **No retries.** `run` reports a conflict and does not hide it. The caller knows what the operation
//!    means and decides what to do about it (`engine::runtime::retry`).
//! 5. **Honest outcomes.** Every [`KvError`] but [`KvError::UnknownOutcome`] means: nothing was written and
//!    nothing will be. `UnknownOutcome` means: the writes took place, or never will, or (on a cluster) still
//!    may. The caller finds out by reading its own token back inside a transaction that would conflict with
//!    the lost one.
//! 6. **Own snapshot.** [`Kv::read`] runs against one committed state, without writes and without conflicts.
//!    It may return [`KvError::TooOld`] when it takes longer than the backend keeps a state (FoundationDB: 5
//!    s); the embedded engine keeps it as long as the read lasts. Callers keep to [`Limits::read_bytes`], so
//!    that no read becomes too old because it is large. Where that limit is `None`, the read function may
//!    wait for its caller between two reads through the view (a copy does); it ends when its future is
//!    dropped.
//! 7. **A view never waits for the caller.** Its futures depend on the backend alone, so a backend may drive
//!    a transaction function to its end on a thread of its own.
//!
//! # Conflict ranges
//!
//! On an [optimistic](Concurrency::Optimistic) backend a transaction fails with [`KvError::Conflict`] if
//! another transaction that committed after its reads wrote with [`WriteConflict::Declared`] into a range
//! that it read with [`Isolation::Serializable`]. Rows that another row guards (the fence and head rows guard
//! the pages) are read with [`Isolation::Snapshot`] and written with [`WriteConflict::Omitted`], so that they
//! cost no conflict ranges. A [serial](Concurrency::Serial) backend never returns `Conflict` and ignores
//! both.

mod body;
#[cfg(feature = "testing")]
pub mod conformance;
pub mod embedded;
mod error;
#[cfg(feature = "testing")]
pub mod faulty;
pub mod foundationdb;
mod identity;
mod key_range;
mod limits;
pub mod memory;
#[cfg(feature = "testing")]
pub mod metered;
mod mutation;
mod status;

pub use body::{Decision, ReadFn, ReadRunner, TransactionFn, TransactionRunner, Wanted, read, transact};
pub use error::{KvError, may_pass};
pub use identity::Identity;
pub use key_range::KeyRange;
pub use limits::{KEY_BYTES_MAX, Limits, TRANSACTION_BYTES_MAX, VALUE_BYTES_MAX};
pub use mutation::{Mutation, Mutations, RoomUse, WriteConflict};
pub use status::{
    ClusterStatus, Coordinator, Finding, JournalSegment, JournalStatus, JournalUsage, Part, ProbeLatency,
    Status, Usage,
};

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;

/// Whether a read takes part in conflict detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// A later conflicting write fails this transaction.
    Serializable,
    /// The read sees the same state, and no write to it fails this transaction.
    Snapshot,
}

/// How a backend orders concurrent transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concurrency {
    /// One after the other, in the order in which they were queued; there are no conflicts.
    Serial,
    /// In parallel; of those that conflict, one commits.
    Optimistic,
}

/// Where a scan begins and ends, and how it takes part in conflict detection.
#[derive(Debug, Clone)]
pub struct Scan {
    /// The keys to visit, in ascending order.
    pub range: KeyRange,
    /// At most this many rows; 0 means no limit.
    pub rows_max: usize,
    /// Whether the rows read guard this transaction.
    pub isolation: Isolation,
}

impl Scan {
    /// Every row of `range`, in ascending order, without conflict ranges.
    pub fn snapshot(range: KeyRange) -> Self {
        Self { range, rows_max: 0, isolation: Isolation::Snapshot }
    }

    /// The same scan with conflict ranges.
    #[must_use]
    pub fn serializable(mut self) -> Self {
        self.isolation = Isolation::Serializable;
        self
    }

    /// The same scan, ended after `rows_max` rows.
    #[must_use]
    pub fn rows(mut self, rows_max: usize) -> Self {
        self.rows_max = rows_max;
        self
    }
}

/// Called for each row of a scan, with key and value borrowed from the backend. `Break` ends the scan. It
/// must not read through the same view: a backend may hold a lock on it.
pub type Visitor<'v> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + Send + 'v;

/// One consistent state of the store, as a transaction function or a read function sees it.
pub trait View: Send + Sync {
    /// The value of `key`, if it has one.
    fn get<'a>(
        &'a self,
        key: &'a [u8],
        isolation: Isolation,
    ) -> BoxFuture<'a, Result<Option<Bytes>, KvError>>;

    /// Shows the rows of a range to `visitor`, in ascending order of their keys.
    fn scan<'a>(&'a self, scan: Scan, visitor: &'a mut Visitor<'_>) -> BoxFuture<'a, Result<(), KvError>>;
}

/// An open backend. The module documentation says what an implementation must guarantee.
pub trait Kv: Send + Sync + 'static {
    /// The name of this backend, in one word.
    fn name(&self) -> &'static str;

    /// How this backend orders concurrent transactions.
    fn concurrency(&self) -> Concurrency;

    /// The identity of the store behind this handle. `None`: the backend cannot tell stores apart.
    fn identity(&self) -> Option<Identity> {
        None
    }

    /// Whether a caller's thread may commit for all who wait, where it is [allowed](crate::blocking::leading::allow)
    /// to. Then answers come from such a thread, or from one that this backend has for it.
    fn is_led(&self) -> bool {
        false
    }

    /// Whether reads and commits go over a network, so that each takes a thread about a millisecond.
    fn is_remote(&self) -> bool {
        false
    }

    /// The limits of this backend, and how often and for how long retries are worthwhile.
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// Runs one transaction, once. Use [`transact`], which also returns the answer.
    fn run(&self, body: Arc<dyn TransactionRunner>) -> BoxFuture<'_, Result<(), KvError>>;

    /// Runs one read against one committed state. Use [`read`], which also returns the answer.
    fn read(&self, body: Arc<dyn ReadRunner>) -> BoxFuture<'_, Result<(), KvError>>;

    /// How many transactions wait to be committed, where they queue.
    fn waiting(&self) -> u64 {
        0
    }

    /// What it uses and waits for, if it is a file.
    fn usage(&self) -> Usage {
        Usage::default()
    }

    /// The status of the backend, as far as it can tell. Even a backend that serves no transactions now
    /// answers, if it can.
    fn status(&self) -> BoxFuture<'_, Result<Status, KvError>> {
        Box::pin(std::future::ready(Ok(Status::local(self.name()))))
    }

    /// Checks what the backend keeps beside the rows. Writes nothing, and locks nobody out.
    fn check(&self) -> BoxFuture<'_, Result<Vec<Finding>, KvError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Closes the backend: queued transactions are finished, later calls return [`KvError::Closed`]. Calling
    /// it again does nothing.
    fn close(&self) -> BoxFuture<'_, ()>;
}

//! One transaction of the cluster, as a transaction function sees it.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use foundationdb::options::{StreamingMode, TransactionOption};
use foundationdb::{FdbError, KeySelector, RangeOption, Transaction};
use futures::future::{BoxFuture, FutureExt};

use super::heard::heard;
use super::shared::Shared;
use crate::kv::limits::check_transaction;
use crate::kv::{Isolation, KvError, Mutation, Mutations, Scan, View, Visitor, WriteConflict};

/// Which state the transaction reads. The first read decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The newest, unless the first read is of a row for which a recent version is known.
    Open,
    /// The newest.
    Newest,
    /// The state of this version.
    Recent(i64),
}

struct Reads {
    state: State,
    /// The keys that were read with conflict detection.
    rows: Vec<Vec<u8>>,
    /// Whether a read failed in a way that another state would not fix.
    failed: bool,
}

pub(super) struct ClusterView {
    transaction: Transaction,
    shared: Arc<Shared>,
    reads: Mutex<Reads>,
    began: Instant,
}

impl ClusterView {
    /// A view for reading and writing. `may_be_recent`: whether it may begin on a state that is not the
    /// newest.
    #[expect(clippy::disallowed_methods, reason = "the age of a version is real time, and the cluster's")]
    pub(super) fn new(transaction: Transaction, shared: &Arc<Shared>, may_be_recent: bool) -> Self {
        let state = if may_be_recent { State::Open } else { State::Newest };
        let reads = Mutex::new(Reads { state, rows: Vec::new(), failed: false });
        Self { transaction, shared: Arc::clone(shared), reads, began: Instant::now() }
    }

    fn reads(&self) -> MutexGuard<'_, Reads> {
        // Every change is a single step, so a panic elsewhere leaves it consistent.
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the result may be different on the newest state.
    pub(super) fn may_be_otherwise(&self) -> bool {
        let reads = self.reads();
        matches!(reads.state, State::Recent(_)) && !reads.failed
    }

    /// The meaning of a failed read. A read that timed out because the cluster is unreachable is not waited
    /// for twice.
    fn failed(&self, error: FdbError) -> KvError {
        let error = self.shared.cluster.reading(error);
        self.reads().failed |= error != KvError::TooOld;
        error
    }

    /// Makes the next transaction look up again what this one read.
    pub(super) fn forget_reads(&self) {
        self.shared.recent.forget(self.reads().rows.iter().map(Vec::as_slice));
    }

    fn key(&self, key: &[u8]) -> Vec<u8> {
        [&self.shared.prefix, key].concat()
    }

    /// Before a read with conflict detection: the first one decides which state the transaction reads.
    fn decide_state(&self, key: &[u8]) {
        let mut reads = self.reads();
        if reads.state != State::Open {
            return;
        }
        reads.state = match self.shared.recent.get(key, self.began) {
            Some(version) => {
                self.transaction.set_read_version(version);
                State::Recent(version)
            }
            None => State::Newest,
        };
    }

    /// Before any other read: if it is the first, the transaction gets its read version with it.
    fn settle_for_newest(&self) {
        let mut reads = self.reads();
        if reads.state == State::Open {
            reads.state = State::Newest;
        }
    }

    /// Commits what the transaction function decided.
    pub(super) async fn commit(self, mutations: &Mutations) -> Result<(), KvError> {
        check_transaction(mutations)?;
        self.forget_reads();
        self.write(mutations).map_err(|error| self.shared.cluster.reading(error))?;
        let rows = self.reads.into_inner().unwrap_or_else(PoisonError::into_inner).rows;
        let (shared, began) = (self.shared, self.began);
        match heard(self.transaction.commit()).await {
            Ok(committed) => {
                if let Ok(version) = committed.committed_version() {
                    shared.recent.remember(rows, version, began);
                }
                Ok(())
            }
            Err(error) => Err(shared.cluster.committing(*error)),
        }
    }

    fn write(&self, mutations: &Mutations) -> Result<(), FdbError> {
        let transaction = &self.transaction;
        for mutation in mutations.iter() {
            if matches!(mutation, Mutation::ClearRange { range, .. } if range.is_empty()) {
                // Not even its option may be set: it would apply to the next write.
                continue;
            }
            if mutation.conflict() == WriteConflict::Omitted {
                transaction.set_option(TransactionOption::NextWriteNoWriteConflictRange)?;
            }
            match mutation {
                Mutation::Put { key, value, .. } => transaction.set(&self.key(key), value),
                Mutation::Delete { key, .. } => transaction.clear(&self.key(key)),
                Mutation::ClearRange { range, .. } => {
                    transaction.clear_range(&self.key(range.start()), &self.key(range.end()));
                }
            }
        }
        Ok(())
    }

    async fn scan_rows(&self, scan: Scan, visitor: &mut Visitor<'_>) -> Result<(), KvError> {
        if scan.range.is_empty() {
            return Ok(());
        }
        let snapshot = scan.isolation == Isolation::Snapshot;
        let (start, end) = (self.key(scan.range.start()), self.key(scan.range.end()));
        let mut next = Some(RangeOption {
            begin: KeySelector::first_greater_or_equal(start),
            end: KeySelector::first_greater_or_equal(end),
            limit: Some(scan.rows_max).filter(|rows| *rows > 0),
            mode: streaming_mode(scan.rows_max),
            ..RangeOption::default()
        });
        let mut iteration = 1;
        while let Some(range) = next {
            let rows = heard(self.transaction.get_range(&range, iteration, snapshot)).await;
            let rows = rows.map_err(|error| self.failed(error))?;
            for row in &rows {
                if visitor(&row.key()[self.shared.prefix.len()..], row.value()) == ControlFlow::Break(()) {
                    return Ok(());
                }
            }
            next = range.next_range(&rows);
            iteration += 1;
        }
        Ok(())
    }
}

/// How many rows a reply carries: exactly one if one is requested, otherwise as many as fit.
fn streaming_mode(rows_max: usize) -> StreamingMode {
    if rows_max == 1 { StreamingMode::Exact } else { StreamingMode::WantAll }
}

impl View for ClusterView {
    fn get<'a>(
        &'a self,
        key: &'a [u8],
        isolation: Isolation,
    ) -> BoxFuture<'a, Result<Option<Bytes>, KvError>> {
        let key = self.key(key);
        let snapshot = isolation == Isolation::Snapshot;
        if snapshot {
            self.settle_for_newest();
        } else {
            self.decide_state(&key);
        }
        // Sent before the first poll, so that joined reads go out together.
        let value = self.transaction.get(&key, snapshot);
        async move {
            let value = heard(value).await.map_err(|error| self.failed(error))?;
            if !snapshot {
                self.reads().rows.push(key);
            }
            Ok(value.map(Bytes::from_owner))
        }
        .boxed()
    }

    fn scan<'a>(&'a self, scan: Scan, visitor: &'a mut Visitor<'_>) -> BoxFuture<'a, Result<(), KvError>> {
        self.settle_for_newest();
        self.scan_rows(scan, visitor).boxed()
    }
}

//! One transaction of the cluster, as a body sees it.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use foundationdb::options::{ConflictRangeType, StreamingMode, TransactionOption};
use foundationdb::{FdbError, KeySelector, RangeOption, Transaction};
use futures::future::{BoxFuture, FutureExt, ready};

use super::Shared;
use super::marks::{self, Mark};
use super::recent::{Known, Left};
use crate::kv::limits::check_transaction;
use crate::kv::{Isolation, KeyRange, KvError, Mutation, Mutations, Scan, View, Visitor, WriteConflict};

/// Which state the transaction reads. The first read decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The newest, unless the first read is of a row that is known at a recent version.
    Open,
    /// The newest.
    Newest,
    /// What a commit at this version has left, as far as it is known. Nothing else can be read there.
    Recent(i64),
}

struct Reads {
    state: State,
    /// What was read with conflict detection, key by key.
    rows: Vec<(Vec<u8>, Option<Bytes>)>,
}

pub(super) struct ClusterView {
    transaction: Transaction,
    shared: Arc<Shared>,
    reads: Mutex<Reads>,
    mark: Mark,
    began: Instant,
}

impl ClusterView {
    /// A view for reading and writing. `may_be_recent`: whether it may begin on a state that is not the newest.
    #[expect(clippy::disallowed_methods, reason = "the age of a version is real time, and the cluster's")]
    pub(super) fn new(transaction: Transaction, shared: &Arc<Shared>, may_be_recent: bool) -> Self {
        let state = if may_be_recent { State::Open } else { State::Newest };
        let reads = Mutex::new(Reads { state, rows: Vec::new() });
        let mark = shared.next_mark();
        Self { transaction, shared: Arc::clone(shared), reads, mark, began: Instant::now() }
    }

    fn reads(&self) -> MutexGuard<'_, Reads> {
        // Every change is a single step, so a panic elsewhere leaves it whole.
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it reads a state that may not be the newest.
    pub(super) fn is_recent(&self) -> bool {
        matches!(self.reads().state, State::Recent(_))
    }

    /// Has what it read looked up anew next time.
    pub(super) fn forget_reads(&self) {
        self.shared.recent.forget(self.reads().rows.iter().map(|(key, _)| key.as_slice()));
    }

    fn key(&self, key: &[u8]) -> Vec<u8> {
        [&self.shared.prefix, key].concat()
    }

    /// The value of a row on the recent state that this transaction goes on from. None: it reads the newest.
    fn known(&self, key: &[u8]) -> Result<Option<Known>, KvError> {
        let mut reads = self.reads();
        if reads.state == State::Newest {
            return Ok(None);
        }
        let known = self.shared.recent.get(key, self.began);
        if reads.state == State::Open {
            let Some(known) = &known else {
                reads.state = State::Newest;
                return Ok(None);
            };
            reads.state = State::Recent(known.version);
            // The one before, so that whatever else was committed at the very same version counts as since.
            self.transaction.set_read_version(known.version - 1);
        }
        let Some(known) = known.filter(|known| reads.state == State::Recent(known.version)) else {
            return Err(beyond_recent());
        };
        self.guard(key, known.writer).map_err(|error| self.shared.cluster.reading(error))?;
        reads.rows.push((key.to_vec(), known.value.clone()));
        Ok(Some(known))
    }

    /// Fails this transaction if anybody but `writer` has written the row since.
    fn guard(&self, key: &[u8], writer: Option<Mark>) -> Result<(), FdbError> {
        match writer {
            None => self.conflict(&KeyRange::single(key), ConflictRangeType::Read),
            Some(writer) => marks::of_others(key, writer)
                .iter()
                .try_for_each(|range| self.conflict(range, ConflictRangeType::Read)),
        }
    }

    fn conflict(&self, range: &KeyRange, kind: ConflictRangeType) -> Result<(), FdbError> {
        self.transaction.add_conflict_range(range.start(), range.end(), kind)
    }

    /// Fails if this transaction goes on from a recent state: that has nothing but the rows known.
    fn read_newest(&self) -> Result<(), KvError> {
        let mut reads = self.reads();
        if let State::Recent(_) = reads.state {
            return Err(beyond_recent());
        }
        reads.state = State::Newest;
        Ok(())
    }

    /// Commits what the body decided.
    pub(super) async fn commit(self, mutations: &Mutations) -> Result<(), KvError> {
        check_transaction(mutations)?;
        self.forget_reads();
        self.write(mutations).map_err(|error| self.shared.cluster.reading(error))?;
        let rows = self.reads.into_inner().unwrap_or_else(PoisonError::into_inner).rows;
        let (shared, mark, began) = (self.shared, self.mark, self.began);
        match self.transaction.commit().await {
            Ok(committed) => {
                if let Ok(version) = committed.committed_version() {
                    shared.recent.remember(left(rows, &shared.prefix, mutations, mark), version, began);
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
                // Not even its option: it would count for the next write.
                continue;
            }
            if mutation.conflict() == WriteConflict::Omitted {
                transaction.set_option(TransactionOption::NextWriteNoWriteConflictRange)?;
            }
            let marked = match mutation {
                Mutation::Put { key, value, .. } => {
                    let key = self.key(key);
                    transaction.set(&key, value);
                    marks::of(&key, self.mark)
                }
                Mutation::Delete { key, .. } => {
                    let key = self.key(key);
                    transaction.clear(&key);
                    marks::of(&key, self.mark)
                }
                Mutation::ClearRange { range, .. } => {
                    let range = KeyRange::new(self.key(range.start()), self.key(range.end()));
                    transaction.clear_range(range.start(), range.end());
                    marks::of_range(&range)
                }
            };
            if mutation.conflict() == WriteConflict::Declared {
                self.conflict(&marked, ConflictRangeType::Write)?;
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
            let rows = self.transaction.get_range(&range, iteration, snapshot).await;
            let rows = rows.map_err(|error| self.shared.cluster.reading(error))?;
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

/// The rows as a transaction that read these has left them. What it has removed is not among them.
fn left(
    rows: Vec<(Vec<u8>, Option<Bytes>)>,
    prefix: &[u8],
    mutations: &Mutations,
    mark: Mark,
) -> impl Iterator<Item = Left> {
    rows.into_iter().filter_map(move |(key, value)| {
        let mut row = Some(Left { key, value, writer: None });
        for mutation in mutations.iter() {
            let key = row.as_ref()?.key.strip_prefix(prefix)?;
            match mutation {
                Mutation::Put { key: written, value, .. } if written == key => {
                    let value = Some(Bytes::copy_from_slice(value));
                    row = row.map(|row| Left { value, writer: Some(mark), ..row });
                }
                Mutation::Delete { key: deleted, .. } if deleted == key => row = None,
                Mutation::ClearRange { range, .. } if range.contains(key) => row = None,
                _ => {}
            }
        }
        row
    })
}

/// Not on this state: the transaction is executed again, on the newest.
fn beyond_recent() -> KvError {
    KvError::Conflict
}

/// How many rows a reply carries: exactly one where one is asked for, else as many as fit one.
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
        if !snapshot {
            match self.known(&key) {
                Ok(None) => {}
                Ok(Some(known)) => return ready(Ok(known.value)).boxed(),
                Err(error) => return ready(Err(error)).boxed(),
            }
        }
        if let Err(error) = self.read_newest() {
            return ready(Err(error)).boxed();
        }
        // Sent before the first poll, so that reads which are joined go out together.
        let value = self.transaction.get(&key, snapshot);
        async move {
            let value = value.await.map_err(|error| self.shared.cluster.reading(error))?;
            let value = value.map(Bytes::from_owner);
            if !snapshot {
                self.reads().rows.push((key, value.clone()));
            }
            Ok(value)
        }
        .boxed()
    }

    fn scan<'a>(&'a self, scan: Scan, visitor: &'a mut Visitor<'_>) -> BoxFuture<'a, Result<(), KvError>> {
        if let Err(error) = self.read_newest() {
            return ready(Err(error)).boxed();
        }
        self.scan_rows(scan, visitor).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_remembered_as_it_was_written() {
        let row = |key: &[u8], value: &'static [u8]| (key.to_vec(), Some(Bytes::from_static(value)));
        let rows = vec![row(b"p/fence", b"1"), row(b"p/head", b"2"), row(b"p/part", b"3"), row(b"p/z", b"4")];
        let mut mutations = Mutations::new();
        mutations.put(b"head".to_vec(), b"first".to_vec());
        mutations.put(b"head".to_vec(), b"last".to_vec());
        mutations.put(b"other".to_vec(), b"x".to_vec());
        mutations.delete(b"part".to_vec());
        mutations.clear_range_guarded(KeyRange::prefix(*b"z"));
        let mark = [7; 16];
        let expected = |key: &[u8], value, writer| Left { key: key.to_vec(), value: Some(value), writer };
        let left: Vec<Left> = left(rows, b"p/", &mutations, mark).collect();
        assert_eq!(
            left,
            [
                expected(b"p/fence", Bytes::from_static(b"1"), None),
                expected(b"p/head", Bytes::from_static(b"last"), Some(mark)),
            ]
        );
    }
}

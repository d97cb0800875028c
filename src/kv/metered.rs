//! A backend that counts: wraps another backend and counts the engine's requests. For tests and benches.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};

use super::{
    Concurrency, Finding, Identity, Isolation, Kv, KvError, Limits, Mutation, Mutations, ReadRunner, Scan,
    Status, TransactionRunner, Usage, View, Visitor,
};

/// The requests to a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Executed transactions with writes.
    pub transactions: u64,
    /// Executed transactions without writes.
    pub refusals: u64,
    /// Read-only executions.
    pub reads: u64,
    /// Point reads.
    pub gets: u64,
    /// Range reads.
    pub scans: u64,
    /// Rows that range reads returned.
    pub rows_scanned: u64,
    /// Rows written.
    pub puts: u64,
    /// Rows deleted by their key.
    pub deletes: u64,
    /// Ranges cleared.
    pub range_clears: u64,
}

#[derive(Debug, Default)]
struct Meter {
    counts: [AtomicU64; 9],
    rounds: AtomicU64,
    transaction_bytes_max: AtomicUsize,
}

impl Meter {
    fn add(&self, index: usize, amount: usize) {
        self.counts[index].fetch_add(amount as u64, Ordering::Relaxed);
    }

    fn take(&self) -> Counts {
        let [transactions, refusals, reads, gets, scans, rows_scanned, puts, deletes, range_clears] =
            std::array::from_fn(|index| self.counts[index].swap(0, Ordering::Relaxed));
        Counts { transactions, refusals, reads, gets, scans, rows_scanned, puts, deletes, range_clears }
    }

    fn count(&self, mutations: &Mutations) {
        self.add(usize::from(mutations.is_empty()), 1);
        self.transaction_bytes_max.fetch_max(mutations.bytes(), Ordering::Relaxed);
        for mutation in mutations.iter() {
            let index = match mutation {
                Mutation::Put { .. } => 6,
                Mutation::Delete { .. } => 7,
                Mutation::ClearRange { .. } => 8,
            };
            self.add(index, 1);
        }
    }
}

/// Wraps a backend.
pub struct MeteredKv {
    inner: Arc<dyn Kv>,
    meter: Arc<Meter>,
}

impl MeteredKv {
    /// Wraps `inner`.
    pub fn new(inner: Arc<dyn Kv>) -> Self {
        Self { inner, meter: Arc::default() }
    }

    /// The counts since the last call.
    pub fn take(&self) -> Counts {
        self.meter.take()
    }

    /// The rounds of reads since the last call: within an execution, reads that begin while no other read is
    /// in progress. Over a network each round is a round trip. An embedded backend answers each read before
    /// the next one begins, so there every read is a round.
    pub fn take_rounds(&self) -> u64 {
        self.meter.rounds.swap(0, Ordering::Relaxed)
    }

    /// The bytes of the largest decision so far.
    pub fn transaction_bytes_max(&self) -> usize {
        self.meter.transaction_bytes_max.load(Ordering::Relaxed)
    }
}

struct MeteredView<'v> {
    inner: &'v dyn View,
    meter: &'v Meter,
    /// Reads in progress.
    reads: AtomicUsize,
}

impl<'v> MeteredView<'v> {
    fn new(inner: &'v dyn View, meter: &'v Meter) -> Self {
        Self { inner, meter, reads: AtomicUsize::new(0) }
    }

    fn begin_read(&self) -> ReadUnderWay<'_> {
        if self.reads.fetch_add(1, Ordering::Relaxed) == 0 {
            self.meter.rounds.fetch_add(1, Ordering::Relaxed);
        }
        ReadUnderWay(&self.reads)
    }
}

/// Ends on drop, so that a cancelled read ends too.
struct ReadUnderWay<'v>(&'v AtomicUsize);

impl Drop for ReadUnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl View for MeteredView<'_> {
    fn get<'a>(
        &'a self,
        key: &'a [u8],
        isolation: Isolation,
    ) -> BoxFuture<'a, Result<Option<Bytes>, KvError>> {
        async move {
            let _under_way = self.begin_read();
            self.meter.add(3, 1);
            self.inner.get(key, isolation).await
        }
        .boxed()
    }

    fn scan<'a>(&'a self, scan: Scan, visitor: &'a mut Visitor<'_>) -> BoxFuture<'a, Result<(), KvError>> {
        async move {
            let _under_way = self.begin_read();
            self.meter.add(4, 1);
            let mut counting = |key: &[u8], value: &[u8]| -> ControlFlow<()> {
                self.meter.add(5, 1);
                visitor(key, value)
            };
            self.inner.scan(scan, &mut counting).await
        }
        .boxed()
    }
}

struct MeteredBody {
    inner: Arc<dyn TransactionRunner>,
    meter: Arc<Meter>,
}

impl TransactionRunner for MeteredBody {
    fn may_begin_on_a_recent_state(&self) -> bool {
        self.inner.may_begin_on_a_recent_state()
    }

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Mutations> {
        async move {
            let mutations = self.inner.run(&MeteredView::new(view, &self.meter)).await;
            self.meter.count(&mutations);
            mutations
        }
        .boxed()
    }
}

struct MeteredRead {
    inner: Arc<dyn ReadRunner>,
    meter: Arc<Meter>,
}

impl ReadRunner for MeteredRead {
    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, ()> {
        async move {
            self.meter.add(2, 1);
            self.inner.run(&MeteredView::new(view, &self.meter)).await;
        }
        .boxed()
    }
}

impl Kv for MeteredKv {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn concurrency(&self) -> Concurrency {
        self.inner.concurrency()
    }

    fn identity(&self) -> Option<Identity> {
        self.inner.identity()
    }

    fn is_led(&self) -> bool {
        self.inner.is_led()
    }

    fn is_remote(&self) -> bool {
        self.inner.is_remote()
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn run(&self, body: Arc<dyn TransactionRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        self.inner.run(Arc::new(MeteredBody { inner: body, meter: Arc::clone(&self.meter) }))
    }

    fn read(&self, body: Arc<dyn ReadRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        self.inner.read(Arc::new(MeteredRead { inner: body, meter: Arc::clone(&self.meter) }))
    }

    fn usage(&self) -> Usage {
        self.inner.usage()
    }

    fn waiting(&self) -> u64 {
        self.inner.waiting()
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, KvError>> {
        self.inner.status()
    }

    fn check(&self) -> BoxFuture<'_, Result<Vec<Finding>, KvError>> {
        self.inner.check()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}

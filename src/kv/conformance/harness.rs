//! Helpers for the suite: transaction functions from closures, and single reads and writes.

use std::future::Future;
use std::ops::ControlFlow;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};

use crate::kv::{
    Decision, Isolation, Kv, KvError, Mutations, ReadFn, Scan, TransactionFn, View, read as kv_read,
    transact as kv_transact,
};

/// A row as the suite compares it.
pub(super) type Row = (Vec<u8>, Vec<u8>);

/// A transaction written as a closure.
pub(super) struct Transaction<F>(pub(super) F);

impl<F, T> TransactionFn for Transaction<F>
where
    F: for<'a> Fn(&'a dyn View) -> BoxFuture<'a, Result<Decision<T>, KvError>> + Send + Sync + 'static,
    T: Send + 'static,
{
    type Output = T;
    type Error = KvError;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<T>, KvError>> {
        (self.0)(view)
    }
}

/// Runs a transaction written as a closure, once.
pub(super) async fn transact<F, T>(kv: &Arc<dyn Kv>, body: F) -> Result<T, KvError>
where
    F: for<'a> Fn(&'a dyn View) -> BoxFuture<'a, Result<Decision<T>, KvError>> + Send + Sync + 'static,
    T: Send + 'static,
{
    kv_transact(&**kv, &Arc::new(Transaction(body))).await
}

/// A read written as a closure.
struct Reading<F>(F);

impl<F, T> ReadFn for Reading<F>
where
    F: for<'a> Fn(&'a dyn View) -> BoxFuture<'a, Result<T, KvError>> + Send + Sync + 'static,
    T: Send + 'static,
{
    type Output = T;
    type Error = KvError;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<T, KvError>> {
        (self.0)(view)
    }
}

/// Runs a read written as a closure, once.
pub(super) async fn read<F, T>(kv: &Arc<dyn Kv>, body: F) -> Result<T, KvError>
where
    F: for<'a> Fn(&'a dyn View) -> BoxFuture<'a, Result<T, KvError>> + Send + Sync + 'static,
    T: Send + 'static,
{
    kv_read(&**kv, &Arc::new(Reading(body))).await
}

/// Repeats a call as long as its error is transient.
pub(super) async fn retry<T, Fut>(mut attempt: impl FnMut() -> Fut) -> Result<T, KvError>
where
    Fut: Future<Output = Result<T, KvError>>,
{
    loop {
        match attempt().await {
            Err(error) if error.is_transient() => {}
            result => return result,
        }
    }
}

/// Makes the writes without any read.
pub(super) async fn write(kv: &Arc<dyn Kv>, mutations: Mutations) -> Result<(), KvError> {
    retry(|| {
        let mutations = mutations.clone();
        transact(kv, move |_| {
            let decision = Decision::write(mutations.clone(), ());
            async move { Ok(decision) }.boxed()
        })
    })
    .await
}

/// Sets one row.
pub(super) async fn put(kv: &Arc<dyn Kv>, key: &[u8], value: &[u8]) {
    let mut mutations = Mutations::new();
    mutations.put(key.to_vec(), value.to_vec());
    write(kv, mutations).await.expect("a small write succeeds");
}

/// Removes one row.
pub(super) async fn delete(kv: &Arc<dyn Kv>, key: &[u8]) {
    let mut mutations = Mutations::new();
    mutations.delete(key.to_vec());
    write(kv, mutations).await.expect("a small write succeeds");
}

/// The committed value of a key.
pub(super) async fn get(kv: &Arc<dyn Kv>, key: &[u8]) -> Option<Vec<u8>> {
    let value = retry(|| {
        let key = key.to_vec();
        read(kv, move |view| {
            let key = key.clone();
            async move { Ok(view.get(&key, Isolation::Snapshot).await?.map(Vec::from)) }.boxed()
        })
    });
    value.await.expect("a small read succeeds")
}

/// The committed rows that a scan shows.
pub(super) async fn rows(kv: &Arc<dyn Kv>, scan: Scan) -> Vec<Row> {
    let rows = retry(|| {
        let scan = scan.clone();
        read(kv, move |view| {
            let scan = scan.clone();
            async move { collect(view, scan).await }.boxed()
        })
    });
    rows.await.expect("a small scan succeeds")
}

/// The rows that a scan shows through a view.
pub(super) async fn collect(view: &dyn View, scan: Scan) -> Result<Vec<Row>, KvError> {
    let mut rows = Vec::new();
    let mut visitor = |key: &[u8], value: &[u8]| {
        rows.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    };
    view.scan(scan, &mut visitor).await?;
    Ok(rows)
}

/// Every key that the suite uses.
pub(super) fn everything() -> crate::kv::KeyRange {
    crate::kv::KeyRange::new(Vec::new(), vec![0xFE])
}

/// Bytes without a pattern that a splitting backend could reproduce by accident.
pub(super) fn value(size: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let words = (0..size.div_ceil(8)).flat_map(|_| random.next().to_be_bytes());
    words.take(size).collect()
}

/// A generator of numbers that only need to differ (xorshift).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        // Zero is the one state that xorshift never leaves; the odd factor spreads small seeds.
        Self((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("below a usize")
    }
}

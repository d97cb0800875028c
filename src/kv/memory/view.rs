//! One transaction: reads at its version and records what it read.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};

use super::state::{Shared, lock};
use crate::kv::{Isolation, KeyRange, KvError, Mutations, Scan, View, Visitor};

/// Rows that a scan fetches at once.
const CHUNK_ROWS: usize = 256;

pub(super) struct MemoryView {
    shared: Arc<Shared>,
    version: u64,
    read: Mutex<Vec<KeyRange>>,
}

impl MemoryView {
    pub(super) fn begin(shared: Arc<Shared>) -> Self {
        let version = lock(&shared).begin();
        Self { shared, version, read: Mutex::new(Vec::new()) }
    }

    /// Commits what the transaction function decided. A decision without writes cannot conflict: its reads
    /// all come from one version.
    pub(super) fn commit(&self, mutations: Mutations) -> Result<(), KvError> {
        if mutations.is_empty() {
            return Ok(());
        }
        let read = std::mem::take(&mut *self.read.lock().unwrap_or_else(PoisonError::into_inner));
        lock(&self.shared).commit(self.version, &read, mutations)
    }

    fn note(&self, isolation: Isolation, range: KeyRange) {
        if isolation == Isolation::Serializable {
            self.read.lock().unwrap_or_else(PoisonError::into_inner).push(range);
        }
    }

    async fn scan_rows(&self, scan: Scan, visitor: &mut Visitor<'_>) -> Result<(), KvError> {
        let mut start = scan.range.start().to_vec();
        let mut left = if scan.rows_max == 0 { usize::MAX } else { scan.rows_max };
        while left > 0 {
            yield_once().await;
            let chunk_max = left.min(CHUNK_ROWS);
            let chunk = KeyRange::new(start, scan.range.end());
            let rows = lock(&self.shared).range(&chunk, self.version, chunk_max)?;
            for (key, value) in &rows {
                let flow = visitor(key, value);
                left -= 1;
                if flow == ControlFlow::Break(()) || left == 0 {
                    let past = KeyRange::single(key.clone());
                    self.note(scan.isolation, KeyRange::new(scan.range.start(), past.end()));
                    return Ok(());
                }
            }
            match rows.into_iter().next_back() {
                Some((last, _)) => start = KeyRange::single(last).end().to_vec(),
                None => break,
            }
        }
        self.note(scan.isolation, scan.range);
        Ok(())
    }
}

impl Drop for MemoryView {
    fn drop(&mut self) {
        lock(&self.shared).end(self.version);
    }
}

impl View for MemoryView {
    fn get<'a>(
        &'a self,
        key: &'a [u8],
        isolation: Isolation,
    ) -> BoxFuture<'a, Result<Option<Bytes>, KvError>> {
        async move {
            yield_once().await;
            self.note(isolation, KeyRange::single(key));
            lock(&self.shared).get(key, self.version)
        }
        .boxed()
    }

    fn scan<'a>(&'a self, scan: Scan, visitor: &'a mut Visitor<'_>) -> BoxFuture<'a, Result<(), KvError>> {
        self.scan_rows(scan, visitor).boxed()
    }
}

/// Lets other tasks run, as a network would.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

//! Whether a store can be reached, how its backend says it is, and what it has done.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};

use crate::codec::{self, StoreRow, key};
use crate::kv::{Isolation, ReadBody, Status, View};
use crate::metrics::{FileNow, Metrics};

use super::Engine;
use super::error::{Failure, StoreError, surface};

/// Reads the row that marks a key space as a Baton store.
struct Ping;

impl ReadBody for Ping {
    type Output = ();
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let mark_key = key::store();
            let mark = view.get(&mark_key, Isolation::Snapshot).await?;
            let mark = mark.ok_or_else(|| damaged("the store's own row is gone: was its range cleared?"))?;
            let _: StoreRow = codec::decode(&mark_key, &mark).map_err(|error| damaged(&error.to_string()))?;
            Ok(())
        }
        .boxed()
    }
}

fn damaged(detail: &str) -> StoreError {
    StoreError::Corrupt { actor: None, page: None, txid: None, detail: detail.to_owned() }
}

impl Engine {
    /// How long one read of the store's own row took, attempts that failed included.
    pub async fn ping(&self) -> Result<Duration, StoreError> {
        let begun = self.core.env.elapsed();
        self.core.read(&Arc::new(Ping)).await?;
        Ok(self.core.env.elapsed().saturating_sub(begun))
    }

    /// How the backend is, as far as it can tell.
    pub async fn status(&self) -> Result<Status, StoreError> {
        self.core.kv.status().await.map_err(surface)
    }

    /// What this store has done since it was opened.
    pub fn metrics(&self) -> &Metrics {
        &self.core.metrics
    }

    /// Transactions that wait for the thread that commits, and actors that are being tidied up after.
    pub fn queues(&self) -> (u64, u64) {
        (self.core.kv.waiting(), self.core.background.len() as u64)
    }

    /// What the store's file uses, and whom it waits for, where there is one.
    pub fn file(&self) -> FileNow {
        let usage = self.core.kv.usage();
        FileNow {
            bytes: usage.file_bytes,
            free_bytes: usage.free_bytes,
            reads: usage.reads,
            oldest_read_seconds: usage.oldest_read.as_secs(),
            oldest_read_commits: usage.oldest_read_commits,
            write_turn_seconds: usage.write_turn.as_secs(),
            waits_for_turn: usage.waits_for_turn,
            dead_readers: usage.dead_readers,
        }
    }
}

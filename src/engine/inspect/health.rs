//! Health: whether the store can be reached, the status of its backend, and its metrics.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};

use crate::codec::{self, StoreRow, key};
use crate::engine::error::{Failure, StoreError};
use crate::engine::runtime::core::Core;
use crate::kv::{Isolation, ReadFn, View};
use crate::metrics::FileNow;

/// Reads the row that marks a key space as a Baton store.
struct Ping;

impl ReadFn for Ping {
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

/// How long one read of the store's own row took, including failed attempts.
pub(crate) async fn ping(core: &Core) -> Result<Duration, StoreError> {
    let begun = core.env.elapsed();
    core.read(&Arc::new(Ping)).await?;
    Ok(core.env.elapsed().saturating_sub(begun))
}

/// How much of the store's file is in use, and whom the store waits for, if it has a file.
pub(crate) fn file(core: &Core) -> FileNow {
    let usage = core.kv.usage();
    FileNow {
        bytes: usage.file_bytes,
        free_bytes: usage.free_bytes,
        reads: usage.reads,
        oldest_read_seconds: usage.oldest_read.as_secs(),
        oldest_read_commits: usage.oldest_read_commits,
        write_turn_seconds: usage.write_turn.as_secs(),
        waits_for_turn: usage.waits_for_turn,
        dead_readers: usage.dead_readers,
        journal_records: usage.journal.records,
        journal_bytes: usage.journal.bytes,
        journal_flushes: usage.journal.flushes,
        checkpoints: usage.journal.checkpoints,
        checkpoint_ms: usage.journal.checkpoint_ms,
    }
}

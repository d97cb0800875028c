//! A handle of an open directory: queues transactions, waits for their answers, closes.

use std::path::Path;
use std::sync::{Arc, PoisonError};

use super::committer;
use super::options::Settings;
use super::queue::{Job, Leader};
use super::registry::{Directories, Shared};
use crate::blocking::leading;
use crate::kv::{KvError, TransactionRunner};
use crate::sync::{Mutex, oneshot};

/// One handle's share of an open directory.
pub(super) struct Handle {
    /// `None` once the handle is closed.
    share: Mutex<Option<Arc<Shared>>>,
}

impl Handle {
    /// Opens an existing directory, or shares the open one.
    pub(super) fn open(directories: &Directories, path: &Path, settings: Settings) -> Result<Self, KvError> {
        let shared = directories.open(path, settings)?;
        Ok(Self { share: Mutex::new(Some(shared)) })
    }

    /// The share, which keeps the directory open.
    pub(super) fn share(&self) -> Result<Arc<Shared>, KvError> {
        let share = self.share.lock().unwrap_or_else(PoisonError::into_inner);
        share.clone().ok_or(KvError::Closed)
    }

    /// Queues a transaction and waits for its answer.
    pub(super) async fn run(&self, body: Arc<dyn TransactionRunner>) -> Result<(), KvError> {
        run(self.share()?, Some(body)).await
    }

    /// Gives the share up. Everything queued through this handle is answered before; the last user of the
    /// directory waits until LMDB has closed.
    pub(super) async fn close(&self) {
        let share = self.share.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(share) = share else { return };
        // The queue is in order, so when this job is answered, all earlier ones are. It fails only if the
        // committing thread is gone, and then there is nothing to wait for.
        let _finished = run(Arc::clone(&share), None).await;
        let mut closed = share.store.closed();
        if Arc::into_inner(share).is_some() {
            // This was the last user: LMDB closes as soon as the thread has ended.
            while closed.changed().await.is_ok() {}
        }
    }
}

async fn run(share: Arc<Shared>, body: Option<Arc<dyn TransactionRunner>>) -> Result<(), KvError> {
    let (answer, answered) = oneshot::channel();
    let lead = share.queue.put(Job { body, answer }, leading::is_allowed())?;
    if let Some(lead) = lead {
        let store = Arc::clone(&share.store);
        leading::hand_over(move || committer::commit_batch(&store, lead, Leader::Caller));
    }
    // A caller that only waits for its answer must not keep the queue open.
    drop(share);
    answered.await.unwrap_or_else(|_| {
        Err(KvError::UnknownOutcome { detail: "whoever committed ended before its answer".into() })
    })
}

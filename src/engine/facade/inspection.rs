//! Operations that inspect a store: what it holds, and its health.

use std::time::Duration;

use crate::engine::api::ListRequest;
use crate::engine::error::{StoreError, surface};
use crate::engine::inspect::survey::HistorySurvey;
use crate::engine::inspect::verify::{Verification, VerifyScope};
use crate::engine::inspect::{actor, health, list, usage};
use crate::engine::read::committed;
use crate::kv::Status;
use crate::metrics::{FileNow, Metrics};
use crate::plan::{Audited, HistoryUsage};
use crate::types::{ActorId, Meta};

use super::Engine;

impl Engine {
    /// The state of an actor, if it exists.
    pub async fn stat(&self, actor: &ActorId) -> Result<Option<Meta>, StoreError> {
        committed::stat(&self.core, actor).await
    }

    /// The actors of the store, in the byte order of their ids.
    pub async fn list(&self, request: &ListRequest) -> Result<Vec<ActorId>, StoreError> {
        list::list(&self.core, request).await
    }

    /// Everything stored for an actor, including a deleted or damaged one; `None` if there is nothing.
    pub async fn inspect(&self, id: &ActorId) -> Result<Option<Audited>, StoreError> {
        actor::inspect(&self.core, id).await
    }

    /// What the history of an actor holds. Reads every row of the actor.
    pub async fn history_usage(&self, id: &ActorId) -> Result<HistoryUsage, StoreError> {
        usage::history_usage(&self.core, id).await
    }

    /// Begins to count what the history of all actors holds whose ids begin with a prefix.
    pub fn history_survey(&self, prefix: &str) -> HistorySurvey {
        HistorySurvey::new(&self.core, prefix)
    }

    /// Begins a check of every row.
    pub fn verify(&self, scope: VerifyScope) -> Verification {
        Verification::new(&self.core, scope)
    }

    /// How long one read of the store's own row took, including failed attempts.
    pub async fn ping(&self) -> Result<Duration, StoreError> {
        health::ping(&self.core).await
    }

    /// The status of the backend, as far as it can tell.
    pub async fn status(&self) -> Result<Status, StoreError> {
        self.core.kv.status().await.map_err(surface)
    }

    /// What this store has done since it was opened.
    pub fn metrics(&self) -> &Metrics {
        &self.core.metrics
    }

    /// The number of transactions that wait for the committing thread, and of actors with cleanup work in
    /// progress.
    pub fn queues(&self) -> (u64, u64) {
        (self.core.kv.waiting(), self.core.background.len() as u64)
    }

    /// How much of the store's file is in use, and whom the store waits for, if it has a file.
    pub fn file(&self) -> FileNow {
        health::file(&self.core)
    }
}

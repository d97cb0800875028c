//! Operations that inspect a store: what it holds, and its health.

use std::time::Duration;

use crate::engine::api::ListRequest;
use crate::engine::error::{StoreError, surface};
use crate::engine::inspect::verify::{Verification, VerifyScope};
use crate::engine::inspect::{actor, health, list};
use crate::engine::read::committed;
use crate::kv::Status;
use crate::metrics::{FileNow, Metrics};
use crate::plan::Audited;
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

    /// What is stored of an actor, also of a deleted or damaged one; `None` where there is nothing.
    pub async fn inspect(&self, id: &ActorId) -> Result<Option<Audited>, StoreError> {
        actor::inspect(&self.core, id).await
    }

    /// Begins to check every row.
    pub fn verify(&self, scope: VerifyScope) -> Verification {
        Verification::new(&self.core, scope)
    }

    /// How long one read of the store's own row took, attempts that failed included.
    pub async fn ping(&self) -> Result<Duration, StoreError> {
        health::ping(&self.core).await
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
        health::file(&self.core)
    }
}

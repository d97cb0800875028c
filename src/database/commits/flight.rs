//! Carries the commits of a database to the store, one after the other, until nothing has gathered.

use std::sync::Arc;
use std::task::{Context, Waker};

use futures::future::{BoxFuture, FutureExt};
use tracing::Instrument;

use crate::blocking::leading::{self, Woken};
use crate::engine::{Caller, Commit, PageWrite, StoreError};
use crate::sync::Runtime;
use crate::types::Txid;

use super::group::{Flight, GroupCommit};
use super::layer::Layer;
use super::way::Way;

impl Flight {
    /// This commit and those that follow it.
    pub(crate) async fn fly(self) {
        let mut next = Some(self);
        while let Some(flight) = next {
            next = flight.land().await;
        }
    }

    /// This commit. Returns the next one.
    async fn land(mut self) -> Option<Self> {
        let layer = self.layer.clone()?;
        let (commits, head) = (Arc::clone(&self.commits), self.head);
        let carried = (layer.pages().len(), layer.transactions());
        let outcome = send(&commits, layer, head).instrument(self.span.clone()).await;
        self.layer = None;
        commits.ended(carried, outcome)
    }

    /// Sets off on a thread that may block and holds no lock. If the store lets callers commit, and if there is
    /// nothing better to do here (other calls of this database), it does so, for whatever else waits, too.
    pub(crate) fn set_off(self, runtime: &Runtime, is_idle: bool) {
        let engine = Arc::clone(&self.commits.engine);
        if engine.is_led() {
            let way = Way::new(&engine, runtime, self.fly().boxed());
            return if is_idle { leading::allow(|| way.go_on()) } else { way.go_on() };
        }
        // A first step is made here, unless that delays other calls.
        let mut way: BoxFuture<'static, ()> = self.fly().boxed();
        if !is_idle || way.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            engine.spawn(way);
        }
    }

    /// Sets off where the engine runs its tasks.
    pub(crate) fn set_off_elsewhere(self) {
        let engine = Arc::clone(&self.commits.engine);
        engine.spawn(self.fly().boxed());
    }
}

async fn send(commits: &GroupCommit, layer: Arc<Layer>, head: Txid) -> Result<Txid, StoreError> {
    let pages = layer.pages().iter().map(|(page, data)| PageWrite { page: *page, data }).collect();
    let commit = Commit { generation: commits.generation, head_txid: head, size_pages: layer.size(), pages };
    let caller = Caller { wanted: Some(commits.wanted()), owner: commits.owner };
    commits.engine.commit_as(caller, &commits.actor, commit).await
}

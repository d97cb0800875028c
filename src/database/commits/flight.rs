//! Carries the commits of a database to the store, one after the other, until nothing has gathered.

use std::sync::Arc;
use std::task::{Context, Waker};

use futures::future::{BoxFuture, FutureExt};
use tracing::Instrument;

use crate::engine::{Commit, PageWrite, StoreError};
use crate::types::Txid;

use super::group::{Flight, GroupCommit};
use super::layer::Layer;

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

    /// Sets off. A first step is made on this thread, unless there is something better to do here: if it is not
    /// the last one, the runtime goes on.
    pub(crate) fn set_off(self, hand_over: bool) {
        let commits = Arc::clone(&self.commits);
        let mut way: BoxFuture<'static, ()> = self.fly().boxed();
        if !hand_over && way.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
        commits.engine.spawn(way);
    }
}

async fn send(commits: &GroupCommit, layer: Arc<Layer>, head: Txid) -> Result<Txid, StoreError> {
    let pages = layer.pages().iter().map(|(page, data)| PageWrite { page: *page, data }).collect();
    let commit = Commit { generation: commits.generation, head_txid: head, size_pages: layer.size(), pages };
    commits.engine.commit_while(Some(commits.wanted()), &commits.actor, commit).await
}

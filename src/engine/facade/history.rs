//! The operations of history.

use std::path::Path;

use crate::engine::api::PageSet;
use crate::engine::commit::cleanup;
use crate::engine::error::StoreError;
use crate::engine::history::pins::Unpin;
use crate::engine::history::policy::Setting;
use crate::engine::history::{
    Forked, PinRequest, PointInfo, PointRef, PointsRequest, Restored, fork, past, pins, points, policy,
    restore,
};
use crate::engine::read::peek::Peek;
use crate::engine::retention::thin;
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::events::history::{self as events, RestoreTold};
use crate::engine::runtime::metrics;
use crate::engine::transfer::export_point;
use crate::types::{ActorId, HistoryPolicy, Meta, PageNumber, Token, Txid};

use super::Engine;

impl Engine {
    /// Says what this store keeps by default, before the first operation: nothing (`None`), or what a policy
    /// says. Without it actors stay as they are, and new ones keep nothing.
    pub fn keep_history(&self, policy: Option<HistoryPolicy>) {
        self.core.set_history(policy);
    }

    /// Sets what one actor keeps; `None` is what the store says, and `Some(None)` nothing.
    pub async fn set_history(
        &self,
        actor: &ActorId,
        policy: Option<Option<HistoryPolicy>>,
    ) -> Result<(), StoreError> {
        let setting = match policy {
            None => Setting::AsStore,
            Some(None) => Setting::Off,
            Some(Some(policy)) => Setting::Own(policy),
        };
        policy::set_policy(&self.core, actor, setting).await
    }

    /// The points of an actor, newest first.
    pub async fn points(
        &self,
        actor: &ActorId,
        request: &PointsRequest,
    ) -> Result<Vec<PointInfo>, StoreError> {
        points::points(&self.core, actor, request).await
    }

    /// The point that is meant.
    pub async fn find_point(&self, actor: &ActorId, at: PointRef) -> Result<PointInfo, StoreError> {
        points::find(&self.core, actor, at).await
    }

    /// Keeps a point whatever the policy says. An actor without history keeps its state from then on.
    pub async fn pin(&self, actor: &ActorId, at: PointRef, pin: PinRequest) -> Result<Txid, StoreError> {
        let pinning = async { pins::pin(&self.core, actor, at, pin).await.map(|(txid, _)| txid) };
        metrics::told(&self.core, events::pin(&self.core, actor, pinning).await)
    }

    /// Removes the pins of a name; returns how many there were.
    pub async fn unpin_name(&self, actor: &ActorId, name: String) -> Result<usize, StoreError> {
        events::unpin(&self.core, actor, pins::unpin(&self.core, actor, Unpin::Name(name))).await
    }

    /// Removes the pins that users have set on a point, and those of restores.
    pub async fn unpin_point(&self, actor: &ActorId, point: Txid) -> Result<usize, StoreError> {
        events::unpin(&self.core, actor, pins::unpin(&self.core, actor, Unpin::Point(point))).await
    }

    /// Sets an actor back to a point, whoever owns it. The owner is fenced; the state before stays for a
    /// while.
    pub async fn restore(&self, actor: &ActorId, to: PointRef) -> Result<Restored, StoreError> {
        let restoring = restore::restore(&self.core, actor, to);
        let told = |restored: &Restored| {
            let Restored { generation, txid, to, undo, .. } = *restored;
            RestoreTold { generation, txid, to, undo }
        };
        metrics::restoring(&self.core, events::restore(&self.core, actor, restoring, told).await)
    }

    /// Makes an actor that shows a point of another one.
    pub async fn fork(&self, from: &ActorId, to: &ActorId, at: PointRef) -> Result<Forked, StoreError> {
        let forking = fork::fork(&self.core, from, to, at);
        let told = |forked: &Forked| (forked.generation, forked.at);
        metrics::forking(&self.core, events::fork(&self.core, (from, to), forking, told).await)
    }

    /// Copies what an actor shows of others, so that it stands by itself.
    pub async fn flatten(&self, actor: &ActorId) -> Result<(), StoreError> {
        cleanup::flatten(&self.core, actor, None).await
    }

    /// Pages of a point, as many of the first ones as fit one read, and the state at it.
    pub async fn peek_at(
        &self,
        actor: &ActorId,
        point: Txid,
        pages: &[PageNumber],
    ) -> Result<Peek, StoreError> {
        past::read_point(&self.core, actor, point, pages).await
    }

    /// Pages of a point.
    pub async fn get_pages_at(
        &self,
        actor: &ActorId,
        point: Txid,
        pages: &[PageNumber],
    ) -> Result<PageSet, StoreError> {
        past::get_pages_at(&self.core, actor, point, pages).await
    }

    /// Keeps a point for a reader, for a minute from each call on.
    pub async fn hold_for_reader(
        &self,
        actor: &ActorId,
        at: PointRef,
        reader: Token,
    ) -> Result<Txid, StoreError> {
        past::hold_or_find(&self.core, actor, at, reader).await
    }

    /// Ends what [`Engine::hold_for_reader`] has begun.
    pub async fn release_reader(
        &self,
        actor: &ActorId,
        point: Txid,
        reader: Token,
    ) -> Result<(), StoreError> {
        past::release(&self.core, actor, point, reader).await
    }

    /// Writes a point of an actor to a file, completely or not at all. An existing file is refused unless it may
    /// be replaced.
    pub async fn export_point(
        &self,
        actor: &ActorId,
        at: PointRef,
        file: &Path,
        replaces: bool,
    ) -> Result<Meta, StoreError> {
        let exported = export_point::export_point(&self.core, actor, at, file, replaces).await;
        metrics::exporting(&self.core, exported)
    }

    /// Drops now what an actor's policy does not keep. Returns how many points that were.
    pub async fn thin(&self, actor: &ActorId) -> Result<u64, StoreError> {
        thin::thin(&self.core, &Actor::new(actor), || true).await.map(|thinned| thinned.dropped)
    }
}

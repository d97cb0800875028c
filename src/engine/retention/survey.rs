//! What is to be known before points are dropped.

use std::collections::BTreeSet;

use futures::future::{BoxFuture, FutureExt};

use crate::codec::{FenceState, Head, HistoryRow, Lineage, Pin};
use crate::engine::error::Failure;
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::core::Core;
use crate::kv::{Isolation, ReadFn, View};
use crate::planted::{self, Bug};
use crate::types::{HistoryPolicy, Token, Txid};

use super::rows;

/// Reads an actor's history, except for its points.
pub(super) struct Look(pub(super) Actor);

/// An actor's history, except for its points.
pub(super) struct Survey {
    pub(super) is_live: bool,
    pub(super) head: Head,
    pub(super) row: Option<HistoryRow>,
    pub(super) pins: Vec<(Txid, Token, Pin)>,
    /// Newest first, each with the txid that it begins with.
    pub(super) lines: Vec<(Txid, Lineage)>,
}

impl ReadFn for Look {
    type Output = Survey;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Survey, Failure>> {
        async move {
            let Self(actor) = self;
            let (fence, head) = actor.fence_and_head(view, Isolation::Snapshot).await?;
            Ok(Survey {
                is_live: fence.is_some_and(|fence| fence.state == FenceState::Live),
                head,
                row: rows::policy(view, actor, Isolation::Snapshot).await?,
                pins: rows::all_pins(view, actor, Isolation::Snapshot).await?,
                lines: rows::lines(view, actor, Isolation::Snapshot).await?,
            })
        }
        .boxed()
    }
}

impl Survey {
    /// The policy that counts: the actor's own, that of the store as it is open here, or the one with which
    /// history began. A deleted actor keeps only what is pinned.
    pub(super) fn policy(&self, core: &Core) -> Option<HistoryPolicy> {
        let begun = self.row.as_ref().and_then(|row| row.policy.clone());
        match &self.row {
            _ if !self.is_live => None,
            Some(row) if row.own => begun,
            _ if core.ends_history() => None,
            _ => core.history().cloned().or(begun),
        }
    }

    /// The points that stay in any case.
    pub(super) fn held(&self, now_ms: u64) -> BTreeSet<Txid> {
        let head = self.is_live.then_some(self.head.txid);
        let pinned = self.pins.iter().filter(|(_, _, pin)| pin.holds_at(now_ms)).map(|(txid, _, _)| *txid);
        let pinned = pinned.filter(|_| !planted::has(Bug::PinIgnored));
        head.into_iter().chain(pinned).chain(line_ends(&self.lines)).collect()
    }

    /// The txid above which the versions of a point's line begin.
    pub(super) fn floor(&self, txid: Txid) -> Txid {
        let line = self.lines.iter().find(|(begin, _)| *begin <= txid);
        line.map_or(Txid::ZERO, |(_, line)| line.floor)
    }
}

/// The points of the actor itself on which its lines build.
pub(super) fn line_ends(lines: &[(Txid, Lineage)]) -> impl Iterator<Item = Txid> + '_ {
    let segments = lines.iter().flat_map(|(_, line)| &line.below);
    segments.filter(|segment| segment.actor.is_none()).map(|segment| segment.to)
}

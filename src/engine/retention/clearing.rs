//! Clears the versions of an actor that lie below the floor of its line, once nobody shows them: what an actor
//! without points has left behind when its line began anew.

use std::ops::ControlFlow;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};

use crate::codec::Head;
use crate::engine::error::{Failure, StoreError, corrupt};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::core::Core;
use crate::kv::{Decision, Isolation, KeyRange, Limits, Mutations, RoomUse, Scan, TransactionFn, View};
use crate::plan;
use crate::planted::{self, Bug};
use crate::types::{ActorId, PageNumber, Txid};

use super::release::release;
use super::rows;

/// The rows that one step reads at most.
const ROWS_A_STEP_MAX: usize = 1_000;

struct Clear {
    actor: Actor,
    limits: Limits,
    /// Where to go on.
    start: Option<Vec<u8>>,
}

enum Progress {
    /// Go on behind this key.
    Behind(Vec<u8>),
    /// Of these actors something is pinned no longer.
    Done(Vec<ActorId>),
}

/// The floor below which nothing is shown, if that is so.
fn floor(head: &Head) -> Option<Txid> {
    let history = head.history.as_ref().filter(|history| !history.keeps)?;
    let lineage = &history.lineage;
    (lineage.below.is_empty() && lineage.floor > Txid::ZERO).then_some(lineage.floor)
}

impl TransactionFn for Clear {
    type Output = Progress;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Progress>, Failure>> {
        async move {
            let head = self.actor.stored_head(view, Isolation::Snapshot).await?;
            let Some(floor) = head.as_ref().and_then(floor) else {
                return Ok(Decision::answer(Progress::Done(Vec::new())));
            };
            let all = self.actor.keys.pages_from(PageNumber::FIRST);
            let start = self.start.clone().unwrap_or_else(|| all.start().to_vec());
            let (mut gone, mut last, mut failed) = (Vec::new(), None, None);
            let (mut rows, mut bytes) = (0, 0);
            let bytes_max = self.limits.freed_bytes.unwrap_or(usize::MAX).min(1 << 20);
            let mut visit = |key: &[u8], value: &[u8]| {
                match self.actor.keys.parse_page(key) {
                    Ok((_, txid)) if txid <= floor => {
                        gone.push(key.to_vec());
                        bytes += value.len();
                    }
                    Ok(_) => {}
                    Err(error) => failed = Some(corrupt(&self.actor.id, &error)),
                }
                rows += 1;
                last = Some(key.to_vec());
                if bytes < bytes_max && failed.is_none() {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            };
            let scan = Scan::snapshot(KeyRange::new(start, all.end())).rows(ROWS_A_STEP_MAX);
            view.scan(scan, &mut visit).await?;
            if let Some(error) = failed {
                return Err(Failure::Store(error));
            }
            let mut mutations = Mutations::with_capacity(gone.len());
            mutations.use_room(RoomUse::Frees);
            for key in gone {
                mutations.delete_guarded(key);
            }
            if let Some(last) = last.filter(|_| rows >= ROWS_A_STEP_MAX || bytes >= bytes_max) {
                return Ok(Decision::write(mutations, Progress::Behind(last)));
            }
            let released = self.end(view, floor, &mut mutations).await?;
            Ok(Decision::write(mutations, Progress::Done(released)))
        }
        .boxed()
    }
}

impl Clear {
    /// Nothing is left below the floor, and nothing ever comes there: the line begins with the actor. Earlier lines
    /// go, and what they hold of other actors.
    async fn end(
        &self,
        view: &dyn View,
        cleared: Txid,
        mutations: &mut Mutations,
    ) -> Result<Vec<ActorId>, Failure> {
        let head = self.actor.stored_head(view, Isolation::Serializable).await?;
        let Some(head) = head.filter(|head| floor(head) == Some(cleared)) else {
            return Ok(Vec::new());
        };
        let Some(mut history) = head.history.clone() else { return Ok(Vec::new()) };
        let off = history.off;
        history.lineage.floor = Txid::ZERO;
        let next = Head { history: Some(history), ..head };
        self.actor.put_head(mutations, &plan::settled(&next, off));
        let lines = rows::lines(view, &self.actor, Isolation::Serializable).await?;
        mutations.clear_range(self.actor.keys.lines_to(Txid(u64::MAX)));
        Ok(if planted::has(Bug::LinesClearedAlone) { Vec::new() } else { release(mutations, &lines, &[]) })
    }
}

/// Clears what lies below the floor, if nobody shows it. Returns the actors of which something is pinned no longer.
pub(crate) async fn clear_below(core: &Core, actor: &Actor) -> Result<Vec<ActorId>, StoreError> {
    let mut start = None;
    loop {
        let step = Clear { actor: actor.clone(), limits: core.limits, start };
        match core.decide(&Arc::new(step)).await? {
            Progress::Behind(key) => start = Some(KeyRange::single(key).end().to_vec()),
            Progress::Done(released) => return Ok(released),
        }
    }
}

//! fork: a new actor that shows a point of another one, in one transaction of a few rows.

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::{BoxFuture, FutureExt};

use crate::codec::{Head, HistoryRow, Pin, PinKind};
use crate::engine::commit::cleanup;
use crate::engine::error::{Failure, StoreError};
use crate::engine::retention::rows;
use crate::engine::runtime::actor::{Actor, put_row};
use crate::engine::runtime::core::Core;
use crate::kv::{Decision, Isolation, Mutations, TransactionFn, View};
use crate::plan::{self, ForkPlan, ForkRequest};
use crate::planted::{self, Bug};
use crate::types::{ActorId, HistoryPolicy, Token, Txid};

use super::api::{Forked, PointRef};
use super::pins::{Held, Noted, Pending, hold};

struct Fork {
    source: Actor,
    child: Actor,
    at: PointRef,
    token: Token,
    now_ms: u64,
    /// The store's history.
    policy: Option<HistoryPolicy>,
    noted: Noted,
    /// The commit of each attempt, and what it would have done. Of one whose answer was lost this tells what it has
    /// done.
    tried: Mutex<Vec<(Txid, Forked)>>,
}

enum Forking {
    Done(Forked),
    /// The source has to be cleaned up first.
    Source(Pending),
    /// What an earlier life of the child has left has to be cleaned up first.
    Child(Pending),
    /// The line of this point has to be flattened first.
    TooDeep(Txid),
}

impl TransactionFn for Fork {
    type Output = Forking;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Forking>, Failure>> {
        async move {
            let (fence, head) = self.child.fence_and_head(view, Isolation::Serializable).await?;
            if let Some(done) = self.done(view, &head).await? {
                return Ok(Decision::answer(Forking::Done(done)));
            }
            let held = hold(view, &self.source, &self.at, &self.noted, self.now_ms).await?;
            let Held { txid: at, point, mut mutations, head: source_head } = match held {
                Ok(held) => held,
                Err(pending) => return Ok(Decision::answer(Forking::Source(pending))),
            };
            let line = rows::line(view, &self.source, at, Isolation::Serializable).await?;
            // A fork keeps what its source keeps.
            let row = rows::policy(view, &self.source, Isolation::Snapshot).await?;
            let own = row.filter(|row| row.own);
            let off = source_head.history.is_some_and(|history| history.off);
            let keeps = own.as_ref().map_or(self.policy.is_some() && !off, |row| row.policy.is_some());
            let request = ForkRequest {
                source: self.source.id.clone(),
                at,
                token: self.token,
                now_ms: self.now_ms,
                keeps,
            };
            match plan::fork(fence.as_ref(), &head, (&point, &line), &request) {
                ForkPlan::Exists => Err(StoreError::Exists { actor: self.child.id.clone() }.into()),
                ForkPlan::CleanupPending(generation, pending) => {
                    Ok(Decision::answer(Forking::Child((generation, pending))))
                }
                ForkPlan::TooDeep => Ok(Decision::answer(Forking::TooDeep(at))),
                ForkPlan::Write { fence, head, point, line } => {
                    let child = &self.child;
                    child.put_fence(&mut mutations, &fence);
                    child.put_head(&mut mutations, &head);
                    put_row(&mut mutations, child.keys.line(head.txid), &line);
                    if let Some(point) = &point {
                        put_row(&mut mutations, child.keys.point(head.txid), point);
                    }
                    let default = || HistoryRow { own: false, policy: self.policy.clone() };
                    if keeps || own.is_some() {
                        put_row(&mut mutations, child.keys.history(), &own.unwrap_or_else(default));
                    }
                    self.pin_segments(&mut mutations, &line);
                    self.take_hints(view, &mut mutations).await?;
                    let forked = Forked { generation: fence.generation, at };
                    self.tried.lock().unwrap_or_else(PoisonError::into_inner).push((head.txid, forked));
                    Ok(Decision::write(mutations, Forking::Done(forked)))
                }
            }
        }
        .boxed()
    }
}

impl Fork {
    /// What an earlier attempt has done. The child's head forgets its mark once others have committed; then the pin
    /// on the source tells.
    async fn done(&self, view: &dyn View, child: &Head) -> Result<Option<Forked>, Failure> {
        let tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Of attempts at the same head, an earlier one that had another generation before it was refused.
        for (txid, forked) in tried.into_iter().rev() {
            let is_marked = child.recent.iter().any(|mark| mark.token == self.token && mark.txid == txid);
            let pin = self.source.keys.pin(forked.at, self.token);
            if is_marked || view.get(&pin, Isolation::Snapshot).await?.is_some() {
                return Ok(Some(forked));
            }
        }
        Ok(None)
    }

    /// The child pins every segment by itself, so that no change of its ancestors' users can take rows away
    /// from under it.
    fn pin_segments(&self, mutations: &mut Mutations, line: &crate::codec::Lineage) {
        let pin = Pin {
            kind: PinKind::Fork(self.child.id.clone()),
            created_at_ms: self.now_ms,
            expires_at_ms: 0,
            name: String::new(),
        };
        for segment in line.below.iter().filter(|_| !planted::has(Bug::ForkNotPinned)) {
            if let Some(ancestor) = &segment.actor {
                put_row(mutations, Actor::new(ancestor).keys.pin(segment.to, self.token), &pin);
            }
        }
    }

    /// What a start of the source needs, a start of the fork needs, too.
    async fn take_hints(&self, view: &dyn View, mutations: &mut Mutations) -> Result<(), Failure> {
        let hints: Option<crate::codec::Hints> =
            self.source.row(view, self.source.keys.hints(), Isolation::Snapshot).await.unwrap_or_default();
        if let Some(hints) = hints {
            put_row(mutations, self.child.keys.hints(), &hints);
        }
        Ok(())
    }
}

/// Forks a point of an actor as another one, which must not exist.
pub(crate) async fn fork(
    core: &Arc<Core>,
    source: &ActorId,
    child: &ActorId,
    at: PointRef,
) -> Result<Forked, StoreError> {
    if source == child {
        return Err(StoreError::Exists { actor: child.clone() });
    }
    let body = Arc::new(Fork {
        source: Actor::new(source),
        child: Actor::new(child),
        at,
        token: core.env.token(),
        now_ms: core.env.now_ms(),
        policy: core.history().cloned(),
        noted: Noted::default(),
        tried: Mutex::default(),
    });
    loop {
        match core.decide(&body).await? {
            Forking::Done(forked) => return Ok(forked),
            Forking::Source((generation, pending)) => {
                cleanup::clean_up(core, &body.source, generation, pending).await?;
            }
            Forking::Child((generation, pending)) => {
                cleanup::clean_up(core, &body.child, generation, pending).await?;
            }
            Forking::TooDeep(at) => cleanup::flatten(core, source, Some(at)).await?,
        }
    }
}

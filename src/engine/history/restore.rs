//! restore: takes an actor from its owner and sets it back, in one transaction of a few rows.

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::{BoxFuture, FutureExt};

use crate::codec::Head;
use crate::engine::commit::cleanup;
use crate::engine::error::{Failure, StoreError};
use crate::engine::retention::rows;
use crate::engine::runtime::actor::{Actor, put_row};
use crate::engine::runtime::core::Core;
use crate::kv::{Decision, Isolation, Mutations, RoomUse, TransactionFn, View};
use crate::plan::{self, RestorePlan, RestoreRequest};
use crate::planted::{self, Bug};
use crate::types::{ActorId, Token, Txid};

use super::api::{PointRef, Restored};
use super::resolve;

struct Restore {
    actor: Actor,
    to: PointRef,
    token: Token,
    now_ms: u64,
    /// What each attempt would have done. Of one whose answer was lost this tells what it has done.
    tried: Mutex<Vec<Restored>>,
}

/// The point whose line has to be flattened first.
struct TooDeep(Txid);

impl TransactionFn for Restore {
    type Output = Result<Restored, TooDeep>;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Self::Output>, Failure>> {
        async move {
            let (actor, token, now_ms) = (&self.actor, self.token, self.now_ms);
            let (fence, head) = actor.fence_and_head(view, Isolation::Serializable).await?;
            if let Some(done) = self.done(view, &head).await? {
                return Ok(Decision::answer(Ok(done)));
            }
            plan::check_readable(fence.as_ref()).map_err(|refusal| actor.refused(refusal))?;
            let to = resolve::resolve(view, actor, &head, &self.to, now_ms).await?;
            let point = resolve::kept_point(view, actor, &head, to).await?;
            let line = rows::line(view, actor, to, Isolation::Serializable).await?;
            let request = RestoreRequest { to, token, now_ms };
            let plan = plan::restore(fence.as_ref(), &head, (&point, &line), request)
                .map_err(|refusal| actor.refused(refusal))?;
            let time_ms = point.time_ms;
            match plan {
                RestorePlan::TooDeep => Ok(Decision::answer(Err(TooDeep(to)))),
                RestorePlan::Write { fence, head: next, point, line, undo: pin } => {
                    let mut mutations = Mutations::with_capacity(5);
                    actor.put_fence(&mut mutations, &fence);
                    actor.put_head(&mut mutations, &next);
                    put_row(&mut mutations, actor.keys.point(next.txid), &*point);
                    put_row(&mut mutations, actor.keys.line(next.txid), &*line);
                    // The state before stays for a while, in the same transaction: nothing is lost in between.
                    if let Some(pin) = &pin {
                        put_row(&mut mutations, actor.keys.pin(head.txid, token), pin);
                    }
                    mutations.use_room(RoomUse::Frees);
                    let (generation, txid) = (fence.generation, next.txid);
                    let restored = Restored { generation, txid, to, time_ms, undo: head.txid };
                    self.tried.lock().unwrap_or_else(PoisonError::into_inner).push(restored);
                    Ok(Decision::write(mutations, Ok(restored)))
                }
            }
        }
        .boxed()
    }
}

impl Restore {
    /// What an earlier attempt has done. The head forgets its mark once others have committed; then the pin of the
    /// state before tells.
    async fn done(&self, view: &dyn View, head: &Head) -> Result<Option<Restored>, Failure> {
        let tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let first = tried.first().copied();
        // Of attempts at the same head, an earlier one that had another generation before it was refused.
        for restored in tried.into_iter().rev() {
            let is_marked =
                head.recent.iter().any(|mark| mark.token == self.token && mark.txid == restored.txid);
            let pin = self.actor.keys.pin(restored.undo, self.token);
            if is_marked || view.get(&pin, Isolation::Snapshot).await?.is_some() {
                let undo = first.filter(|_| planted::has(Bug::UndoOfFirstAttempt)).unwrap_or(restored).undo;
                return Ok(Some(Restored { undo, ..restored }));
            }
        }
        Ok(None)
    }
}

/// Sets an actor back to a point. Whoever owned it is fenced.
pub(crate) async fn restore(core: &Arc<Core>, id: &ActorId, to: PointRef) -> Result<Restored, StoreError> {
    let body = Arc::new(Restore {
        actor: Actor::new(id),
        to,
        token: core.env.token(),
        now_ms: core.env.now_ms(),
        tried: Mutex::default(),
    });
    loop {
        match core.decide(&body).await? {
            Ok(restored) => {
                cleanup::thin_in_background(core, &Actor::new(id));
                return Ok(restored);
            }
            Err(TooDeep(to)) => cleanup::flatten(core, id, Some(to)).await?,
        }
    }
}

//! delete: the actor is gone at once. Its rows are deleted in bounded steps before the call returns.

use std::sync::{Arc, OnceLock};

use futures::future::{BoxFuture, FutureExt};

use crate::codec::{Fence, FenceState, Head, Lineage, Pin, PinKind};
use crate::engine::commit::cleanup;
use crate::engine::error::{Failure, StoreError};
use crate::engine::retention::rows;
use crate::engine::retention::thin::thin;
use crate::engine::runtime::actor::{Actor, put_row};
use crate::engine::runtime::core::Core;
use crate::kv::{Decision, Isolation, Mutations, RoomUse, TransactionFn, View};
use crate::plan::{self, DeletePlan, DeleteRequest, Held};
use crate::types::{ActorId, Generation, Token, Txid};

struct Delete {
    actor: Actor,
    token: Token,
    /// The life of the actor that was first seen, identified by its first generation.
    life: OnceLock<Generation>,
    held: Option<Held>,
}

enum Deleted {
    /// There is no actor. It may have left rows behind.
    Nothing(Option<(Fence, Head)>),
    /// The actor was deleted, and others have created it again.
    Before,
    /// Its rows are still there. Of these actors something is pinned no longer.
    Now(Fence, Head, Vec<ActorId>),
}

impl TransactionFn for Delete {
    type Output = Deleted;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Self::Output>, Failure>> {
        async move {
            let (fence, head) = futures::future::try_join(
                self.actor.fence(view, Isolation::Serializable),
                self.actor.stored_head(view, Isolation::Serializable),
            )
            .await?;
            if let Some(fence) = fence.filter(|fence| fence.state == FenceState::Live) {
                self.life.get_or_init(|| fence.first_generation);
            }
            let has_past = head.as_ref().is_some_and(|head| head.history.is_some());
            let past = Past::read(view, &self.actor, head.as_ref()).await?;
            let request = DeleteRequest {
                token: self.token,
                life: self.life.get().copied(),
                held: self.held,
                is_pinned: past.is_pinned(),
            };
            match plan::delete(fence.as_ref(), head.as_ref(), request) {
                DeletePlan::Absent => {
                    let left = fence.map(|fence| (fence, head.unwrap_or_else(Head::empty)));
                    Ok(Decision::answer(Deleted::Nothing(left)))
                }
                DeletePlan::Refused(refusal) => Err(self.actor.refused(refusal).into()),
                DeletePlan::AlreadyReplaced => Ok(Decision::answer(Deleted::Before)),
                DeletePlan::AlreadyDeleted(fence) => {
                    let head = head.unwrap_or_else(Head::empty);
                    Ok(Decision::answer(Deleted::Now(fence, head, Vec::new())))
                }
                DeletePlan::Delete(fence, head) => {
                    let mut mutations = Mutations::with_capacity(3);
                    self.actor.put_fence(&mut mutations, &fence);
                    mutations.delete_guarded(self.actor.keys.hints());
                    if let Some(next) = &head {
                        self.actor.put_head(&mut mutations, next);
                    }
                    if has_past && let Some(next) = &head {
                        past.end(&mut mutations, &self.actor, next);
                    }
                    mutations.use_room(RoomUse::Frees);
                    let head = head.unwrap_or_else(Head::empty);
                    let released = if past.is_pinned() { Vec::new() } else { past.released() };
                    Ok(Decision::write(mutations, Deleted::Now(fence, head, released)))
                }
            }
        }
        .boxed()
    }
}

/// The past of an actor that is deleted.
#[derive(Default)]
struct Past {
    pins: Vec<(Txid, Token, Pin)>,
    lines: Vec<(Txid, Lineage)>,
}

impl Past {
    /// Read with conflict detection, so that no fork comes in between.
    async fn read(view: &dyn View, actor: &Actor, head: Option<&Head>) -> Result<Self, Failure> {
        if head.is_none_or(|head| head.history.is_none()) {
            return Ok(Self::default());
        }
        let pins = rows::all_pins(view, actor, Isolation::Serializable).await?;
        Ok(Self { pins, lines: rows::lines(view, actor, Isolation::Serializable).await? })
    }

    /// Whether a state of the actor stays: for a fork, or because a user wants it.
    fn is_pinned(&self) -> bool {
        self.pins.iter().any(|(_, _, pin)| matches!(pin.kind, PinKind::User | PinKind::Fork(_)))
    }

    /// Lets go of what nobody needs any more.
    fn end(&self, mutations: &mut Mutations, actor: &Actor, head: &Head) {
        let pinned = self.is_pinned();
        for (txid, token, pin) in &self.pins {
            if !pinned || matches!(pin.kind, PinKind::Undo | PinKind::Reader) {
                mutations.delete(actor.keys.pin(*txid, *token));
            }
        }
        if let Some(history) = head.history.as_ref().filter(|_| pinned) {
            put_row(mutations, actor.keys.line(head.next_txid), &history.lineage);
            return;
        }
        for (begin, line) in &self.lines {
            mutations.delete(actor.keys.line(*begin));
            for segment in &line.below {
                if let Some(ancestor) = &segment.actor {
                    mutations.delete(Actor::new(ancestor).keys.pin(segment.to, line.pins));
                }
            }
        }
        mutations.delete(actor.keys.history());
    }

    /// The actors of which something is pinned no longer.
    fn released(&self) -> Vec<ActorId> {
        let segments = self.lines.iter().flat_map(|(_, line)| &line.below);
        let mut released: Vec<ActorId> = segments.filter_map(|segment| segment.actor.clone()).collect();
        released.sort();
        released.dedup();
        released
    }
}

/// Deletes an actor, with the owner's fence check only if `held` is given; `false` if there is none. Rows
/// that an import or a copy has written for a missing actor are deleted all the same: nobody else may come to
/// clear them.
pub(crate) async fn delete(core: &Arc<Core>, id: &ActorId, held: Option<Held>) -> Result<bool, StoreError> {
    let (actor, token, life) = (Actor::new(id), core.env.token(), OnceLock::new());
    let body = Arc::new(Delete { actor, token, life, held });
    let (deleted, left) = match core.decide(&body).await? {
        Deleted::Nothing(left) => (false, left),
        Deleted::Before => (true, None),
        Deleted::Now(fence, head, released) => {
            for ancestor in released {
                cleanup::thin_in_background(core, &Actor::new(&ancestor));
            }
            (true, Some((fence, head)))
        }
    };
    // From here on a kill leaves the rest to whoever creates the actor again: the head records it.
    if let Some((fence, head)) = left {
        for pending in plan::pending_cleanups(&head) {
            cleanup::clean_up(core, &body.actor, fence.generation, pending).await?;
        }
        for released in thin(core, &body.actor, || true).await?.released {
            cleanup::thin_in_background(core, &Actor::new(&released));
        }
    }
    Ok(deleted)
}

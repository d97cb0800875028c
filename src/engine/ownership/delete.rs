//! delete: the actor is gone at once. Its rows are deleted in bounded steps before the call returns.

use std::sync::{Arc, OnceLock};

use futures::future::{BoxFuture, FutureExt};

use crate::codec::{Fence, FenceState, Head};
use crate::engine::commit::cleanup;
use crate::engine::error::{Failure, StoreError};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::core::Core;
use crate::kv::{Decision, Isolation, Mutations, RoomUse, TransactionFn, View};
use crate::plan::{self, DeletePlan, DeleteRequest, Held};
use crate::types::{ActorId, Generation, Token};

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
    /// Its rows are still there.
    Now(Fence, Head),
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
            let request =
                DeleteRequest { token: self.token, life: self.life.get().copied(), held: self.held };
            match plan::delete(fence.as_ref(), head.as_ref(), request) {
                DeletePlan::Absent => {
                    let left = fence.map(|fence| (fence, head.unwrap_or_else(Head::empty)));
                    Ok(Decision::answer(Deleted::Nothing(left)))
                }
                DeletePlan::Refused(refusal) => Err(self.actor.refused(refusal).into()),
                DeletePlan::AlreadyReplaced => Ok(Decision::answer(Deleted::Before)),
                DeletePlan::AlreadyDeleted(fence) => {
                    Ok(Decision::answer(Deleted::Now(fence, head.unwrap_or_else(Head::empty))))
                }
                DeletePlan::Delete(fence, head) => {
                    let mut mutations = Mutations::with_capacity(3);
                    self.actor.put_fence(&mut mutations, &fence);
                    mutations.delete_guarded(self.actor.keys.hints());
                    if let Some(head) = &head {
                        self.actor.put_head(&mut mutations, head);
                    }
                    mutations.use_room(RoomUse::Frees);
                    let head = head.unwrap_or_else(Head::empty);
                    Ok(Decision::write(mutations, Deleted::Now(fence, head)))
                }
            }
        }
        .boxed()
    }
}

/// Deletes an actor, with the owner's fence check only if `held` is given; `false` if there is none. Rows
/// that an import or a copy has written for a missing actor are deleted all the same: nobody else may come to
/// clear them.
pub(crate) async fn delete(core: &Core, id: &ActorId, held: Option<Held>) -> Result<bool, StoreError> {
    let (actor, token, life) = (Actor::new(id), core.env.token(), OnceLock::new());
    let body = Arc::new(Delete { actor, token, life, held });
    let (deleted, left) = match core.decide(&body).await? {
        Deleted::Nothing(left) => (false, left),
        Deleted::Before => (true, None),
        Deleted::Now(fence, head) => (true, Some((fence, head))),
    };
    // From here on a kill leaves the rest to whoever creates the actor again: the head records it.
    if let Some((fence, head)) = left {
        for pending in plan::pending_cleanups(&head) {
            cleanup::clean_up(core, &body.actor, fence.generation, pending).await?;
        }
    }
    Ok(deleted)
}

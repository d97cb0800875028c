//! delete: the actor is gone at once; its rows follow in bounded steps before the call answers.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};

use crate::codec::{Fence, Head};
use crate::kv::{Body, Decision, Isolation, Mutations, View};
use crate::plan::{self, DeletePlan};
use crate::types::{ActorId, Token};

use super::core::Core;
use super::error::{Failure, StoreError};
use super::rows::Actor;
use super::settle;

struct Delete {
    actor: Actor,
    token: Token,
}

impl Body for Delete {
    type Output = Option<(Fence, Head)>;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Self::Output>, Failure>> {
        async move {
            let (fence, head) = futures::future::try_join(
                self.actor.fence(view, Isolation::Serializable),
                self.actor.stored_head(view, Isolation::Serializable),
            )
            .await?;
            match plan::delete(fence.as_ref(), head.as_ref(), self.token) {
                DeletePlan::Absent => Ok(Decision::answer(None)),
                DeletePlan::AlreadyDeleted(fence) => {
                    Ok(Decision::answer(Some((fence, head.unwrap_or_else(Head::empty)))))
                }
                DeletePlan::Delete(fence, head) => {
                    let mut mutations = Mutations::with_capacity(3);
                    self.actor.put_fence(&mut mutations, &fence);
                    mutations.delete_guarded(self.actor.keys.hints());
                    if let Some(head) = &head {
                        self.actor.put_head(&mut mutations, head);
                    }
                    let head = head.unwrap_or_else(Head::empty);
                    Ok(Decision::write(mutations, Some((fence, head))))
                }
            }
        }
        .boxed()
    }
}

/// Deletes an actor; `false` if there is none.
pub(crate) async fn delete(core: &Core, id: &ActorId) -> Result<bool, StoreError> {
    let body = Arc::new(Delete { actor: Actor::new(id), token: core.env.token() });
    let Some((fence, head)) = core.decide(&body).await? else { return Ok(false) };
    // A kill from here on leaves the rest to whoever makes the actor again: the head notes it.
    for debt in plan::debts(&head) {
        settle::settle(core, &body.actor, fence.generation, debt).await?;
    }
    Ok(true)
}

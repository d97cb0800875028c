//! Resolves a commit whose outcome was unknown because the store could no longer be reached.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};

use crate::codec::Head;
use crate::engine::error::{Failure, StoreError};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::core::Core;
use crate::kv::{Decision, Isolation, Mutations, RoomUse, TransactionFn, View};
use crate::plan::{self, Held, Resolution};
use crate::types::{ActorId, Meta, Token};

struct Resolve {
    actor: Actor,
    held: Held,
    token: Token,
}

impl TransactionFn for Resolve {
    type Output = Option<Meta>;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Self::Output>, Failure>> {
        async move {
            let (fence, head) = self.actor.fence_and_head(view, Isolation::Serializable).await?;
            let resolution = plan::resolve(fence.as_ref(), &head, self.held, self.token)
                .map_err(|refusal| self.actor.refused(refusal))?;
            Ok(match resolution {
                Resolution::In => Decision::answer(fence.map(|fence| plan::meta(&fence, &head))),
                Resolution::Out(head) => Decision::write(self.barrier(&head), None),
            })
        }
        .boxed()
    }
}

impl Resolve {
    /// The current head, written again unchanged.
    fn barrier(&self, head: &Head) -> Mutations {
        let mut mutations = Mutations::with_capacity(1);
        self.actor.put_head(&mut mutations, head);
        mutations.use_room(RoomUse::Frees);
        mutations
    }
}

/// The state that the commit created, if it took place; otherwise `None`, and it never will.
pub(crate) async fn resolve_commit(
    core: &Core,
    id: &ActorId,
    held: Held,
    token: Token,
) -> Result<Option<Meta>, StoreError> {
    core.decide(&Arc::new(Resolve { actor: Actor::new(id), held, token })).await
}

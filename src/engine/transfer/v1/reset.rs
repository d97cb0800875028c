//! Resets an import whose importer is gone.

use std::sync::{Arc, OnceLock};

use futures::future::{BoxFuture, FutureExt};

use crate::codec::{Fence, Head};
use crate::engine::error::{Failure, StoreError};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::core::Core;
use crate::engine::runtime::events;
use crate::kv::{Decision, Isolation, Mutations, RoomUse, TransactionFn, View};
use crate::metrics::Migration;
use crate::plan::{self, ResetPlan};
use crate::types::{ActorId, Generation, Token};

use super::clean_up_all;

struct Reset {
    actor: Actor,
    token: Token,
    /// The generation that an attempt has found and wanted to reset.
    tried: OnceLock<Generation>,
}

enum Was {
    Nothing,
    Replaced,
    Reset(Fence, Head),
}

impl TransactionFn for Reset {
    type Output = Was;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Was>, Failure>> {
        async move {
            let (fence, head) = self.actor.fence_and_head(view, Isolation::Serializable).await?;
            let tried = self.tried.get().copied();
            Ok(match plan::reset_import(fence.as_ref(), &head, self.token, tried) {
                ResetPlan::Nothing => Decision::answer(Was::Nothing),
                ResetPlan::AlreadyReplaced => Decision::answer(Was::Replaced),
                ResetPlan::AlreadyReset(fence) => Decision::answer(Was::Reset(fence, head)),
                ResetPlan::Reset(fence) => {
                    // The import that was found had the generation before.
                    self.tried.get_or_init(|| Generation(fence.generation.0 - 1));
                    let mut mutations = Mutations::with_capacity(1);
                    self.actor.put_fence(&mut mutations, &fence);
                    mutations.use_room(RoomUse::Frees);
                    Decision::write(mutations, Was::Reset(fence, head))
                }
            })
        }
        .boxed()
    }
}

/// Resets an unfinished import that has a stage open; `false` if there is none.
pub(crate) async fn invalidate(core: &Arc<Core>, id: &ActorId) -> Result<bool, StoreError> {
    let body = Reset { actor: Actor::new(id), token: core.env.token(), tried: OnceLock::new() };
    let body = Arc::new(body);
    match core.decide(&body).await? {
        Was::Nothing => Ok(false),
        Was::Replaced => Ok(true),
        Was::Reset(fence, head) => {
            clean_up_all(core, &body.actor, fence.generation, &head).await?;
            core.metrics.migrated(Migration::Invalidated);
            events::migration_reset(&body.actor);
            Ok(true)
        }
    }
}

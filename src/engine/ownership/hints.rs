//! Hints: the pages that an owner needed soon after its start, so that the next start can load them early.
//!
//! Hints are advice. A start reads them along with the fence and the head, and works without them. They take
//! part in no conflict, and of two writes the later one wins.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, try_join};

use crate::codec::{self, Head, Hints};
use crate::engine::error::{Failure, StoreError};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::core::Core;
use crate::engine::runtime::events;
use crate::kv::{Decision, Isolation, KvError, Mutations, TransactionFn, View};
use crate::plan::{self, Held};
use crate::types::{ActorId, Generation, PageRange};

/// The stored hints, ascending. Damaged hints count as none: no start fails because of advice.
pub(crate) async fn load(view: &dyn View, actor: &Actor) -> Result<Vec<PageRange>, Failure> {
    let key = actor.keys.hints();
    let damage = match view.get(&key, Isolation::Snapshot).await {
        Ok(None) => return Ok(Vec::new()),
        Ok(Some(value)) => match codec::decode::<Hints>(&key, &value) {
            Ok(hints) => return Ok(hints.into_runs()),
            Err(error) => error.to_string(),
        },
        Err(KvError::Corrupt { detail }) => detail,
        Err(error) => return Err(error.into()),
    };
    events::hints_damaged(actor, &damage);
    Ok(Vec::new())
}

struct Store {
    actor: Actor,
    held: Held,
    hints: Hints,
}

impl TransactionFn for Store {
    type Output = ();
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<()>, Failure>> {
        async move {
            // The fence guards the row: an owner that was fenced cannot write it, not even later. The head is
            // needed only for the refusal, so commits do not conflict.
            let (fence, head) = try_join(
                self.actor.fence(view, Isolation::Serializable),
                self.actor.stored_head(view, Isolation::Snapshot),
            )
            .await?;
            let head = head.unwrap_or_else(Head::empty);
            plan::check_fence(fence.as_ref(), &head, self.held)
                .map_err(|refusal| self.actor.refused(refusal))?;
            let mut mutations = Mutations::with_capacity(1);
            let key = self.actor.keys.hints();
            if self.hints.runs().is_empty() {
                mutations.delete_guarded(key);
            } else {
                let value = codec::encode(&key, &self.hints);
                mutations.put_guarded(key, value);
            }
            Ok(Decision::write(mutations, ()))
        }
        .boxed()
    }
}

/// Replaces the hints as the holder of `generation`; an empty list removes them.
pub(crate) async fn store(
    core: &Core,
    id: &ActorId,
    generation: Generation,
    hints: &[PageRange],
) -> Result<(), StoreError> {
    let hints = Hints::new(hints.to_vec())?;
    let held = Held::numbers(generation, None);
    core.decide(&Arc::new(Store { actor: Actor::new(id), held, hints })).await
}

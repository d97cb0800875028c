//! The policy of one actor.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};

use crate::codec::{FenceState, Head, HeadHistory, HistoryRow};
use crate::engine::commit::cleanup;
use crate::engine::commit::left::write_beginning;
use crate::engine::error::{Failure, StoreError};
use crate::engine::runtime::actor::{Actor, put_row};
use crate::engine::runtime::core::Core;
use crate::kv::{Decision, Isolation, Mutations, RoomUse, TransactionFn, View};
use crate::plan::{self, Unclean};
use crate::types::{ActorId, Generation, HistoryPolicy};

use super::pins::Pending;

/// What an actor keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Setting {
    /// What the store says.
    AsStore,
    /// Nothing but what is pinned.
    Off,
    /// This.
    Own(HistoryPolicy),
}

struct SetPolicy {
    actor: Actor,
    setting: Setting,
    /// The store's history.
    store: Option<HistoryPolicy>,
    now_ms: u64,
}

impl TransactionFn for SetPolicy {
    type Output = Result<(), Pending>;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Self::Output>, Failure>> {
        async move {
            let actor = &self.actor;
            let (fence, head) = actor.fence_and_head(view, Isolation::Serializable).await?;
            let Some(fence) = fence.filter(|fence| fence.state == FenceState::Live) else {
                return Err(StoreError::NotFound { actor: actor.id.clone() }.into());
            };
            let mut mutations = Mutations::with_capacity(3);
            let key = actor.keys.history();
            let keeps = match &self.setting {
                Setting::Own(policy) => {
                    put_row(&mut mutations, key, &HistoryRow { own: true, policy: Some(policy.clone()) });
                    true
                }
                Setting::Off => {
                    put_row(&mut mutations, key, &HistoryRow { own: true, policy: None });
                    false
                }
                Setting::AsStore => {
                    match &self.store {
                        Some(policy) => {
                            let row = HistoryRow { own: false, policy: Some(policy.clone()) };
                            put_row(&mut mutations, key, &row);
                        }
                        None => mutations.delete(key),
                    }
                    self.store.is_some()
                }
            };
            mutations.use_room(RoomUse::Frees);
            if keeps {
                match plan::keeps_from_here(&head, self.now_ms) {
                    Ok(None) => {}
                    Ok(Some(keeping)) => {
                        write_beginning(&mut mutations, actor, head.txid, &keeping);
                        actor.put_head(&mut mutations, &keeping.head);
                    }
                    Err(Unclean(pending)) => {
                        return Ok(Decision::answer(Err(pending_of(fence.generation, pending))));
                    }
                }
            } else if let Some(next) = without(&head, self.setting == Setting::Off) {
                actor.put_head(&mut mutations, &next);
            }
            Ok(Decision::write(mutations, Ok(())))
        }
        .boxed()
    }
}

fn pending_of(generation: Generation, pending: plan::PendingCleanup) -> Pending {
    (generation, pending)
}

/// The head of an actor that keeps no history, if it changes. While there are points to drop, commits go on
/// to keep what they replace.
fn without(head: &Head, off: bool) -> Option<Head> {
    if head.history.is_none() && !off {
        return None;
    }
    let before = head.history.clone().map_or_else(
        || HeadHistory { rows_to: head.size_pages, ..HeadHistory::default() },
        |history| *history,
    );
    let history = HeadHistory { off, ..before };
    Some(Head { history: Some(Box::new(history)), ..head.clone() })
}

/// Sets what an actor keeps, and begins to drop what it does not keep any more.
pub(crate) async fn set_policy(core: &Arc<Core>, id: &ActorId, setting: Setting) -> Result<(), StoreError> {
    let store = core.history().cloned();
    let body = Arc::new(SetPolicy { actor: Actor::new(id), setting, store, now_ms: core.env.now_ms() });
    loop {
        match core.decide(&body).await? {
            Ok(()) => break,
            Err((generation, pending)) => {
                cleanup::clean_up(core, &body.actor, generation, pending).await?;
            }
        }
    }
    cleanup::thin_in_background(core, &body.actor);
    Ok(())
}

//! The beginning of an import or a copy. An existing actor is taken over. A missing one is claimed, so that
//! nobody sees it before its content is complete. `plan::claim` decides.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use tracing::Instrument;

use crate::codec::{Fence, Head};
use crate::engine::commit::cleanup;
use crate::engine::commit::stage::StageWriter;
use crate::engine::error::{Failure, StoreError};
use crate::engine::read::committed;
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::core::Core;
use crate::engine::runtime::events;
use crate::kv::{Decision, Isolation, Mutations, TransactionFn, View};
use crate::metrics::Started;
use crate::plan::{self, ClaimPlan, ClaimRequest, Held, StageRequest};
use crate::types::{ActorId, Generation, Meta, PageCount, Token};

/// An actor whose content is about to be written.
pub(crate) struct Claimed {
    pub(crate) core: Arc<Core>,
    pub(crate) actor: Actor,
    /// The actor's state before, with the generation that is held now.
    pub(crate) meta: Meta,
    /// Whether the actor has to be created: nobody sees it yet.
    pub(crate) is_new: bool,
    token: Token,
}

impl Claimed {
    /// Opens the stage of the content, whose size may be known only at its end. Every page is written, so the
    /// page size may differ from before.
    pub(crate) async fn stage(&self, size_pages: Option<PageCount>) -> Result<StageWriter, StoreError> {
        let Meta { generation, head_txid, .. } = self.meta;
        let held = Held::numbers(generation, Some(head_txid));
        let request = StageRequest { held, size_pages, page_size: None, token: self.token };
        StageWriter::open(&self.core, &self.actor, request).await
    }
}

/// Translates a later error for the holder of a claim: "not found" means that somebody else has intervened.
pub(crate) fn displaced(error: StoreError) -> StoreError {
    match error {
        StoreError::NotFound { actor } => StoreError::ConcurrentTakeover { actor },
        other => other,
    }
}

struct Claim {
    actor: Actor,
    request: ClaimRequest,
}

impl TransactionFn for Claim {
    type Output = (Fence, Head);
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Self::Output>, Failure>> {
        async move {
            let (fence, head) = self.actor.fence_and_head(view, Isolation::Serializable).await?;
            let id = || self.actor.id.clone();
            match plan::claim(fence.as_ref(), &head, self.request) {
                ClaimPlan::Write(fence) => {
                    let mut mutations = Mutations::with_capacity(1);
                    self.actor.put_fence(&mut mutations, &fence);
                    Ok(Decision::write(mutations, (fence, head)))
                }
                ClaimPlan::Already(fence) => Ok(Decision::answer((fence, head))),
                ClaimPlan::HasPages => Err(has_pages(&self.actor.id, head.size_pages).into()),
                ClaimPlan::Lost => Err(StoreError::ConcurrentTakeover { actor: id() }.into()),
                ClaimPlan::MigrationIncomplete => Err(StoreError::MigrationIncomplete { actor: id() }.into()),
            }
        }
        .boxed()
    }
}

fn has_pages(id: &ActorId, pages: PageCount) -> StoreError {
    StoreError::InvalidArg(format!(
        "actor {id:?} has {} pages already; pass {{ replace: true }} to replace them",
        pages.0
    ))
}

/// Takes an actor over, or claims a missing one. An actor that has pages is refused unless they are to be
/// replaced.
pub(crate) async fn claim(core: &Arc<Core>, id: &ActorId, replace: bool) -> Result<Claimed, StoreError> {
    let found = committed::stat(core, id).await?;
    if let Some(meta) = found.filter(|meta| meta.size_pages.0 > 0 && !replace) {
        return Err(has_pages(id, meta.size_pages));
    }
    let begun = core.env.elapsed();
    let noted = found.map_or(Generation::NONE, |meta| meta.generation);
    let (actor, token) = (Actor::new(id), core.env.token());
    let request = ClaimRequest { noted, token, now_ms: core.env.now_ms(), replace };
    let body = Arc::new(Claim { actor: actor.clone(), request });
    let decided = core.decide(&body).instrument(events::takeover_span(&actor)).await;
    count(core, begun, decided.as_ref().err());
    let (fence, head) = decided?;
    cleanup::in_background(core, &actor, fence.generation, &head);
    let (core, meta) = (Arc::clone(core), plan::meta(&fence, &head));
    Ok(Claimed { core, actor, meta, is_new: plan::arrived(&fence).is_some(), token })
}

/// For the actor's owner this is like any other start, so it is counted as one.
fn count(core: &Core, begun: Duration, failed: Option<&StoreError>) {
    let took = core.env.elapsed().saturating_sub(begun);
    core.metrics.started(match failed {
        None => Started::Won { pages: 0, took },
        Some(StoreError::ConcurrentTakeover { .. }) => Started::Lost,
        Some(_) => Started::Failed,
    });
}

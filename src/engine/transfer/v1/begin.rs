//! The beginning of a v1 import: reserves the actor and opens the stage.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use futures::future::{BoxFuture, FutureExt};

use crate::codec::{Fence, FenceState, Head, OpenStage};
use crate::engine::commit::stage::StageWriter;
use crate::engine::error::{Failure, StoreError};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::blocking::blocking;
use crate::engine::runtime::core::Core;
use crate::engine::runtime::events;
use crate::kv::{Decision, Isolation, Mutations, TransactionFn, View};
use crate::metrics::Migration;
use crate::plan::{self, Held, ImportPlan, ImportRequest, StageRequest};
use crate::types::{ActorId, Generation, Meta, Token};

use super::files::V1Files;
use super::{V1Begun, V1Import, clean_up_all, displaced};

struct Begin {
    actor: Actor,
    request: ImportRequest,
    /// Whether the last attempt that wanted to write found an unfinished import.
    was_there: AtomicBool,
    /// The generation that the first such attempt wanted.
    tried: OnceLock<Generation>,
}

impl Begin {
    fn new(core: &Core, actor: Actor, stage: bool) -> Arc<Self> {
        let request =
            ImportRequest { token: core.env.token(), now_ms: core.env.now_ms(), stage, tried: None };
        Arc::new(Self { actor, request, was_there: AtomicBool::new(false), tried: OnceLock::new() })
    }
}

enum Reserved {
    Now(Fence, Head, Option<OpenStage>),
    Finished(Meta),
}

impl TransactionFn for Begin {
    type Output = Reserved;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Reserved>, Failure>> {
        async move {
            let (fence, head) = self.actor.fence_and_head(view, Isolation::Serializable).await?;
            let actor = || self.actor.id.clone();
            let request = ImportRequest { tried: self.tried.get().copied(), ..self.request };
            match plan::begin_import(fence.as_ref(), &head, request) {
                ImportPlan::Native => Err(occupied(actor(), "was started without an import").into()),
                ImportPlan::Displaced => Err(StoreError::ConcurrentTakeover { actor: actor() }.into()),
                ImportPlan::Running => Err(StoreError::MigrationIncomplete { actor: actor() }.into()),
                ImportPlan::Finished(fence) => {
                    Ok(Decision::answer(Reserved::Finished(plan::meta(&fence, &head))))
                }
                ImportPlan::AlreadyBegun(fence, stage) => {
                    Ok(Decision::answer(Reserved::Now(fence, head, stage)))
                }
                ImportPlan::Begin(begun, staged) => {
                    // A fence that is live here belongs to an unfinished import.
                    let live = fence.is_some_and(|fence| fence.state == FenceState::Live);
                    self.was_there.store(live, Ordering::Release);
                    self.tried.get_or_init(|| begun.generation);
                    let mut mutations = Mutations::with_capacity(2);
                    self.actor.put_fence(&mut mutations, &begun);
                    let (head, stage) = match staged {
                        Some((next, stage)) => {
                            self.actor.put_head(&mut mutations, &next);
                            (next, Some(stage))
                        }
                        None => (head, None),
                    };
                    Ok(Decision::write(mutations, Reserved::Now(begun, head, stage)))
                }
            }
        }
        .boxed()
    }
}

/// Reserves an actor and opens the stage of its import.
pub(crate) async fn begin(core: &Arc<Core>, id: &ActorId) -> Result<V1Begun, StoreError> {
    let actor = Actor::new(id);
    let begun = begin_import(core, actor.clone()).await;
    match &begun {
        Ok(V1Begun::Import(import)) => events::migration_begun(&actor, import.fence.generation),
        Ok(V1Begun::Finished(_)) => {}
        Err(error) => {
            core.metrics.migrated(Migration::Failed);
            events::migration_failed(&actor, error);
        }
    }
    begun
}

async fn begin_import(core: &Arc<Core>, actor: Actor) -> Result<V1Begun, StoreError> {
    let body = Begin::new(core, actor.clone(), true);
    let token = body.request.token;
    let renewed_at = core.env.elapsed();
    let (fence, head, stage) = match core.decide(&body).await? {
        Reserved::Finished(meta) => return Ok(V1Begun::Finished(meta)),
        Reserved::Now(fence, head, stage) => (fence, head, stage),
    };
    let held = Held::numbers(fence.generation, Some(head.txid));
    let was_there = body.was_there.load(Ordering::Acquire);
    let core = Arc::clone(core);
    let mut import = V1Import { core, actor, fence, stage: None, files: None, was_there, renewed_at };
    if let Err(error) = import.make_ready(held, stage, token).await {
        // If this cannot be undone now, the actor stays reserved, and the next import begins again.
        let _left = import.undo().await;
        return Err(error);
    }
    Ok(V1Begun::Import(Box::new(import)))
}

impl V1Import {
    /// Opens the stage, if the reservation has not, and prepares the place for files.
    async fn make_ready(
        &mut self,
        held: Held,
        stage: Option<OpenStage>,
        token: Token,
    ) -> Result<(), StoreError> {
        let (core, actor) = (&self.core, &self.actor);
        self.stage = Some(if let Some(stage) = stage {
            StageWriter::opened(core, actor, held, stage)
        } else {
            // What an earlier importer or owner has left behind is cleaned up first.
            let request = StageRequest { held, size_pages: None, page_size: None, token };
            StageWriter::open(core, actor, request).await.map_err(|error| displaced(actor, error))?
        });
        self.files = Some(blocking(&*self.core.env, V1Files::new).await?);
        Ok(())
    }
}

fn occupied(actor: ActorId, why: &'static str) -> StoreError {
    StoreError::Occupied { actor, why }
}

/// Reserves an actor for a later import, with nothing staged.
pub(crate) async fn prepare(core: &Arc<Core>, id: &ActorId) -> Result<Meta, StoreError> {
    let actor = Actor::new(id);
    let body = Begin::new(core, actor.clone(), false);
    match core.decide(&body).await? {
        Reserved::Finished(_) => Err(occupied(id.clone(), "has had its v1 data imported")),
        Reserved::Now(fence, head, _) => {
            clean_up_all(core, &actor, fence.generation, &head).await?;
            Ok(plan::meta(&fence, &head))
        }
    }
}

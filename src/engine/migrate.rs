//! Imports of v1 data: the reservation of an actor, its end one way or the other, and the reset of one whose importer
//! is gone. Who may do what is decided in `plan::migrate`; what v1 data is, the layer above knows.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};

use crate::codec::{Fence, FenceState, Head, OpenStage};
use crate::kv::{Body, Decision, Isolation, Mutations, View};
use crate::metrics::Migration;
use crate::plan::{self, Held, ImportPlan, ImportRequest, ResetPlan, SqliteFile, StageRequest};
use crate::types::{ActorId, Generation, Meta, PageCount, PageSize, Token};

use super::commit::Committed;
use super::core::Core;
use super::error::{Failure, StoreError};
use super::files::blocking;
use super::import::{open_source, stage_batch};
use super::observe;
use super::rows::Actor;
use super::settle;
use super::stage::{End, StageWriter};
use super::v1_files::{V1Entry, V1Files};

/// How often an importer at work shows that it lives: a third of the lease.
const RENEW_AFTER: Duration = Duration::from_millis(plan::IMPORT_LEASE_MS / 3);

/// How the beginning of an import went.
pub enum V1Begun {
    /// The actor is reserved for this import.
    Import(V1Import),
    /// An import was finished before; there is nothing to do.
    Finished(Meta),
}

/// An import under way. Until it is finished nobody can start the actor.
///
/// Dropped without [`V1Import::finish`] or [`V1Import::give_up`], as when the process ends, it leaves the actor
/// reserved: the next import of it begins anew.
pub struct V1Import {
    core: Arc<Core>,
    actor: Actor,
    fence: Fence,
    /// Until it is finished or given up, or a call has failed.
    stage: Option<StageWriter>,
    files: Option<V1Files>,
    /// Whether there was an unfinished import before this one.
    was_there: bool,
    renewed_at: Duration,
}

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

impl Body for Begin {
    type Output = Reserved;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Reserved>, Failure>> {
        async move {
            let (fence, head) = self.actor.fence_and_head(view, Isolation::Serializable).await?;
            let actor = || self.actor.id.clone();
            let request = ImportRequest { tried: self.tried.get().copied(), ..self.request };
            match plan::begin_import(fence.as_ref(), &head, request) {
                ImportPlan::Native | ImportPlan::Displaced => {
                    Err(StoreError::ConcurrentTakeover { actor: actor() }.into())
                }
                ImportPlan::Running => Err(StoreError::MigrationIncomplete { actor: actor() }.into()),
                ImportPlan::Finished(fence) => {
                    Ok(Decision::answer(Reserved::Finished(plan::meta(&fence, &head))))
                }
                ImportPlan::AlreadyBegun(fence, stage) => {
                    Ok(Decision::answer(Reserved::Now(fence, head, stage)))
                }
                ImportPlan::Begin(begun, staged) => {
                    // Any fence that is live here is that of an unfinished import.
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
        Ok(V1Begun::Import(import)) => observe::migration_begun(&actor, import.fence.generation),
        Ok(V1Begun::Finished(_)) => {}
        Err(error) => {
            core.metrics.migrated(Migration::Failed);
            observe::migration_failed(&actor, error);
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
    let held = Held { generation: fence.generation, head_txid: Some(head.txid) };
    let stage = match stage {
        Some(stage) => StageWriter::opened(core, &actor, held, stage),
        None => {
            // What an importer or owner before has left behind goes first.
            let request = StageRequest { held, size_pages: None, page_size: None, token };
            StageWriter::open(core, &actor, request).await.map_err(|error| displaced(&actor, error))?
        }
    };
    let was_there = body.was_there.load(Ordering::Acquire);
    let (core, stage) = (Arc::clone(core), Some(stage));
    let mut import = V1Import { core, actor, fence, stage, files: None, was_there, renewed_at };
    match blocking(&*import.core.env, V1Files::new).await {
        Ok(files) => {
            import.files = Some(files);
            Ok(V1Begun::Import(import))
        }
        Err(error) => {
            // What cannot be undone now keeps the actor reserved, and the next import begins anew.
            let _left = import.undo().await;
            Err(error)
        }
    }
}

/// Reserves an actor for an import that is to come, with nothing staged.
pub(crate) async fn prepare(core: &Arc<Core>, id: &ActorId) -> Result<Meta, StoreError> {
    let actor = Actor::new(id);
    let body = Begin::new(core, actor.clone(), false);
    match core.decide(&body).await? {
        Reserved::Finished(_) => Err(StoreError::ConcurrentTakeover { actor: id.clone() }),
        Reserved::Now(fence, head, _) => {
            settle_all(core, &actor, fence.generation, &head).await?;
            Ok(plan::meta(&fence, &head))
        }
    }
}

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

impl Body for Reset {
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
                    // What was found had the generation before.
                    self.tried.get_or_init(|| Generation(fence.generation.0 - 1));
                    let mut mutations = Mutations::with_capacity(1);
                    self.actor.put_fence(&mut mutations, &fence);
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
            settle_all(core, &body.actor, fence.generation, &head).await?;
            core.metrics.migrated(Migration::Invalidated);
            observe::migration_reset(&body.actor);
            Ok(true)
        }
    }
}

async fn settle_all(
    core: &Core,
    actor: &Actor,
    generation: Generation,
    head: &Head,
) -> Result<(), StoreError> {
    for debt in plan::debts(head) {
        settle::settle(core, actor, generation, debt).await?;
    }
    Ok(())
}

/// A fence of this import that is to be changed, if it is still its own.
struct Change {
    actor: Actor,
    change: Box<dyn Fn(Option<&Fence>) -> Option<Fence> + Send + Sync>,
}

impl Body for Change {
    type Output = Option<(Fence, Head)>;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Self::Output>, Failure>> {
        async move {
            // The head is wanted for its debts only.
            let (fence, head) = futures::future::try_join(
                self.actor.fence(view, Isolation::Serializable),
                self.actor.stored_head(view, Isolation::Snapshot),
            )
            .await?;
            let Some(changed) = (self.change)(fence.as_ref()) else { return Ok(Decision::answer(None)) };
            let mut mutations = Mutations::with_capacity(1);
            self.actor.put_fence(&mut mutations, &changed);
            Ok(Decision::write(mutations, Some((changed, head.unwrap_or_else(Head::empty)))))
        }
        .boxed()
    }
}

impl V1Import {
    /// Shows that the importer is at work, if it is time to.
    async fn keep(&mut self) -> Result<(), StoreError> {
        let now = self.core.env.elapsed();
        if now.saturating_sub(self.renewed_at) < RENEW_AFTER {
            return Ok(());
        }
        let (token, now_ms) = (self.fence.owner_token, self.core.env.now_ms());
        let renew = self.change(move |fence| plan::renewed(fence, token, now_ms)).await?;
        self.renewed_at = now;
        match renew {
            Some(_) => Ok(()),
            None => Err(self.over()),
        }
    }

    /// Takes entries of the actor's key-value store, in any order.
    pub async fn take(&mut self, entries: Vec<V1Entry>) -> Result<(), StoreError> {
        let taken = self.take_entries(entries).await;
        taken.inspect_err(|error| observe::migration_failed(&self.actor, error))
    }

    async fn take_entries(&mut self, entries: Vec<V1Entry>) -> Result<(), StoreError> {
        self.keep().await?;
        let mut files = self.files.take().ok_or_else(|| self.over())?;
        let work = move || {
            files.take(&entries)?;
            Ok(files)
        };
        self.files = Some(blocking(&*self.core.env, work).await?);
        Ok(())
    }

    /// Makes the database of the entries the content of the actor, and lets it be started. `recover` is called with
    /// the database file, to replay the journal beside it and to look whether it is whole.
    pub async fn finish(
        &mut self,
        recover: impl FnOnce(&Path) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<Meta, StoreError> {
        let (core, actor) = (Arc::clone(&self.core), self.actor.clone());
        let work = async {
            let ended = self.finish_stage(recover).await;
            ended.map_err(|error| displaced(&actor, error))
        };
        let ended = observe::migrate(&core, &actor.id, work).await;
        if ended.is_ok() {
            core.metrics.migrated(Migration::Completed);
        }
        ended
    }

    async fn finish_stage(
        &mut self,
        recover: impl FnOnce(&Path) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<Meta, StoreError> {
        let mut files = self.files.take().ok_or_else(|| self.over())?;
        let work = move || {
            let path = files.complete()?;
            recover(&path)?;
            let bytes = path.metadata().map_err(StoreError::from)?.len();
            Ok((files, path, bytes))
        };
        // The files are there as long as they are held.
        let (_files, path, bytes) = blocking(&*self.core.env, work).await?;
        let (mut size_pages, mut page_size) = (PageCount(0), PageSize::DEFAULT);
        if bytes > 0 {
            let source = open_source(&self.core, &path).await?;
            SqliteFile { page_size, size_pages } = source.file;
            let mut left = Some(source);
            while let Some(source) = left {
                self.keep().await?;
                let over = self.over();
                left = stage_batch(self.stage.as_mut().ok_or(over)?, source).await?;
            }
        }
        let stage = self.stage.take().ok_or_else(|| self.over())?;
        let end = End { rewrites_all: true, migrates: true, ..End::new(size_pages, page_size) };
        let Committed { txid, head } = stage.finalize(end).await?;
        let fence = plan::migrated(&self.fence);
        settle::after_commit(&self.core, &self.actor, fence.generation, &head);
        // Of an end whose answer was lost the head may be a later owner's.
        Ok(Meta { head_txid: txid, size_pages, page_size, ..plan::meta(&fence, &head) })
    }

    /// Gives the import up: the actor is again what it was before. Does nothing to an actor that is not this import's
    /// any more.
    pub async fn give_up(self) -> Result<(), StoreError> {
        self.core.metrics.migrated(Migration::Failed);
        self.undo().await
    }

    async fn undo(mut self) -> Result<(), StoreError> {
        if let Some(stage) = self.stage.take() {
            stage.leave();
        }
        let (token, was_there) = (self.fence.owner_token, self.was_there);
        match self.change(move |fence| plan::given_up(fence, token, was_there)).await? {
            Some((fence, head)) => settle_all(&self.core, &self.actor, fence.generation, &head).await,
            None => Ok(()),
        }
    }

    /// What a call after the end is told.
    fn over(&self) -> StoreError {
        StoreError::ConcurrentTakeover { actor: self.actor.id.clone() }
    }

    async fn change(
        &mut self,
        change: impl Fn(Option<&Fence>) -> Option<Fence> + Send + Sync + 'static,
    ) -> Result<Option<(Fence, Head)>, StoreError> {
        let body = Change { actor: self.actor.clone(), change: Box::new(change) };
        self.core.decide(&Arc::new(body)).await
    }
}

/// What an import is told that is not the actor's any more, however it finds out.
fn displaced(actor: &Actor, error: StoreError) -> StoreError {
    match error {
        StoreError::FenceMismatch { .. }
        | StoreError::NotFound { .. }
        | StoreError::MigrationIncomplete { .. } => {
            StoreError::ConcurrentTakeover { actor: actor.id.clone() }
        }
        other => other,
    }
}

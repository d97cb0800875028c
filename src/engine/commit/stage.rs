//! Stages: opens a stage, writes its parts in parallel, and makes all of it visible in one small step.
//!
//! A writer that gives up leaves rows that nobody can see. The head records the open stage, so the next
//! commit or a background task rolls it back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, TryFutureExt, try_join};
use futures::stream::{FuturesUnordered, StreamExt};
use tracing::{Instrument, Span};

use crate::codec::{Fence, OpenStage, PreparedPage, StagePart};
use crate::engine::error::{Failure, StoreError, surface};
use crate::engine::runtime::actor::{Actor, put_row};
use crate::engine::runtime::core::Core;
use crate::engine::runtime::events::{self, Staged};
use crate::engine::runtime::metrics;
use crate::engine::runtime::retry::Retry;
use crate::kv::{Decision, Isolation, Mutations, RoomUse, TransactionFn, View, transact};
use crate::metrics::CommitKind;
use crate::plan::{
    self, CommitPlan, FinalizeRequest, Held, PendingCleanup, Refusal, StagePlan, StageRequest,
};
use crate::types::{HistoryPolicy, PageCount, PageNumber, PageSize};

use super::batch::{Older, write_pages};
use super::cleanup;
use super::left::write_left;
use super::verdict::{Committed, conclude, give_up, move_head, refuse};

/// Parts on their way to the store at the same time.
const PARTS_IN_FLIGHT_MAX: usize = 4;

struct Open {
    actor: Actor,
    request: StageRequest,
}

impl TransactionFn for Open {
    type Output = Result<OpenStage, PendingCleanup>;
    type Error = Failure;

    fn is_wanted(&self, waited: Duration) -> bool {
        self.actor.is_wanted(waited)
    }

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Self::Output>, Failure>> {
        async move {
            let (fence, head) = self.actor.fence_and_head(view, Isolation::Serializable).await?;
            match plan::open_stage(fence.as_ref(), &head, &self.request) {
                Ok(StagePlan::Open(next, stage)) => {
                    let mut mutations = Mutations::with_capacity(1);
                    self.actor.put_head(&mut mutations, &next);
                    Ok(Decision::write(mutations, Ok(stage)))
                }
                Ok(StagePlan::AlreadyOpen(stage)) => Ok(Decision::answer(Ok(stage))),
                Err(Refusal::CleanupPending(pending)) => Ok(Decision::answer(Err(pending))),
                Err(refusal) => Err(self.actor.refused(refusal).into()),
            }
        }
        .boxed()
    }
}

struct Part {
    actor: Actor,
    held: Held,
    stage: OpenStage,
    number: u32,
    pages: Vec<PreparedPage>,
}

impl TransactionFn for Part {
    type Output = ();
    type Error = Failure;

    fn is_wanted(&self, waited: Duration) -> bool {
        self.actor.is_wanted(waited)
    }

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<()>, Failure>> {
        async move {
            let keys = &self.actor.keys;
            let manifest_key = keys.stage_part(self.stage.txid, self.number);
            // The manifest is read so that, of several attempts whose answers were lost, only one takes
            // effect. Another one that arrived late would undo what a later part has written since.
            let ((fence, head), written) = try_join(
                self.actor.fence_and_head(view, Isolation::Serializable),
                view.get(&manifest_key, Isolation::Serializable).map_err(Failure::from),
            )
            .await?;
            if let Err(refusal) = plan::check_part(fence.as_ref(), &head, self.held, self.stage) {
                return Err(self.actor.refused(refusal).into());
            }
            if written.is_some() {
                return Ok(Decision::answer(()));
            }
            let mut mutations = Mutations::with_capacity(1 + self.pages.len());
            let manifest = StagePart::of(self.pages.iter().map(PreparedPage::page));
            // With conflict detection: a rollback that did not see this manifest must conflict with it.
            put_row(&mut mutations, manifest_key.clone(), &manifest);
            // Older versions stay: the current head still shows them.
            write_pages(&mut mutations, keys, &self.pages, self.stage.txid, Older::KEPT);
            Ok(Decision::write(mutations, ()))
        }
        .boxed()
    }
}

struct Finalize {
    actor: Actor,
    request: FinalizeRequest,
    migrates: bool,
    /// The store's history.
    policy: Option<HistoryPolicy>,
    unknown: AtomicBool,
}

impl TransactionFn for Finalize {
    type Output = Committed;
    type Error = Failure;

    fn is_wanted(&self, waited: Duration) -> bool {
        self.actor.is_wanted(waited)
    }

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Committed>, Failure>> {
        async move {
            let (fence, head) = self.actor.fence_and_head(view, Isolation::Serializable).await?;
            match plan::finalize(fence.as_ref(), &head, &self.request) {
                Ok(CommitPlan::Write { head: next, clear_from, left }) => {
                    let mut mutations = Mutations::with_capacity(4);
                    // An actor that nobody has seen before exists from now on.
                    let ends = |fence: &Fence| {
                        if self.migrates { Some(plan::migrated(fence)) } else { plan::arrived(fence) }
                    };
                    if let Some(fence) = fence.as_ref().and_then(ends) {
                        self.actor.put_fence(&mut mutations, &fence);
                    }
                    move_head(&mut mutations, &self.actor, &next, clear_from);
                    if let Some(left) = left {
                        let heads = (head.txid, &next);
                        let policy = self.policy.as_ref();
                        write_left(&mut mutations, &self.actor, heads, &left, policy);
                    }
                    if self.request.rewrites_all {
                        // After a replacement of the whole database, the same page numbers mean something
                        // else.
                        mutations.delete_guarded(self.actor.keys.hints());
                    }
                    // Everything that the commit needs room for is already written; if it could not be
                    // finished, it would have to be rolled back.
                    mutations.use_room(RoomUse::Frees);
                    Ok(Decision::write(mutations, Committed { txid: next.txid, head: next }))
                }
                Ok(CommitPlan::AlreadyIn(txid)) => Ok(Decision::answer(Committed { txid, head })),
                Err(refusal) => {
                    let unknown = self.unknown.load(Ordering::Acquire);
                    let FinalizeRequest { held, stage, .. } = self.request;
                    Err(refuse(&self.actor, &head, held, stage.token, refusal, unknown).into())
                }
            }
        }
        .boxed()
    }
}

/// How a stage ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    /// The size of the database afterwards.
    pub(crate) size_pages: PageCount,
    /// The size of the pages written.
    pub(crate) page_size: PageSize,
    /// Whether every page of the database was written.
    pub(crate) rewrites_all: bool,
    /// Whether it ends an import of v1 data: from then on the actor can be started.
    pub(crate) migrates: bool,
}

impl End {
    /// The end of an ordinary commit.
    pub(crate) fn new(size_pages: PageCount, page_size: PageSize) -> Self {
        Self { size_pages, page_size, rewrites_all: false, migrates: false }
    }
}

/// An open stage and its writer. Parts arrive in any order, so a page may be written again only after a
/// [`StageWriter::barrier`]. If it is dropped without [`StageWriter::finalize`], the stage is rolled back.
pub(crate) struct StageWriter {
    pub(crate) core: Arc<Core>,
    pub(crate) actor: Actor,
    pub(crate) held: Held,
    pub(crate) stage: OpenStage,
    staged: Staged,
    span: Span,
    /// Pages up to this one may have rows of this stage.
    staged_to: PageCount,
    begun: Duration,
    in_flight: FuturesUnordered<BoxFuture<'static, Result<(), StoreError>>>,
    /// Whether there is nothing left to roll back.
    ended: bool,
}

impl StageWriter {
    /// Opens a stage, after cleaning up what is in its way.
    pub(crate) async fn open(
        core: &Arc<Core>,
        actor: &Actor,
        request: StageRequest,
    ) -> Result<Self, StoreError> {
        let begun = core.env.elapsed();
        let body = Arc::new(Open { actor: actor.clone(), request });
        let stage = loop {
            match core.decide(&body).await? {
                Ok(stage) => break stage,
                Err(pending) => cleanup::clean_up(core, actor, request.held.generation, pending).await?,
            }
        };
        let mut writer = Self::opened(core, actor, request.held, stage);
        writer.begun = begun;
        Ok(writer)
    }

    /// The writer of a stage that the caller has already opened.
    pub(crate) fn opened(core: &Arc<Core>, actor: &Actor, held: Held, stage: OpenStage) -> Self {
        Self {
            core: Arc::clone(core),
            actor: actor.clone(),
            held,
            stage,
            staged: Staged::default(),
            span: events::stage_opened(actor, held.generation, &stage),
            staged_to: PageCount(0),
            begun: core.env.elapsed(),
            in_flight: FuturesUnordered::new(),
            ended: false,
        }
    }

    /// Ends the writer and leaves the rollback to the caller.
    pub(crate) fn leave(mut self) {
        self.ended = true;
    }

    /// Writes a part, which must fit one transaction. Returns when the part is on its way; it may return the
    /// error of an earlier part.
    pub(crate) async fn write(&mut self, pages: Vec<PreparedPage>) -> Result<(), StoreError> {
        while self.in_flight.len() >= PARTS_IN_FLIGHT_MAX {
            self.in_flight.next().await.transpose()?;
        }
        let last = pages.iter().map(PreparedPage::page).max();
        self.staged_to = self.staged_to.max(PageCount(last.map_or(0, PageNumber::get)));
        let part = Arc::new(Part {
            actor: self.actor.clone(),
            held: self.held,
            stage: self.stage,
            number: self.staged.parts,
            pages,
        });
        self.staged.parts += 1;
        self.staged.rows = self.staged.rows.and(&part.actor.keys, &part.pages);
        let core = Arc::clone(&self.core);
        self.in_flight.push(async move { core.decide(&part).await }.instrument(self.span.clone()).boxed());
        // Polled once, so that the part is on its way while the caller prepares the next one.
        self.in_flight.next().now_or_never().flatten().transpose()?;
        Ok(())
    }

    /// Waits until every part is written. No attempt to write one of them takes effect after that.
    pub(crate) async fn barrier(&mut self) -> Result<(), StoreError> {
        while let Some(written) = self.in_flight.next().await {
            written?;
        }
        Ok(())
    }

    /// Makes the whole stage visible.
    pub(crate) async fn finalize(self, end: End) -> Result<Committed, StoreError> {
        let (core, actor) = (Arc::clone(&self.core), self.actor.id.clone());
        let observed = (self.span.clone(), self.stage.txid, self.staged);
        events::finalize(&core, &actor, observed, self.make_visible(end)).await
    }

    async fn make_visible(mut self, end: End) -> Result<Committed, StoreError> {
        self.barrier().await?;
        let End { size_pages, page_size, rewrites_all, migrates } = end;
        let (held, stage, staged_to) = (self.held, self.stage, self.staged_to);
        let request = FinalizeRequest {
            held,
            stage,
            size_pages,
            staged_to,
            page_size,
            rewrites_all,
            freed_bytes: self.core.limits.freed_bytes,
            now_ms: self.core.env.now_ms(),
            store_keeps: self.core.keeps_history(),
        };
        let policy = self.core.history().cloned();
        let unknown = AtomicBool::new(false);
        let body = Arc::new(Finalize { actor: self.actor.clone(), request, migrates, policy, unknown });
        let mut retry = Retry::begin(&self.core);
        let answer = loop {
            match transact(&*self.core.kv, &body).await {
                Ok(committed) => {
                    self.ended = true;
                    metrics::committed(
                        &self.core,
                        CommitKind::Staged,
                        self.staged.rows,
                        page_size,
                        self.begun,
                    );
                    if retry.unknown {
                        events::commit_resolved(&self.actor, committed.txid);
                    }
                    break Ok(committed);
                }
                Err(Failure::Store(error)) => {
                    break Err(conclude(&self.actor, stage.token, error, retry.unknown));
                }
                Err(Failure::Kv(error)) => {
                    if let Err(error) = retry.again(&self.core, error).await {
                        break Err(give_up(&self.actor, stage.token, surface(error), retry.unknown));
                    }
                    body.unknown.store(retry.unknown, Ordering::Release);
                }
            }
        };
        retry.end(&self.core, answer)
    }
}

impl Drop for StageWriter {
    fn drop(&mut self) {
        if !self.ended {
            cleanup::abandon(&self.core, &self.actor, self.held.generation, self.stage);
        }
    }
}

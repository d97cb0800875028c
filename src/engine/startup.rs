//! loadStartup: take the actor over and bring the first pages along.
//!
//! The fast way is one transaction: read fence, head and pages, write the fence. A commit of the old owner
//! that lands in between makes it conflict; after [`CONFLICTS_MAX`] of these the start goes the two-step
//! way, which no commit can starve: raise the fence alone, then read head and pages behind it. A backend
//! that serializes has no conflicts, so there a start is always one transaction.
//!
//! Losing the race against another start is an answer, not an error.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use futures::future::{BoxFuture, FutureExt, try_join, try_join3};

use crate::codec::{Fence, Head};
use crate::kv::{Body, Concurrency, Decision, Isolation, Mutations, ReadBody, View, transact};
use crate::plan::{self, PreloadRequest, TakeoverPlan, TakeoverRequest};
use crate::types::{ActorId, Generation, Meta, PageRange, Token};

use super::attempts::Attempts;
use super::core::Core;
use super::error::{Failure, StoreError, surface};
use super::rows::{Actor, At, read_pages};
use super::{Outcome, PageSet, Startup, hints, settle};

/// Conflicts with commits before a start raises the fence first.
const CONFLICTS_MAX: u32 = 2;

/// One start, the same in all its attempts.
struct Takeover {
    actor: Actor,
    token: Token,
    now_ms: u64,
    preload: Arc<PreloadRequest>,
    /// The generation first seen.
    noted: OnceLock<Generation>,
    /// Whether to raise the fence alone.
    fence_first: AtomicBool,
}

enum Answer {
    /// The generation is ours, and this is what the store holds.
    Won(Fence, Head, Preloaded),
    /// The generation is ours; the rest is to be read behind the fence.
    Raised,
    Lost(Meta),
}

/// What a start brings along.
struct Preloaded {
    pages: PageSet,
    hints: Vec<PageRange>,
}

impl Body for Takeover {
    type Output = Answer;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Answer>, Failure>> {
        async move {
            let fence_first = self.fence_first.load(Ordering::Acquire);
            // Read with conflict detection, the head makes a commit in between a conflict; without, only
            // another takeover is one.
            let head_isolation = if fence_first { Isolation::Snapshot } else { Isolation::Serializable };
            let (fence, head, hints) = try_join3(
                self.actor.fence(view, Isolation::Serializable),
                self.actor.stored_head(view, head_isolation),
                hints(view, &self.actor, !fence_first && self.preload.hints),
            )
            .await?;
            let head = head.unwrap_or_else(Head::empty);
            let seen = fence.map_or(Generation::NONE, |fence| fence.generation);
            let noted = *self.noted.get_or_init(|| seen);
            let request = TakeoverRequest { noted, token: self.token, now_ms: self.now_ms };
            let (fence, mutations) = match plan::takeover(fence.as_ref(), request) {
                TakeoverPlan::Lost(fence) => {
                    return Ok(Decision::answer(Answer::Lost(plan::meta(&fence, &head))));
                }
                TakeoverPlan::MigrationIncomplete => {
                    let actor = self.actor.id.clone();
                    return Err(StoreError::MigrationIncomplete { actor }.into());
                }
                TakeoverPlan::AlreadyWon(fence) => (fence, Mutations::new()),
                TakeoverPlan::Win(fence) => {
                    let mut mutations = Mutations::with_capacity(1);
                    self.actor.put_fence(&mut mutations, &fence);
                    (fence, mutations)
                }
            };
            let answer = if fence_first {
                Answer::Raised
            } else {
                let preloaded = preload(view, &self.actor, &head, &self.preload, hints).await?;
                Answer::Won(fence, head, preloaded)
            };
            Ok(Decision::write(mutations, answer))
        }
        .boxed()
    }
}

/// Head and pages behind a fence that this start has raised.
struct BehindFence {
    actor: Actor,
    token: Token,
    preload: Arc<PreloadRequest>,
}

impl ReadBody for BehindFence {
    type Output = Answer;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Answer, Failure>> {
        async move {
            let ((fence, head), hints) = try_join(
                self.actor.fence_and_head(view, Isolation::Snapshot),
                hints(view, &self.actor, self.preload.hints),
            )
            .await?;
            let Some(fence) = fence else {
                return Err(StoreError::NotFound { actor: self.actor.id.clone() }.into());
            };
            if fence.owner_token != self.token {
                // A later start has come between: ours is over before it began.
                return Ok(Answer::Lost(plan::meta(&fence, &head)));
            }
            let preloaded = preload(view, &self.actor, &head, &self.preload, hints).await?;
            Ok(Answer::Won(fence, head, preloaded))
        }
        .boxed()
    }
}

async fn preload(
    view: &dyn View,
    actor: &Actor,
    head: &Head,
    request: &PreloadRequest,
    hints: Vec<PageRange>,
) -> Result<Preloaded, Failure> {
    let runs = plan::preload(request, &hints, head.size_pages, head.page_size);
    let pages = read_pages(view, actor, At::head(head), &runs).await?;
    Ok(Preloaded { pages, hints })
}

async fn hints(view: &dyn View, actor: &Actor, wanted: bool) -> Result<Vec<PageRange>, Failure> {
    if wanted { hints::load(view, actor).await } else { Ok(Vec::new()) }
}

/// The generation of an actor.
struct CurrentGeneration(Actor);

impl ReadBody for CurrentGeneration {
    type Output = Generation;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Generation, Failure>> {
        async move {
            let fence = self.0.fence(view, Isolation::Snapshot).await?;
            Ok(fence.map_or(Generation::NONE, |fence| fence.generation))
        }
        .boxed()
    }
}

/// Starts an actor.
pub(crate) async fn load_startup(
    core: &Arc<Core>,
    id: &ActorId,
    preload: PreloadRequest,
) -> Result<Startup, StoreError> {
    let actor = Actor::new(id);
    let noted = OnceLock::new();
    if core.kv.concurrency() == Concurrency::Serial {
        // Starts that meet wait in one line here, so the state at the call's beginning tells whether
        // somebody was faster; an optimistic backend tells it by the first attempt.
        let generation = core.read(&Arc::new(CurrentGeneration(actor.clone()))).await?;
        noted.get_or_init(|| generation);
    }
    let body = Arc::new(Takeover {
        actor,
        token: core.env.token(),
        now_ms: core.env.now_ms(),
        preload: Arc::new(preload),
        noted,
        fence_first: AtomicBool::new(false),
    });
    match take_over(core, &body).await? {
        Answer::Won(fence, head, Preloaded { pages, hints }) => {
            settle::in_background(core, &body.actor, fence.generation, &head);
            let meta = plan::meta(&fence, &head);
            Ok(Startup { outcome: Outcome::Won, meta, pages, hints })
        }
        Answer::Lost(meta) => {
            let noted = body.noted.get().copied().unwrap_or(Generation::NONE);
            tracing::warn!(
                actor = %body.actor.id, previous = noted.0, current = meta.generation.0,
                "lost the start-up race"
            );
            let pages = PageSet::empty(meta.head_txid, meta.page_size);
            Ok(Startup { outcome: Outcome::Lost, meta, pages, hints: Vec::new() })
        }
        Answer::Raised => unreachable!("take_over reads behind the fence that it raised"),
    }
}

async fn take_over(core: &Core, body: &Arc<Takeover>) -> Result<Answer, StoreError> {
    let mut attempts = Attempts::begin(core);
    loop {
        match transact(&*core.kv, body).await {
            Ok(Answer::Raised) => break,
            Ok(answer) => return Ok(answer),
            Err(Failure::Store(error)) => return Err(error),
            Err(Failure::Kv(error)) => attempts.again(core, error).await.map_err(surface)?,
        }
        if attempts.conflicts >= CONFLICTS_MAX {
            body.fence_first.store(true, Ordering::Release);
        }
    }
    let behind = Arc::new(BehindFence {
        actor: body.actor.clone(),
        token: body.token,
        preload: Arc::clone(&body.preload),
    });
    core.read(&behind).await
}

//! loadStartup: takes the actor over and returns its first pages.
//!
//! The fast path is one transaction: read the fence, the head and the pages, then write the fence. A commit
//! of the old owner in between makes it conflict. After [`CONFLICTS_MAX`] conflicts the start takes the
//! two-step path, which commits cannot starve: it raises the fence alone, then reads the head and the pages.
//! A serial backend has no conflicts, so there a start is always one transaction. Pages that exceed what one
//! transaction should read are also read after the fence is written.
//!
//! Losing the race against another start is an answer, not an error.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use futures::future::{BoxFuture, FutureExt, try_join3};
use tracing::Instrument;

use crate::codec::Head;
use crate::engine::api::{Outcome, PageSet, Startup};
use crate::engine::commit::cleanup;
use crate::engine::error::{Failure, StoreError, surface};
use crate::engine::read::at::At;
use crate::engine::read::committed;
use crate::engine::read::slices::{BEGINNINGS_MAX, SliceSize, moved_too_often, read_rest, read_slice};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::core::Core;
use crate::engine::runtime::retry::Retry;
use crate::engine::runtime::{events, metrics};
use crate::kv::{
    Concurrency, Decision, Isolation, KvError, Limits, Mutations, ReadFn, RoomUse, TransactionFn, View,
    transact,
};
use crate::plan::{self, Held, PreloadRequest, TakeoverPlan, TakeoverRequest};
use crate::planted::{self, Bug};
use crate::types::{ActorId, Generation, Meta, PageNumber, Token};

use super::preload::{BehindFence, Gone, MoreBehindFence, Sight, Won};

/// Conflicts with commits before a start raises the fence first.
const CONFLICTS_MAX: u32 = 2;

/// One start, the same in all its attempts.
struct Takeover {
    actor: Actor,
    token: Token,
    now_ms: u64,
    preload: Arc<PreloadRequest>,
    limits: Limits,
    /// The generation first seen.
    noted: OnceLock<Generation>,
    /// Whether to raise the fence alone.
    fence_first: AtomicBool,
}

enum Answer {
    /// The generation is ours, and this is what the store holds.
    Won(Box<Won>),
    /// The generation is ours; the rest is still to be read.
    Raised,
    Lost(Meta),
}

impl TransactionFn for Takeover {
    type Output = Answer;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Answer>, Failure>> {
        async move {
            let fence_first = self.fence_first.load(Ordering::Acquire);
            // If the head is read with conflict detection, a commit in between is a conflict; without it,
            // only another takeover is.
            let unguarded = fence_first || planted::has(Bug::PreloadOutsideFence);
            let head_isolation = if unguarded { Isolation::Snapshot } else { Isolation::Serializable };
            let size = SliceSize::new(&self.limits);
            let sight = async {
                if fence_first {
                    return Ok(Sight::default());
                }
                Sight::read(view, &self.actor, &self.preload, &self.limits, size).await
            };
            let (fence, head, sight) = try_join3(
                self.actor.fence(view, Isolation::Serializable),
                self.actor.stored_head(view, head_isolation),
                sight,
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
                    if seen != Generation::NONE {
                        mutations.use_room(RoomUse::Frees);
                    }
                    (fence, mutations)
                }
            };
            let answer = if fence_first {
                Answer::Raised
            } else {
                let (actor, preload) = (&self.actor, &self.preload);
                let preloaded = sight.preload(view, actor, &head, preload, &self.limits, size).await?;
                Answer::Won(Box::new(Won { fence, head, preloaded }))
            };
            Ok(Decision::write(mutations, answer))
        }
        .boxed()
    }
}

/// The generation of an actor.
struct CurrentGeneration(Actor);

impl ReadFn for CurrentGeneration {
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
    let begun = core.env.elapsed();
    metrics::starting(core, begun, start(core, id, preload).await)
}

async fn start(core: &Arc<Core>, id: &ActorId, preload: PreloadRequest) -> Result<Startup, StoreError> {
    let actor = Actor::new(id);
    let noted = OnceLock::new();
    if core.kv.concurrency() == Concurrency::Serial {
        // On this backend concurrent starts wait in one queue, so the state at the beginning of the call
        // shows whether another one was faster. An optimistic backend shows it on the first attempt.
        let generation = core.read(&Arc::new(CurrentGeneration(actor.clone()))).await?;
        noted.get_or_init(|| generation);
    }
    let body = Arc::new(Takeover {
        actor,
        token: core.env.token(),
        now_ms: core.env.now_ms(),
        preload: Arc::new(preload),
        limits: core.limits,
        noted,
        fence_first: AtomicBool::new(false),
    });
    match take_over(core, &body).instrument(events::takeover_span(&body.actor)).await? {
        ControlFlow::Continue(startup) => Ok(startup),
        ControlFlow::Break(meta) => {
            let noted = body.noted.get().copied().unwrap_or(Generation::NONE);
            events::startup_lost(&body.actor, noted, &meta);
            let pages = if planted::has(Bug::LoserGivenPages) {
                let held = Held::numbers(meta.generation, None);
                committed::get_pages(core, id, held, &[PageNumber::FIRST]).await?
            } else {
                PageSet::empty(meta.head_txid, meta.page_size)
            };
            Ok(Startup { outcome: Outcome::Lost, meta, pages, hints: Vec::new(), owner: None })
        }
    }
}

/// Raises the fence and reads everything that the start returns, at one head; or finds out who was faster.
async fn take_over(core: &Arc<Core>, body: &Arc<Takeover>) -> Result<ControlFlow<Meta, Startup>, StoreError> {
    let mut retry = Retry::begin(core);
    let mut answer = raise(core, body, &mut retry).await?;
    for _ in 0..BEGINNINGS_MAX {
        let ended = match answer {
            Answer::Lost(meta) => return Ok(ControlFlow::Break(meta)),
            Answer::Won(won) => finish(core, body, *won).await?,
            Answer::Raised => match read_behind(core, body, &mut retry).await? {
                ControlFlow::Continue(won) => finish(core, body, won).await?,
                ControlFlow::Break(gone) => ControlFlow::Break(gone),
            },
        };
        match ended {
            ControlFlow::Continue(startup) => return Ok(ControlFlow::Continue(startup)),
            ControlFlow::Break(gone) => {
                retry = Retry::begin(core);
                answer = go_on(core, body, &mut retry, gone).await?;
            }
        }
    }
    Err(moved_too_often(&body.actor.id))
}

/// Reads the rest of the preload, at the same head as the part already read.
async fn finish(
    core: &Arc<Core>,
    body: &Takeover,
    won: Won,
) -> Result<ControlFlow<Gone, Startup>, StoreError> {
    let Won { fence, head, preloaded } = won;
    let (at, limits) = (At::head(&head, &core.limits), core.limits);
    let (actor, token) = (&body.actor, body.token);
    let more = |runs| MoreBehindFence { actor: actor.clone(), token, at: at.clone(), runs, limits };
    Ok(match read_rest(core, preloaded.pages, more).await? {
        ControlFlow::Continue(pages) => {
            cleanup::in_background(core, actor, fence.generation, &head);
            let (meta, hints) = (plan::meta(&fence, &head), preloaded.hints);
            ControlFlow::Continue(Startup { outcome: Outcome::Won, meta, pages, hints, owner: Some(token) })
        }
        ControlFlow::Break(gone) => ControlFlow::Break(gone),
    })
}

/// How a start continues when its generation has changed since it was raised.
async fn go_on(
    core: &Core,
    body: &Arc<Takeover>,
    retry: &mut Retry,
    gone: Gone,
) -> Result<Answer, StoreError> {
    match gone {
        Gone::Lost(meta) => Ok(Answer::Lost(meta)),
        Gone::Moved => Ok(Answer::Raised),
        // A deletion is not an owner to lose against: the start comes after it.
        Gone::Deleted => raise(core, body, retry).await,
    }
}

/// Makes the generation ours, by the fast path or, if that meets too many conflicts or too much data, by the
/// fence alone.
async fn raise(core: &Core, body: &Arc<Takeover>, retry: &mut Retry) -> Result<Answer, StoreError> {
    let raised = loop {
        match transact(&*core.kv, body).await {
            Ok(answer) => break Ok(answer),
            Err(Failure::Store(error)) => break Err(error),
            Err(Failure::Kv(error)) => {
                // Reading that much takes longer than the backend keeps a state.
                let too_much = error == KvError::TooOld;
                if let Err(error) = retry.again(core, error).await {
                    break Err(surface(error));
                }
                if too_much || retry.conflicts >= CONFLICTS_MAX {
                    body.fence_first.store(true, Ordering::Release);
                }
            }
        }
    };
    retry.end(core, raised)
}

async fn read_behind(
    core: &Core,
    body: &Takeover,
    retry: &mut Retry,
) -> Result<ControlFlow<Gone, Won>, StoreError> {
    let mut size = SliceSize::new(&core.limits);
    let behind = |size| BehindFence {
        actor: body.actor.clone(),
        token: body.token,
        preload: Arc::clone(&body.preload),
        limits: core.limits,
        size,
    };
    read_slice(core, retry, &mut size, behind).await
}

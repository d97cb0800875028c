//! commit: one call for any size. A commit that fits one transaction is one transaction; a larger one is
//! staged.

pub(crate) mod batch;
pub(crate) mod cleanup;
pub(crate) mod large;
pub(crate) mod left;
pub(crate) mod resolve;
pub(crate) mod stage;
pub(crate) mod verdict;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};

use self::batch::{Batch, Older, Room, write_pages};
use self::left::write_left;
use self::stage::{End, StageWriter};
use self::verdict::{Committed, conclude, give_up, move_head, refuse};
use crate::codec::PreparedPage;
use crate::engine::api::Commit;
use crate::engine::error::{Failure, StoreError, surface};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::core::Core;
use crate::engine::runtime::retry::Retry;
use crate::engine::runtime::{events, metrics};
use crate::kv::{Decision, Isolation, Mutations, RoomUse, TransactionFn, View, transact};
use crate::metrics::CommitKind;
use crate::plan::{self, CommitPlan, CommitRequest, PendingCleanup, Refusal};
use crate::types::{HistoryPolicy, PageCount, PageRange, PageSize, Txid};

/// A commit of one transaction, the same in all its attempts.
struct SmallCommit {
    actor: Actor,
    request: CommitRequest,
    pages: Vec<PreparedPage>,
    /// The store's history.
    policy: Option<HistoryPolicy>,
    /// Whether an earlier attempt may have taken effect.
    unknown: AtomicBool,
}

impl TransactionFn for SmallCommit {
    type Output = Result<Committed, PendingCleanup>;
    type Error = Failure;

    fn may_begin_on_a_recent_state(&self) -> bool {
        // It keeps no notes, and what it reads guards what it writes.
        true
    }

    fn is_wanted(&self, waited: Duration) -> bool {
        self.actor.is_wanted(waited)
    }

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Self::Output>, Failure>> {
        async move {
            let (fence, head) = self.actor.fence_and_head(view, Isolation::Serializable).await?;
            let written = || PageRange::gather(self.pages.iter().map(PreparedPage::page));
            match plan::commit(fence.as_ref(), &head, &self.request, written) {
                Ok(CommitPlan::Write { head: next, clear_from, left }) => {
                    let mut mutations = Mutations::with_capacity(3 + 2 * self.pages.len());
                    move_head(&mut mutations, &self.actor, &next, clear_from);
                    // The head before may have shown rows up to here.
                    let older = Older::of(&head, &next);
                    write_pages(&mut mutations, &self.actor.keys, &self.pages, next.txid, older);
                    if let Some(left) = left {
                        let heads = (head.txid, &next);
                        let policy = self.policy.as_ref();
                        write_left(&mut mutations, &self.actor, heads, &left, policy);
                    }
                    mutations.use_room(room_use(head.size_pages, next.size_pages, self.pages.len()));
                    let committed = Committed { txid: next.txid, head: next };
                    Ok(Decision::write(mutations, Ok(committed)))
                }
                Ok(CommitPlan::AlreadyIn(txid)) => Ok(Decision::answer(Ok(Committed { txid, head }))),
                Err(Refusal::CleanupPending(pending)) => Ok(Decision::answer(Err(pending))),
                Err(refusal) => {
                    let unknown = self.unknown.load(Ordering::Acquire);
                    let CommitRequest { held, token, .. } = self.request;
                    Err(refuse(&self.actor, &head, held, token, refusal, unknown).into())
                }
            }
        }
        .boxed()
    }
}

/// How a commit of this many pages affects the room that the store uses.
fn room_use(before: PageCount, after: PageCount, pages: usize) -> RoomUse {
    match pages {
        0 => RoomUse::Frees,
        _ if after <= before => RoomUse::Replaces,
        _ => RoomUse::Grows,
    }
}

/// Commits changes.
pub(crate) async fn commit(
    core: &Arc<Core>,
    actor: Actor,
    mut commit: Commit<'_>,
) -> Result<Txid, StoreError> {
    let begun = core.env.elapsed();
    let page_size = batch::check(&mut commit)?;
    let request = CommitRequest {
        held: actor.held(commit.generation, Some(commit.head_txid)),
        size_pages: commit.size_pages,
        page_size,
        token: core.env.token(),
        freed_bytes: core.limits.freed_bytes,
        now_ms: core.env.now_ms(),
        store_keeps: core.keeps_history(),
    };
    // A commit without pages has no page size, and nothing to prepare.
    let size = page_size.unwrap_or(PageSize::DEFAULT);
    let mut pages =
        commit.pages.into_iter().map(move |write| PreparedPage::new(write.page, size, write.data));
    let mut first = Batch::new(Room::new(&core.limits, &actor.keys));
    let committed = match first.fill(&mut pages) {
        None => {
            let pages = first.into_pages();
            let rows = metrics::Rows::default().and(&actor.keys, &pages);
            let committed = commit_small(core, &actor, request, pages).await?;
            metrics::committed(core, CommitKind::Small, rows, size, begun);
            committed
        }
        Some(next) => commit_staged(core, &actor, request, [first, next], pages).await?,
    };
    cleanup::after_commit(core, &actor, request.held.generation, &committed.head);
    Ok(committed.txid)
}

/// Writes all batches as one stage; one batch is compressed at a time.
async fn commit_staged(
    core: &Arc<Core>,
    actor: &Actor,
    request: CommitRequest,
    [first, mut next]: [Batch; 2],
    mut pages: impl Iterator<Item = PreparedPage> + Send,
) -> Result<Committed, StoreError> {
    let mut stage = StageWriter::open(core, actor, request.into()).await?;
    stage.write(first.into_pages()).await?;
    while let Some(after) = next.fill(&mut pages) {
        stage.write(std::mem::replace(&mut next, after).into_pages()).await?;
    }
    stage.write(next.into_pages()).await?;
    let page_size = request.page_size.unwrap_or(PageSize::DEFAULT);
    stage.finalize(End::new(request.size_pages, page_size)).await
}

async fn commit_small(
    core: &Core,
    actor: &Actor,
    request: CommitRequest,
    pages: Vec<PreparedPage>,
) -> Result<Committed, StoreError> {
    let (policy, unknown) = (core.history().cloned(), AtomicBool::new(false));
    let body = Arc::new(SmallCommit { actor: actor.clone(), request, pages, policy, unknown });
    let mut retry = Retry::begin(core);
    let answer = loop {
        match transact(&*core.kv, &body).await {
            Ok(Ok(committed)) => {
                if retry.unknown {
                    events::commit_resolved(actor, committed.txid);
                }
                break Ok(committed);
            }
            Ok(Err(pending)) => {
                if let Err(error) = cleanup::clean_up(core, actor, request.held.generation, pending).await {
                    break Err(give_up(actor, request.token, error, retry.unknown));
                }
            }
            Err(Failure::Store(error)) => {
                break Err(conclude(actor, request.token, error, retry.unknown));
            }
            Err(Failure::Kv(error)) => {
                if let Err(error) = retry.again(core, error).await {
                    break Err(give_up(actor, request.token, surface(error), retry.unknown));
                }
                body.unknown.store(retry.unknown, Ordering::Release);
            }
        }
    };
    retry.end(core, answer)
}

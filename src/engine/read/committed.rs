//! getPages and stat: reads at one committed head.

use std::ops::ControlFlow;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, try_join};

use crate::codec::FenceState;
use crate::engine::api::PageSet;
use crate::engine::error::{Failure, StoreError};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::core::Core;
use crate::engine::runtime::retry::Retry;
use crate::kv::{Isolation, Limits, ReadFn, View};
use crate::plan::{self, Held};
use crate::types::{ActorId, Meta, PageNumber, PageRange, PageSize, Txid, runs};

use super::at::At;
use super::early::Early;
use super::pages::{read_beside, read_pages};
use super::slices::{BEGINNINGS_MAX, Partial, SliceSize, moved_too_often, read_rest, read_slice};

/// The maximum number of page bytes in one answer.
const ANSWER_BYTES_MAX: usize = 1 << 30;

/// The first slice of pages, at any head unless the caller names one.
struct GetPages {
    actor: Actor,
    held: Held,
    runs: Vec<PageRange>,
    limits: Limits,
    size: SliceSize,
}

impl ReadFn for GetPages {
    type Output = (Partial, At);
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Self::Output, Failure>> {
        async move {
            let Self { actor, held, runs, limits, size } = self;
            let newest = held.head_txid.unwrap_or(Txid(u64::MAX));
            let first = || size.first_of(&plan::first_early(runs), PageSize::DEFAULT);
            let ((fence, head), early) = try_join(
                actor.fence_and_head(view, Isolation::Snapshot),
                Early::read(view, actor, newest, first, limits),
            )
            .await?;
            plan::check_fence(fence.as_ref(), &head, *held).map_err(|refusal| actor.refused(refusal))?;
            let inside = runs::first_pages(runs, head.size_pages, u64::MAX);
            check_answer(&inside, head.page_size)?;
            let slice = size.first_of(&inside, head.page_size);
            let at = At::head(&head, limits);
            let pages = read_pages(view, actor, &at, &slice, &early, limits).await?;
            Ok((Partial { pages, left: runs::subtract(&inside, &slice) }, at))
        }
        .boxed()
    }
}

/// A further slice, at the head of the first one.
struct GetMore {
    actor: Actor,
    held: Held,
    at: At,
    runs: Vec<PageRange>,
    limits: Limits,
}

/// The head is no longer the one of the first slice.
struct Moved;

impl ReadFn for GetMore {
    type Output = ControlFlow<Moved, PageSet>;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Self::Output, Failure>> {
        async move {
            let (fence, head, pages) =
                read_beside(view, &self.actor, &self.at, &self.runs, &self.limits).await?;
            plan::check_fence(fence.as_ref(), &head, self.held)
                .map_err(|refusal| self.actor.refused(refusal))?;
            if head.txid == self.at.txid {
                pages.map(ControlFlow::Continue)
            } else {
                Ok(ControlFlow::Break(Moved))
            }
        }
        .boxed()
    }
}

/// Checks that these pages fit one answer.
pub(crate) fn check_answer(runs: &[PageRange], page_size: PageSize) -> Result<(), StoreError> {
    let pages: usize = runs.iter().map(|run| run.count() as usize).sum();
    let bytes = pages.saturating_mul(page_size.bytes());
    if bytes <= ANSWER_BYTES_MAX {
        return Ok(());
    }
    let message = format!("{pages} pages are {bytes} bytes; one answer holds at most {ANSWER_BYTES_MAX}");
    Err(StoreError::TooLarge(message))
}

/// Reads pages, in any order and with duplicates; the answer has each page once, ascending.
pub(crate) async fn get_pages(
    core: &Core,
    id: &ActorId,
    held: Held,
    pages: &[PageNumber],
) -> Result<PageSet, StoreError> {
    let mut pages = pages.to_vec();
    pages.sort_unstable();
    pages.dedup();
    let (actor, limits, runs) = (Actor::new(id), core.limits, PageRange::gather(pages));
    for _ in 0..BEGINNINGS_MAX {
        let (mut retry, mut size) = (Retry::begin(core), SliceSize::new(&limits));
        let first = |size| GetPages { actor: actor.clone(), held, runs: runs.clone(), limits, size };
        let (partial, at) = read_slice(core, &mut retry, &mut size, first).await?;
        let more = |runs| GetMore { actor: actor.clone(), held, at: at.clone(), runs, limits };
        if let ControlFlow::Continue(pages) = read_rest(core, partial, more).await? {
            return Ok(pages);
        }
    }
    Err(moved_too_often(id))
}

struct Stat(Actor);

impl ReadFn for Stat {
    type Output = Option<Meta>;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Option<Meta>, Failure>> {
        async move {
            let (fence, head) = self.0.fence_and_head(view, Isolation::Snapshot).await?;
            let live = fence.filter(|fence| fence.state == FenceState::Live);
            Ok(live.map(|fence| plan::meta(&fence, &head)))
        }
        .boxed()
    }
}

/// The state of an actor, if it exists.
pub(crate) async fn stat(core: &Core, id: &ActorId) -> Result<Option<Meta>, StoreError> {
    core.read(&Arc::new(Stat(Actor::new(id)))).await
}

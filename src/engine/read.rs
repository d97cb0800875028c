//! getPages and stat: reads against one committed head.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};

use crate::codec::FenceState;
use crate::kv::{Isolation, ReadBody, View};
use crate::plan::{self, Held};
use crate::types::{ActorId, Meta, PageNumber, PageRange, PageSize};

use super::PageSet;
use super::core::Core;
use super::error::{Failure, StoreError};
use super::rows::{Actor, At, read_pages};

/// The bytes of pages that one answer may hold.
const ANSWER_BYTES_MAX: usize = 1 << 30;

struct GetPages {
    actor: Actor,
    held: Held,
    runs: Vec<PageRange>,
}

impl ReadBody for GetPages {
    type Output = PageSet;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<PageSet, Failure>> {
        async move {
            let (fence, head) = self.actor.fence_and_head(view, Isolation::Snapshot).await?;
            plan::check_fence(fence.as_ref(), &head, self.held)
                .map_err(|refusal| self.actor.refused(refusal))?;
            let runs: Vec<PageRange> = self
                .runs
                .iter()
                .filter(|run| head.size_pages.contains(run.first))
                .map(|run| PageRange {
                    first: run.first,
                    last: PageNumber::new(head.size_pages.0).map_or(run.last, |end| run.last.min(end)),
                })
                .collect();
            check_answer(&runs, head.page_size)?;
            read_pages(view, &self.actor, At::head(&head), &runs).await
        }
        .boxed()
    }
}

/// Whether these pages are few enough for one answer.
pub(super) fn check_answer(runs: &[PageRange], page_size: PageSize) -> Result<(), StoreError> {
    let pages: usize = runs.iter().map(|run| run.count() as usize).sum();
    let bytes = pages.saturating_mul(page_size.bytes());
    if bytes <= ANSWER_BYTES_MAX {
        return Ok(());
    }
    let message = format!("{pages} pages are {bytes} bytes; one answer holds at most {ANSWER_BYTES_MAX}");
    Err(StoreError::TooLarge(message))
}

/// Reads pages, in any order and each as often as given; the answer has each once, ascending.
pub(crate) async fn get_pages(
    core: &Core,
    id: &ActorId,
    held: Held,
    pages: &[PageNumber],
) -> Result<PageSet, StoreError> {
    let mut pages = pages.to_vec();
    pages.sort_unstable();
    pages.dedup();
    let body = GetPages { actor: Actor::new(id), held, runs: PageRange::gather(pages) };
    core.read(&Arc::new(body)).await
}

struct Stat(Actor);

impl ReadBody for Stat {
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

//! peek: an actor's state and some of its pages at one committed head, for a reader that does not own the
//! actor.

use futures::future::{BoxFuture, FutureExt};

use crate::engine::api::PageSet;
use crate::engine::error::{Failure, StoreError};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::core::Core;
use crate::engine::runtime::retry::Retry;
use crate::kv::{Isolation, Limits, ReadFn, View};
use crate::plan;
use crate::types::{ActorId, Generation, Meta, PageNumber, PageRange, Txid, runs};

use super::at::At;
use super::early::Early;
use super::pages::read_pages;
use super::slices::{SliceSize, read_slice};

/// An actor as seen by a reader that does not own it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peek {
    /// The state of the actor.
    pub meta: Meta,
    /// Pages of its head; empty if the actor is still at the state that the caller knows.
    pub pages: PageSet,
}

/// The fence, the head and pages of one state of the store, so that they always belong together.
struct PeekBody {
    actor: Actor,
    known: Option<(Generation, Txid)>,
    runs: Vec<PageRange>,
    limits: Limits,
    size: SliceSize,
}

impl ReadFn for PeekBody {
    type Output = Peek;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Peek, Failure>> {
        async move {
            let Self { actor, known, runs, limits, size } = self;
            let (fence, head) = actor.fence_and_head(view, Isolation::Snapshot).await?;
            let fence = plan::check_readable(fence.as_ref()).map_err(|refusal| actor.refused(refusal))?;
            let meta = plan::meta(fence, &head);
            if *known == Some((meta.generation, meta.head_txid)) {
                return Ok(Peek { meta, pages: PageSet::empty(head.txid, head.page_size) });
            }
            let inside = runs::first_pages(runs, head.size_pages, u64::MAX);
            // What does not fit one read is left out: it would belong to another state.
            let slice = size.first_of(&inside, head.page_size);
            let nothing = Early::default();
            let pages = read_pages(view, actor, &At::head(&head, limits), &slice, &nothing, limits).await?;
            Ok(Peek { meta, pages })
        }
        .boxed()
    }
}

/// Peeks at an actor. Of `pages`, the lowest page numbers that fit one read are returned.
pub(crate) async fn peek(
    core: &Core,
    id: &ActorId,
    known: Option<(Generation, Txid)>,
    pages: &[PageNumber],
) -> Result<Peek, StoreError> {
    let mut pages = pages.to_vec();
    pages.sort_unstable();
    pages.dedup();
    let (actor, limits, runs) = (Actor::new(id), core.limits, PageRange::gather(pages));
    let (mut retry, mut size) = (Retry::begin(core), SliceSize::new(&limits));
    let body = |size| PeekBody { actor: actor.clone(), known, runs: runs.clone(), limits, size };
    read_slice(core, &mut retry, &mut size, body).await
}

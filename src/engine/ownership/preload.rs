//! The preload: the pages that a start returns. They are read along with the fence and the head where
//! possible, and after the fence is written when they exceed what one transaction should read.

use std::ops::ControlFlow;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, try_join};

use crate::codec::{Fence, FenceState, Head};
use crate::engine::api::PageSet;
use crate::engine::error::{Failure, StoreError};
use crate::engine::read::at::At;
use crate::engine::read::early::Early;
use crate::engine::read::pages::{read_beside, read_pages};
use crate::engine::read::slices::{Partial, SliceSize};
use crate::engine::runtime::actor::Actor;
use crate::kv::{Isolation, Limits, ReadFn, View};
use crate::plan::{self, PreloadRequest};
use crate::planted::{self, Bug};
use crate::types::{Meta, PageRange, PageSize, Token, Txid, runs};

use super::hints;

/// The part of a preload that is read along with the fence and the head.
#[derive(Default)]
pub(crate) struct Sight {
    hints: Vec<PageRange>,
    early: Early,
}

impl Sight {
    pub(crate) async fn read(
        view: &dyn View,
        actor: &Actor,
        request: &PreloadRequest,
        limits: &Limits,
        size: SliceSize,
    ) -> Result<Self, Failure> {
        let first = || size.first_of(&plan::preload_early(request), PageSize::DEFAULT);
        let hints = async { if request.hints { hints::load(view, actor).await } else { Ok(Vec::new()) } };
        let early = Early::read(view, actor, Txid(u64::MAX), first, limits);
        let (hints, early) = try_join(hints, early).await?;
        Ok(Self { hints, early })
    }

    /// The preload at a head: reads what is missing, up to one slice.
    pub(crate) async fn preload(
        self,
        view: &dyn View,
        actor: &Actor,
        head: &Head,
        request: &PreloadRequest,
        limits: &Limits,
        size: SliceSize,
    ) -> Result<Preloaded, Failure> {
        let wanted = plan::preload(request, &self.hints, head.size_pages, head.page_size);
        let slice = size.first_of(&wanted, head.page_size);
        let pages = read_pages(view, actor, &At::head(head, limits), &slice, &self.early, limits).await?;
        Ok(Preloaded { pages: Partial { pages, left: runs::subtract(&wanted, &slice) }, hints: self.hints })
    }
}

/// The part of a start's pages that has been read.
pub(crate) struct Preloaded {
    pub(crate) pages: Partial,
    pub(crate) hints: Vec<PageRange>,
}

/// Our new generation, and what the store held at that moment or later.
pub(crate) struct Won {
    pub(crate) fence: Fence,
    pub(crate) head: Head,
    pub(crate) preloaded: Preloaded,
}

/// Reads the head and the preload after this start has raised the fence. Meanwhile a later start may have
/// taken over, and then this one is over before it began; or the actor may have been deleted.
pub(crate) struct BehindFence {
    pub(crate) actor: Actor,
    pub(crate) token: Token,
    pub(crate) preload: Arc<PreloadRequest>,
    pub(crate) limits: Limits,
    pub(crate) size: SliceSize,
}

impl ReadFn for BehindFence {
    type Output = ControlFlow<Gone, Won>;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Self::Output, Failure>> {
        async move {
            let Self { actor, token, preload, limits, size } = self;
            let ((fence, head), sight) = try_join(
                actor.fence_and_head(view, Isolation::Snapshot),
                Sight::read(view, actor, preload, limits, *size),
            )
            .await?;
            let fence = existing(actor, fence)?;
            if let Some(gone) = Gone::of(&fence, &head, *token) {
                return Ok(ControlFlow::Break(gone));
            }
            let preloaded = sight.preload(view, actor, &head, preload, limits, *size).await?;
            Ok(ControlFlow::Continue(Won { fence, head, preloaded }))
        }
        .boxed()
    }
}

/// A further slice of a preload, at the same head as the earlier ones.
pub(crate) struct MoreBehindFence {
    pub(crate) actor: Actor,
    pub(crate) token: Token,
    pub(crate) at: At,
    pub(crate) runs: Vec<PageRange>,
    pub(crate) limits: Limits,
}

/// Why a start cannot continue from what it has.
pub(crate) enum Gone {
    /// A holder of the same generation has committed.
    Moved,
    /// A later start has taken over.
    Lost(Meta),
    /// The actor was deleted or set back: nobody has taken over.
    Deleted,
}

impl Gone {
    /// What has become of the generation that this token raised.
    fn of(fence: &Fence, head: &Head, token: Token) -> Option<Self> {
        match fence.state {
            FenceState::Deleted if planted::has(Bug::LostToDeletion) => {
                Some(Self::Lost(plan::meta(fence, head)))
            }
            FenceState::Deleted => Some(Self::Deleted),
            FenceState::Live if fence.owner_token == token => None,
            // An import of v1 data has come after that deletion, or a restore: the takeover runs again to find out
            // what that means.
            FenceState::Live if !plan::is_owned(fence) => Some(Self::Deleted),
            FenceState::Live => Some(Self::Lost(plan::meta(fence, head))),
        }
    }
}

impl ReadFn for MoreBehindFence {
    type Output = ControlFlow<Gone, PageSet>;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Self::Output, Failure>> {
        async move {
            let Self { actor, token, at, runs, limits } = self;
            let (fence, head, pages) = read_beside(view, actor, at, runs, limits).await?;
            let fence = existing(actor, fence)?;
            if let Some(gone) = Gone::of(&fence, &head, *token) {
                return Ok(ControlFlow::Break(gone));
            }
            if head.txid != at.txid {
                return Ok(ControlFlow::Break(Gone::Moved));
            }
            pages.map(ControlFlow::Continue)
        }
        .boxed()
    }
}

fn existing(actor: &Actor, fence: Option<Fence>) -> Result<Fence, StoreError> {
    fence.ok_or_else(|| StoreError::NotFound { actor: actor.id.clone() })
}

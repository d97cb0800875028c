//! Reads back what a copy has written, before it becomes visible.

use std::ops::ControlFlow;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};

use crate::codec::OpenStage;
use crate::engine::commit::stage::StageWriter;
use crate::engine::error::{Failure, StoreError};
use crate::engine::read::at::At;
use crate::engine::read::rows::{Stored, decode_page, walk};
use crate::engine::read::slices::{SliceSize, read_slice};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::retry::Retry;
use crate::kv::{Isolation, Limits, ReadFn, View};
use crate::plan::{self, Content, Held};
use crate::types::{PageCount, PageNumber, PageRange, PageSize, runs};

use super::piece::PIECE_BYTES_MAX;

/// How far the stage of a copy has been read back.
pub(crate) struct ReadBack {
    next: Option<PageNumber>,
    content: Content,
}

impl ReadBack {
    pub(crate) fn new() -> Self {
        Self { next: Some(PageNumber::FIRST), content: Content::default() }
    }

    /// How many pages were read back.
    pub(crate) fn pages_done(&self, size_pages: PageCount) -> PageCount {
        let done = self.next.map_or(u32::MAX, |next| next.get() - 1);
        PageCount(done.min(size_pages.0))
    }

    /// Reads one more piece. Breaks at the end, with everything that was found.
    pub(crate) async fn step(
        &mut self,
        stage: &mut StageWriter,
        (size_pages, page_size): (PageCount, PageSize),
    ) -> Result<ControlFlow<Content>, StoreError> {
        let rest = self.next.map(|first| PageRange { first, last: PageNumber::LAST });
        let rest = runs::first_pages(rest.as_slice(), size_pages, u64::MAX);
        if rest.is_empty() {
            return Ok(ControlFlow::Break(std::mem::take(&mut self.content)));
        }
        stage.barrier().await?;
        let (core, actor) = (Arc::clone(&stage.core), stage.actor.clone());
        let (held, stage) = (stage.held, stage.stage);
        let (mut retry, mut size) = (Retry::begin(&core), SliceSize::at_most(&core.limits, PIECE_BYTES_MAX));
        let slice = |size: SliceSize| {
            let run = size.first_of(&rest, page_size)[0];
            Slice { actor: actor.clone(), held, stage, run, page_size, limits: core.limits }
        };
        let (content, next) = read_slice(&core, &mut retry, &mut size, slice).await?;
        self.content.join(content);
        self.next = next;
        Ok(ControlFlow::Continue(()))
    }
}

/// A run of pages as the head would show them once the stage is finalized.
struct Slice {
    actor: Actor,
    held: Held,
    stage: OpenStage,
    run: PageRange,
    page_size: PageSize,
    limits: Limits,
}

impl ReadFn for Slice {
    type Output = (Content, Option<PageNumber>);
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Self::Output, Failure>> {
        async move {
            let (fence, head) = self.actor.fence_and_head(view, Isolation::Snapshot).await?;
            // A stage that is being rolled back has missing rows, which is not damage.
            plan::check_part(fence.as_ref(), &head, self.held, self.stage)
                .map_err(|refusal| self.actor.refused(refusal))?;
            let mut content = Content::default();
            let mut data = vec![0; self.page_size.bytes()];
            let at = At::finalized(&head, self.stage.txid, self.page_size, &self.limits);
            walk(view, &self.actor, self.run, &at, |stored| {
                if let Stored::Row { page, txid, key, value } = stored {
                    decode_page(&self.actor, (page, txid), (key, value), self.page_size, &mut data)?;
                    content.note(page, &data);
                }
                Ok(())
            })
            .await?;
            Ok((content, self.run.last.next()))
        }
        .boxed()
    }
}

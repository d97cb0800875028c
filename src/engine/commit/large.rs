//! A commit that is written while it grows, for a transaction that outgrows its owner's memory. The owner
//! hands its pages over in pieces, may write a page again, and reads its own pages back. All of it is one
//! stage.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};

use crate::codec::{OpenStage, PreparedPage};
use crate::engine::api::PageSet;
use crate::engine::error::{Failure, StoreError};
use crate::engine::read::at::At;
use crate::engine::read::committed::check_answer;
use crate::engine::read::pages::read_beside;
use crate::engine::read::slices::{Partial, read_rest};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::core::Core;
use crate::engine::runtime::metrics;
use crate::kv::{Limits, ReadFn, View};
use crate::plan::{self, Held, StageRequest};
use crate::types::{Generation, PageBits, PageCount, PageNumber, PageRange, PageSize, Txid};

use super::batch::{Batch, Room};
use super::cleanup;
use super::stage::{End, StageWriter};

/// A commit whose pages and size are not known yet.
#[derive(Debug, Clone, Copy)]
pub struct LargeCommit {
    /// The generation held.
    pub generation: Generation,
    /// The head that the changes extend.
    pub head_txid: Txid,
    /// The size of each page.
    pub page_size: PageSize,
}

/// A commit in progress. Nobody sees any of it before [`LargeCommitWriter::finish`].
///
/// If it is dropped earlier, it is rolled back in the background or, outside of an async runtime, by the next
/// commit. Once a write has failed or was dropped half way, every later call fails too, because it is unknown
/// which pages were written.
pub struct LargeCommitWriter {
    stage: StageWriter,
    page_size: PageSize,
    /// Every page written so far.
    staged: PageBits,
    /// Why this commit cannot be finished.
    failed: Option<StoreError>,
}

/// Begins a commit.
pub(crate) async fn begin(
    core: &Arc<Core>,
    actor: &Actor,
    LargeCommit { generation, head_txid, page_size }: LargeCommit,
) -> Result<LargeCommitWriter, StoreError> {
    let request = StageRequest {
        held: actor.held(generation, Some(head_txid)),
        size_pages: None,
        page_size: Some(page_size),
        token: core.env.token(),
    };
    let stage = StageWriter::open(core, actor, request).await?;
    Ok(LargeCommitWriter { stage, page_size, staged: PageBits::new(), failed: None })
}

impl LargeCommitWriter {
    /// Writes any number of pages, in any order, each at most once. A page that an earlier call has written
    /// is replaced. Returns when the last pages are on their way to the store; an error in writing them may
    /// be reported by a later call.
    pub async fn write(&mut self, mut pages: Vec<(PageNumber, Box<[u8]>)>) -> Result<(), StoreError> {
        pages.sort_unstable_by_key(|(page, _)| *page);
        self.check(&pages)?;
        self.begin_step()?;
        let written = self.write_parts(pages).await;
        self.end_step(written)
    }

    /// Whether this commit has written the page.
    pub fn contains(&self, page: PageNumber) -> bool {
        self.staged.contains(page)
    }

    /// Reads back pages that this commit has written, in any order and with duplicates. The answer has each
    /// page once, in ascending order. Its head is the one that this commit will create.
    pub async fn read(&mut self, pages: &[PageNumber]) -> Result<PageSet, StoreError> {
        let mut pages = pages.to_vec();
        pages.sort_unstable();
        pages.dedup();
        if let Some(page) = pages.iter().find(|page| !self.contains(**page)) {
            return Err(StoreError::InvalidArg(format!("page {page} is not part of this commit")));
        }
        let runs = PageRange::gather(pages);
        check_answer(&runs, self.page_size)?;
        self.begin_step()?;
        let settled = self.stage.barrier().await;
        self.end_step(settled)?;
        let StageWriter { core, actor, held, stage, .. } = &self.stage;
        let at = At::stage(stage.txid, self.page_size);
        let slice = |runs| ReadBack {
            actor: actor.clone(),
            held: *held,
            stage: *stage,
            at: at.clone(),
            runs,
            limits: core.limits,
        };
        let nothing = Partial { pages: PageSet::empty(stage.txid, self.page_size), left: runs };
        let ControlFlow::Continue(pages) = metrics::told(core, read_rest(core, nothing, slice).await)?;
        Ok(pages)
    }

    /// Makes everything visible at once, in a database of this size. Pages written beyond the size are
    /// dropped.
    pub async fn finish(self, size_pages: PageCount) -> Result<Txid, StoreError> {
        let Self { stage, page_size, failed, .. } = self;
        if let Some(error) = failed {
            return Err(error);
        }
        let (core, actor, generation) = (Arc::clone(&stage.core), stage.actor.clone(), stage.held.generation);
        let finalized = stage.finalize(End::new(size_pages, page_size)).await;
        let committed = metrics::committing(&core, finalized)?;
        cleanup::after_commit(&core, &actor, generation, &committed.head);
        Ok(committed.txid)
    }

    /// Whether these pages, sorted by their numbers, can be written.
    fn check(&self, pages: &[(PageNumber, Box<[u8]>)]) -> Result<(), StoreError> {
        let size = self.page_size;
        if let Some((page, data)) = pages.iter().find(|(_, data)| data.len() != size.bytes()) {
            let message = format!("page {page} has {} bytes in a commit of pages of {size}", data.len());
            return Err(StoreError::InvalidArg(message));
        }
        let twice = pages.windows(2).find(|pair| pair[0].0 == pair[1].0);
        twice.map_or(Ok(()), |pair| Err(StoreError::InvalidArg(format!("page {} is given twice", pair[0].0))))
    }

    async fn write_parts(&mut self, pages: Vec<(PageNumber, Box<[u8]>)>) -> Result<(), StoreError> {
        if pages.iter().any(|(page, _)| self.staged.contains(*page)) {
            // Parts arrive in any order, so an earlier version that is still on its way could arrive last.
            self.stage.barrier().await?;
        }
        for (page, _) in &pages {
            self.staged.insert(*page);
        }
        let size = self.page_size;
        let mut prepared =
            pages.into_iter().map(|(page, data)| PreparedPage::new(page, size, &data)).peekable();
        if prepared.peek().is_none() {
            return Ok(());
        }
        let mut batch = Batch::new(Room::new(&self.stage.core.limits, &self.stage.actor.keys));
        while let Some(next) = batch.fill(&mut prepared) {
            self.stage.write(std::mem::replace(&mut batch, next).into_pages()).await?;
        }
        self.stage.write(batch.into_pages()).await
    }

    /// From here to [`LargeCommitWriter::end_step`] the commit counts as failed, so that a step that its
    /// caller drops half way does not count as finished.
    fn begin_step(&mut self) -> Result<(), StoreError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.failed =
            Some(StoreError::Unavailable("a write of this commit was given up half way".to_owned()));
        Ok(())
    }

    fn end_step(&mut self, ended: Result<(), StoreError>) -> Result<(), StoreError> {
        self.failed = ended.as_ref().err().cloned();
        metrics::told(&self.stage.core, ended)
    }
}

struct ReadBack {
    actor: Actor,
    held: Held,
    stage: OpenStage,
    at: At,
    runs: Vec<PageRange>,
    limits: Limits,
}

impl ReadFn for ReadBack {
    type Output = ControlFlow<Infallible, PageSet>;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Self::Output, Failure>> {
        async move {
            let (fence, head, pages) =
                read_beside(view, &self.actor, &self.at, &self.runs, &self.limits).await?;
            // A stage that is being rolled back has missing rows, which is not damage.
            plan::check_part(fence.as_ref(), &head, self.held, self.stage)
                .map_err(|refusal| self.actor.refused(refusal))?;
            pages.map(ControlFlow::Continue)
        }
        .boxed()
    }
}

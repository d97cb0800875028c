//! copy: an actor of one store becomes an actor of another one, from one committed head, in pieces.
//!
//! The source is only read. The target is taken over, and everything becomes visible there as one commit, or, if
//! the copy ends before, not at all.

use std::ops::ControlFlow;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};

use crate::codec::PreparedPage;
use crate::kv::{Isolation, ReadBody, View};
use crate::plan::{self, Held, PreloadRequest, StageRequest};
use crate::types::{ActorId, Meta, Origin, PageCount, PageNumber, PageRange, Txid, runs};

use super::attempts::Attempts;
use super::batch::{Batch, Room};
use super::core::Core;
use super::error::{Failure, StoreError};
use super::files::blocking;
use super::import::refuse_to_replace;
use super::rows::{Actor, Stored, decode_page, walk};
use super::slices::{BEGINNINGS_MAX, SliceSize, moved_too_often, read_slice};
use super::stage::{End, StageWriter};
use super::{Outcome, read, settle, startup};

/// What one step reads at most.
const STEP_BYTES_MAX: usize = 4 << 20;

/// What came of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// The state that was read.
    pub source: Meta,
    /// The state that it has become.
    pub target: Meta,
}

/// A copy under way. Dropped before its end, what it has written is rolled back.
pub struct Copying {
    source: Arc<Core>,
    target: Arc<Core>,
    actor: Actor,
    /// The target as its takeover found it.
    started: Meta,
    /// The state that is being read.
    meta: Meta,
    stage: Option<StageWriter>,
    /// The page to read next.
    next: Option<PageNumber>,
    beginnings: u32,
    scratch: Vec<u8>,
}

/// Takes the target over. Nothing is written before the first step.
pub(crate) async fn begin(
    source: &Arc<Core>,
    target: &Arc<Core>,
    id: &ActorId,
    replace: bool,
) -> Result<Copying, StoreError> {
    let meta = source_meta(source, id).await?;
    if let Some(meta) = read::stat(target, id).await? {
        refuse_to_replace(id, &meta, replace)?;
    }
    let started = startup::load_startup(target, id, PreloadRequest::default()).await?;
    if started.outcome == Outcome::Lost {
        return Err(StoreError::ConcurrentTakeover { actor: id.clone() });
    }
    // Asked again: the answer from before the takeover may be out of date.
    refuse_to_replace(id, &started.meta, replace)?;
    Ok(Copying {
        source: Arc::clone(source),
        target: Arc::clone(target),
        actor: Actor::new(id),
        started: started.meta,
        meta,
        stage: None,
        next: Some(PageNumber::FIRST),
        beginnings: 1,
        scratch: Vec::new(),
    })
}

async fn source_meta(source: &Core, id: &ActorId) -> Result<Meta, StoreError> {
    let meta = read::stat(source, id).await?;
    let meta = meta.ok_or_else(|| StoreError::NotFound { actor: id.clone() })?;
    if meta.origin == Origin::MigratingFromV1 {
        return Err(StoreError::MigrationIncomplete { actor: id.clone() });
    }
    Ok(meta)
}

impl Copying {
    /// The state that is being read; it may be another one after a step.
    pub fn source(&self) -> Meta {
        self.meta
    }

    /// The target as its takeover found it, with the generation that this copy holds.
    pub fn target(&self) -> Meta {
        self.started
    }

    /// How many pages were passed so far.
    pub fn pages_done(&self) -> PageCount {
        let done = self.next.map_or(u32::MAX, |next| next.get() - 1);
        PageCount(done.min(self.meta.size_pages.0))
    }

    /// Goes on by a bounded step, and says what came of it once everything is there.
    pub async fn next(&mut self) -> Result<Option<Copied>, StoreError> {
        if self.meta.size_pages.0 == 0 && self.started.size_pages.0 == 0 {
            // Two empty databases are the same, and no commit is needed to make them so.
            return Ok(Some(Copied { source: self.meta, target: self.started }));
        }
        let rest = self.next.map(|first| PageRange { first, last: PageNumber::LAST });
        let rest = runs::first_pages(rest.as_slice(), self.meta.size_pages, u64::MAX);
        if rest.is_empty() {
            return self.finish().await;
        }
        let limits = &self.source.limits;
        let (mut attempts, mut size) =
            (Attempts::begin(&self.source), SliceSize::at_most(limits, STEP_BYTES_MAX));
        let at = (self.meta.head_txid, self.meta.size_pages);
        let (actor, fill_to) = (&self.actor, self.started.size_pages);
        let slice = |size| CopySlice { actor: actor.clone(), at, rest: rest.clone(), size, fill_to };
        match read_slice(&self.source, &mut attempts, &mut size, slice).await? {
            ControlFlow::Continue(Pages { pages, next }) => {
                self.write(pages).await?;
                self.next = next;
            }
            ControlFlow::Break(Moved) => self.begin_again().await?,
        }
        Ok(None)
    }

    /// The source has another head: everything from the beginning.
    async fn begin_again(&mut self) -> Result<(), StoreError> {
        if self.beginnings >= BEGINNINGS_MAX {
            return Err(moved_too_often(&self.actor.id));
        }
        self.beginnings += 1;
        self.stage = None;
        self.next = Some(PageNumber::FIRST);
        self.meta = source_meta(&self.source, &self.actor.id).await?;
        Ok(())
    }

    async fn write(&mut self, pages: Vec<(PageNumber, Vec<u8>)>) -> Result<(), StoreError> {
        let size = self.meta.page_size;
        let mut scratch = std::mem::take(&mut self.scratch);
        let prepare = move || {
            let prepared: Vec<PreparedPage> = pages
                .into_iter()
                .map(|(page, data)| PreparedPage::new(page, size, &data, &mut scratch))
                .collect();
            Ok((prepared, scratch))
        };
        let (prepared, scratch) = blocking(&*self.target.env, prepare).await?;
        self.scratch = scratch;
        let room = Room::new(&self.target.limits, &self.actor.keys);
        let stage = self.stage().await?;
        let mut prepared = prepared.into_iter();
        let mut batch = Batch::new(room);
        while let Some(next) = batch.fill(&mut prepared) {
            stage.write(std::mem::replace(&mut batch, next).into_pages()).await?;
        }
        let last = batch.into_pages();
        if !last.is_empty() {
            stage.write(last).await?;
        }
        Ok(())
    }

    fn held(&self) -> Held {
        Held { generation: self.started.generation, head_txid: Some(self.started.head_txid) }
    }

    async fn stage(&mut self) -> Result<&mut StageWriter, StoreError> {
        if self.stage.is_none() {
            let (held, token) = (self.held(), self.target.env.token());
            // Every page is written, so they may be of another size than before.
            let request =
                StageRequest { held, size_pages: Some(self.meta.size_pages), page_size: None, token };
            self.stage = Some(StageWriter::open(&self.target, &self.actor, request).await?);
        }
        Ok(self.stage.as_mut().expect("it was just opened"))
    }

    async fn finish(&mut self) -> Result<Option<Copied>, StoreError> {
        self.stage().await?;
        let Meta { size_pages, page_size, .. } = self.meta;
        let stage = self.stage.take().expect("it was just opened");
        let committed = stage.finalize(End { rewrites_all: true, ..End::new(size_pages, page_size) }).await?;
        settle::after_commit(&self.target, &self.actor, self.started.generation, &committed.head);
        let target = Meta { head_txid: committed.txid, size_pages, page_size, ..self.started };
        Ok(Some(Copied { source: self.meta, target }))
    }
}

/// The next pages of a head.
struct CopySlice {
    actor: Actor,
    /// Txid and size of the head: an actor that was deleted and made again has the txid that it had, and no pages.
    at: (Txid, PageCount),
    rest: Vec<PageRange>,
    size: SliceSize,
    /// Pages up to this one are there in the target, so a page that was never written becomes one of zeros.
    fill_to: PageCount,
}

/// Pages, and where to go on.
struct Pages {
    pages: Vec<(PageNumber, Vec<u8>)>,
    next: Option<PageNumber>,
}

/// The head is not the one that was begun with.
struct Moved;

impl ReadBody for CopySlice {
    type Output = ControlFlow<Moved, Pages>;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Self::Output, Failure>> {
        async move {
            let (fence, head) = self.actor.fence_and_head(view, Isolation::Snapshot).await?;
            plan::check_readable(fence.as_ref()).map_err(|refusal| self.actor.refused(refusal))?;
            if (head.txid, head.size_pages) != self.at {
                return Ok(ControlFlow::Break(Moved));
            }
            let slice = self.size.first_of(&self.rest, head.page_size);
            let Some(run) = slice.first() else {
                return Ok(ControlFlow::Continue(Pages { pages: Vec::new(), next: None }));
            };
            let mut pages = Vec::new();
            walk(view, &self.actor, *run, head.txid, |stored| {
                match stored {
                    Stored::Never(gap) => {
                        let gap = runs::first_pages(&[gap], self.fill_to, u64::MAX);
                        let zeros = gap.iter().flat_map(|run| run.pages());
                        pages.extend(zeros.map(|page| (page, vec![0; head.page_size.bytes()])));
                    }
                    Stored::Row { page, txid, key, value } => {
                        let mut data = vec![0; head.page_size.bytes()];
                        decode_page(&self.actor, (page, txid), (key, value), head.page_size, &mut data)?;
                        pages.push((page, data));
                    }
                }
                Ok(())
            })
            .await?;
            Ok(ControlFlow::Continue(Pages { pages, next: run.last.next() }))
        }
        .boxed()
    }
}

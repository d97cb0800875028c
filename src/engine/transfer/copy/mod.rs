//! copy: copies one committed head of an actor to another store or another id, in pieces.
//!
//! The source is only read, except that a point of it may be pinned meanwhile. The target is taken over, or claimed
//! if it does not exist. All content becomes visible there as one commit or, if the copy ends early, not at all.

pub(crate) mod piece;
mod point;
mod read_back;
pub(crate) mod reading;

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::codec::PreparedPage;
use crate::engine::commit::batch::{Batch, Room};
use crate::engine::commit::cleanup;
use crate::engine::commit::stage::{End, StageWriter};
use crate::engine::error::StoreError;
use crate::engine::read::slices::{BEGINNINGS_MAX, moved_too_often};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::blocking::blocking;
use crate::engine::runtime::core::Core;
use crate::engine::transfer::claim::{Claimed, claim, displaced};
use crate::plan::{Content, PendingCleanup};
use crate::types::{ActorId, Meta, PageCount, PageNumber, runs};

use self::piece::{Next, Part, Piece};
use self::read_back::ReadBack;
use self::reading::Reading;

/// The result of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// The state that was read.
    pub source: Meta,
    /// The state that was created from it.
    pub target: Meta,
}

/// A copy in progress. If it is dropped before its end, what it has written is rolled back. If the backend
/// keeps a state as long as it is read, it keeps the one that is being copied.
pub struct Copying {
    source: Arc<Core>,
    target: Claimed,
    actor: Actor,
    /// The state that is being read.
    meta: Meta,
    reading: Reading,
    /// The page to read next.
    next: Option<PageNumber>,
    beginnings: u32,
    stage: Option<StageWriter>,
    /// What was read so far, if it is to be compared with what was written.
    content: Option<Content>,
    read_back: ReadBack,
    /// Why this copy cannot continue.
    failed: Option<StoreError>,
}

/// Takes the target over, or claims it. Nothing else is written before the first step.
pub(crate) async fn begin(
    (source, id): (&Arc<Core>, &ActorId),
    (target, to): (&Arc<Core>, &ActorId),
    replace: bool,
) -> Result<Copying, StoreError> {
    if id == to && source.is_same_store(target) {
        return Err(StoreError::InvalidArg(format!(
            "the target of a copy of actor {id:?} is the store that the actor is in; an actor cannot be copied onto \
             itself"
        )));
    }
    let actor = Actor::new(id);
    let (reading, meta) = Reading::begin(source, &actor).await?;
    let target = claim(target, to, replace).await?;
    Ok(Copying {
        source: Arc::clone(source),
        target,
        actor,
        meta,
        reading,
        next: Some(PageNumber::FIRST),
        beginnings: 1,
        stage: None,
        content: None,
        read_back: ReadBack::new(),
        failed: None,
    })
}

impl Copying {
    /// Has every page read back from the target, before it becomes visible there, and compared with what was
    /// read from the source. Must be called before the first step.
    #[must_use]
    pub fn verified(mut self) -> Self {
        self.content = Some(Content::default());
        self
    }

    /// The state that is being read. It may change with a step, unless the backend of the source keeps a
    /// state as long as it is read.
    pub fn source(&self) -> Meta {
        self.meta
    }

    /// The target's state before, with the generation that this copy holds.
    pub fn target(&self) -> Meta {
        self.target.meta
    }

    /// How many pages were copied so far.
    pub fn pages_done(&self) -> PageCount {
        let done = self.next.map_or(u32::MAX, |next| next.get() - 1);
        PageCount(done.min(self.meta.size_pages.0))
    }

    /// How many of them were read back so far.
    pub fn pages_verified(&self) -> PageCount {
        self.read_back.pages_done(self.meta.size_pages)
    }

    /// Takes one bounded step, and returns the result once everything is copied. Once a step has failed or
    /// was dropped half way, every later step fails too, because it is unknown which pages were written.
    pub async fn next(&mut self) -> Result<Option<Copied>, StoreError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.failed = Some(StoreError::Unavailable("a step of this copy was given up half way".to_owned()));
        let stepped = self.step().await;
        self.failed = stepped.as_ref().err().cloned();
        stepped
    }

    async fn step(&mut self) -> Result<Option<Copied>, StoreError> {
        if self.meta.size_pages.0 == 0 && self.target.meta.size_pages.0 == 0 && !self.target.is_new {
            // Two empty databases are equal, so no commit is needed.
            return Ok(Some(Copied { source: self.meta, target: self.target.meta }));
        }
        match self.reading.next().await? {
            Next::Piece(piece) => {
                let next = piece.next;
                self.write(piece).await.map_err(displaced)?;
                self.next = next;
                Ok(None)
            }
            Next::Moved => {
                self.begin_again().await?;
                Ok(None)
            }
            Next::End => self.end().await.map_err(displaced),
        }
    }

    /// The source has another head: starts from the beginning.
    async fn begin_again(&mut self) -> Result<(), StoreError> {
        if self.beginnings >= BEGINNINGS_MAX {
            return Err(moved_too_often(&self.actor.id));
        }
        self.beginnings += 1;
        if let Some(stage) = &self.stage {
            // The next stage has the same token, so this one must be gone first.
            let (target, generation) = (&self.target, self.target.meta.generation);
            cleanup::clean_up(&target.core, &target.actor, generation, PendingCleanup::Rollback(stage.stage))
                .await?;
        }
        if let Some(stage) = self.stage.take() {
            stage.leave();
        }
        (self.reading, self.meta) = Reading::begin_firmly(&self.source, &self.actor).await?;
        self.next = Some(PageNumber::FIRST);
        self.content = self.content.is_some().then(Content::default);
        Ok(())
    }

    async fn write(&mut self, piece: Piece) -> Result<(), StoreError> {
        let (size, fill_to) = (self.meta.page_size, self.target.meta.size_pages);
        let mut content = self.content.take();
        let prepare = move || {
            let mut prepared = Vec::new();
            for part in piece.parts {
                match part {
                    Part::Page(page, data) => {
                        if let Some(content) = &mut content {
                            content.note(page, &data);
                        }
                        prepared.push(PreparedPage::new(page, size, &data));
                    }
                    // In the copy, a page that was never written becomes a page of zeros where the target had
                    // pages.
                    Part::Never(gap) => {
                        let zeros = vec![0; size.bytes()];
                        for page in
                            runs::first_pages(&[gap], fill_to, u64::MAX).iter().flat_map(|run| run.pages())
                        {
                            prepared.push(PreparedPage::new(page, size, &zeros));
                        }
                    }
                }
            }
            Ok((prepared, content))
        };
        let (prepared, content) = blocking(&*self.target.core.env, prepare).await?;
        self.content = content;
        let room = Room::new(&self.target.core.limits, &self.target.actor.keys);
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

    async fn stage(&mut self) -> Result<&mut StageWriter, StoreError> {
        if self.stage.is_none() {
            self.stage = Some(self.target.stage(Some(self.meta.size_pages)).await?);
        }
        Ok(self.stage.as_mut().expect("it was just opened"))
    }

    /// Everything was written: reads it back, if requested, then makes it visible.
    async fn end(&mut self) -> Result<Option<Copied>, StoreError> {
        self.next = None;
        self.stage().await?;
        let Meta { size_pages, page_size, .. } = self.meta;
        if let (Some(read), Some(stage)) = (&self.content, &mut self.stage) {
            match self.read_back.step(stage, (size_pages, page_size)).await? {
                ControlFlow::Continue(()) => return Ok(None),
                ControlFlow::Break(written) => compare(read, &written, stage)?,
            }
        }
        let stage = self.stage.take().expect("it was just opened");
        let committed = stage.finalize(End { rewrites_all: true, ..End::new(size_pages, page_size) }).await?;
        let Claimed { core, actor, meta, .. } = &self.target;
        cleanup::after_commit(core, actor, meta.generation, &committed.head);
        let target = Meta { head_txid: committed.txid, size_pages, page_size, ..*meta };
        Ok(Some(Copied { source: self.meta, target }))
    }
}

fn compare(read: &Content, written: &Content, stage: &StageWriter) -> Result<(), StoreError> {
    let Some(range) = read.difference(written) else { return Ok(()) };
    Err(StoreError::Corrupt {
        actor: Some(stage.actor.id.clone()),
        page: Some(range.first),
        txid: Some(stage.stage.txid),
        detail: format!(
            "what the target of a copy holds is not what was copied: pages {} to {} differ",
            range.first, range.last
        ),
    })
}

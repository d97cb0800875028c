//! Reads an actor without owning it: continues at each new head, and makes progress even when heads change
//! fast.
//!
//! Like the reads of an owner, every read names the generation and the head that were last seen. If a commit
//! has come in between, the read fails, and the statement starts again at the new head. To make progress
//! beside an owner that never pauses, the read that fetches the next head also fetches the pages that failed
//! reads had asked for. All of them come from one state of the store, which no commit can invalidate.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::database::pages::cache::PageCache;
use crate::database::pages::read_ahead::{READ_AHEAD_BYTES_DEFAULT, ReadAhead};
use crate::database::stats::Counters;
use crate::engine::{Engine, Outcome, PageSet, Peek, Startup, StoreError};
use crate::planted::{self, Bug};
use crate::types::{ActorId, PageCount, PageNumber, PageSize, Txid};

use super::{ReadPolicy, Source};

/// The maximum bytes of pages that are fetched along with a new head.
const BROUGHT_BYTES_MAX: usize = 16 << 20;

/// What a source needs to follow the actor.
pub(crate) struct Following {
    /// The pages that were requested since the last answer was complete.
    asked: BTreeSet<PageNumber>,
    /// The pages that were fetched along with the head; always includes page 1, if there is one.
    brought: PageSet,
    /// The actor was found at another head, in the middle of a statement.
    moved: bool,
    /// The point that is read, if it is one of the past.
    past: Option<Txid>,
}

impl Following {
    /// Records requested pages, as many as may be fetched along with the next head.
    pub(crate) fn note(&mut self, pages: impl IntoIterator<Item = PageNumber>, page_size: PageSize) {
        for page in pages {
            if self.asked.len() < BROUGHT_BYTES_MAX / page_size.bytes() {
                self.asked.insert(page);
            }
        }
    }

    /// A page that was fetched along with the head.
    pub(crate) fn brought(&self, page: PageNumber) -> Option<&[u8]> {
        self.brought.get(page)
    }
}

impl Source {
    /// The pages of an actor that somebody else owns.
    pub(crate) fn following(
        shared: (Arc<Engine>, Arc<PageCache>, Arc<Counters>),
        actor: ActorId,
        Peek { meta, pages }: Peek,
        (read_ahead, past): (bool, Option<Txid>),
    ) -> Self {
        let nothing = PageSet { pages: Vec::new(), data: Vec::new(), ..pages.clone() };
        let startup =
            Startup { outcome: Outcome::Lost, meta, pages: nothing, hints: Vec::new(), owner: None };
        let mut source = Self::new(shared, actor, startup, ReadPolicy { read_ahead, learn_hints: false });
        source.following = Some(Following { asked: BTreeSet::new(), brought: pages, moved: false, past });
        source
    }

    /// The point that is read, if it is one of the past.
    pub(super) fn past(&self) -> Option<Txid> {
        self.following.as_ref()?.past.filter(|_| !planted::has(Bug::PastFollowed))
    }

    /// Whether somebody else owns the actor, so that nothing may be written.
    pub(crate) fn is_following(&self) -> bool {
        self.following.is_some()
    }

    /// Continues at the actor's newest head. Returns whether it is another one than before.
    pub(crate) fn follow(&mut self) -> Result<bool, StoreError> {
        if self.past().is_some() {
            return Ok(false);
        }
        let Some(following) = self.following.as_mut() else { return Ok(false) };
        let mut wanted: Vec<_> = following.asked.iter().copied().collect();
        wanted.push(PageNumber::FIRST);
        let known = Some((self.generation, self.head));
        let Peek { meta, pages } = self.engine.wait(self.engine.peek(&self.actor, known, &wanted))?;
        self.counters.round_trips.add(1);
        if known == Some((meta.generation, meta.head_txid)) {
            return Ok(false);
        }
        self.counters.pages_fetched.add(pages.pages.len());
        if meta.page_size != self.page_size && self.read_ahead.is_some() {
            self.read_ahead = Some(ReadAhead::new(meta.page_size, READ_AHEAD_BYTES_DEFAULT));
        }
        self.space = self.cache.space();
        for (&page, bytes) in pages.pages.iter().zip(pages.data.chunks_exact(pages.page_size.bytes())) {
            if let Some(read_ahead) = &mut self.read_ahead {
                read_ahead.on_page(page, bytes);
            }
            self.cache.insert(self.space, page, bytes);
        }
        following.brought = pages;
        self.fetched.clear();
        (self.generation, self.head) = (meta.generation, meta.head_txid);
        (self.size, self.page_size) = (meta.size_pages, meta.page_size);
        Ok(true)
    }

    /// Whether reading continues after an error that would end an owner. An error that reports another head
    /// is remembered.
    pub(crate) fn outlives(&mut self, error: &StoreError) -> bool {
        let Some(following) = &mut self.following else { return false };
        following.moved |= matches!(error, StoreError::FenceMismatch { .. });
        true
    }

    /// Whether a read has failed, since the last call, because the actor has moved on.
    pub(crate) fn take_moved(&mut self) -> bool {
        self.following.as_mut().is_some_and(|following| std::mem::take(&mut following.moved))
    }

    /// An answer is complete: its pages need not be fetched along with the next head.
    pub(crate) fn has_answered(&mut self) {
        let Some(following) = &mut self.following else { return };
        following.asked.clear();
        let brought = &mut following.brought;
        if brought.pages.len() > 1 {
            // SQLite reads page 1 at the beginning of each transaction.
            let first = brought.get(PageNumber::FIRST).map(<[u8]>::to_vec);
            brought.pages = first.iter().map(|_| PageNumber::FIRST).collect();
            brought.data = first.unwrap_or_default();
        }
    }

    /// Page 1, if there is one.
    pub(crate) fn first_page(&self) -> Option<&[u8]> {
        self.following.as_ref().filter(|_| self.size != PageCount(0))?.brought(PageNumber::FIRST)
    }
}

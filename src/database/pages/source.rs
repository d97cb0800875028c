//! The committed pages of one open actor: from the preload, then the page cache, then the store, which
//! returns a few more pages than were requested.
//!
//! Every read names the generation and the head that this database last saw. So either all pages of an answer
//! come from that head, or the read fails: two lineages never mix.

// The path is explicit because `crates/threads` includes this file, and would look for it beside this one.
#[path = "source/following.rs"]
mod following;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use crate::database::stats::Counters;
use crate::engine::{
    Commit, Engine, LargeCommit, LargeCommitWriter, PageSet, PageWrite, Startup, StoreError, Wanted,
};
use crate::planted::{self, Bug};
use crate::types::{ActorId, Generation, PageCount, PageNumber, PageRange, PageSize, Token, Txid};

use super::cache::{PageCache, Space};
use super::hints::{HINT_BYTES_DEFAULT, HintRecorder};
use super::read_ahead::{READ_AHEAD_BYTES_DEFAULT, ReadAhead};
use super::source::following::Following;

/// How a database reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadPolicy {
    /// Whether pages are fetched before they are requested.
    pub(crate) read_ahead: bool,
    /// Whether the pages of the first phase are recorded for the next start.
    pub(crate) learn_hints: bool,
}

/// How many answers to misses are kept for the following requests, as long as read-ahead waits for their
/// pages: each of at most [`READ_AHEAD_BYTES_DEFAULT`].
const FETCHED_MAX: usize = 4;

/// The committed pages, at one head.
pub(crate) struct Source {
    engine: Arc<Engine>,
    actor: ActorId,
    generation: Generation,
    head: Txid,
    size: PageCount,
    page_size: PageSize,
    cache: Arc<PageCache>,
    space: Space,
    /// What the last misses have fetched ahead, which is likely to be requested next.
    fetched: VecDeque<PageSet>,
    /// Preloaded pages that were not requested yet.
    unused_preload: HashSet<PageNumber>,
    read_ahead: Option<ReadAhead>,
    recorder: Option<HintRecorder>,
    counters: Arc<Counters>,
    /// The token of the last commit, if its outcome is unknown.
    doubt: Option<Token>,
    /// Whether the running call is still wanted; `None` means that every call is.
    wanted: Option<Wanted>,
    /// For a reader that does not own the actor: what it needs to follow the owners.
    following: Option<Following>,
}

impl Source {
    /// The pages of a start. The preload goes into the cache.
    pub(crate) fn new(
        (engine, cache, counters): (Arc<Engine>, Arc<PageCache>, Arc<Counters>),
        actor: ActorId,
        startup: Startup,
        policy: ReadPolicy,
    ) -> Self {
        let space = if planted::has(Bug::StaleCache) { Space::of(&actor) } else { cache.space() };
        let Startup { meta, pages, .. } = startup;
        let page_size = meta.page_size;
        let mut read_ahead = policy.read_ahead.then(|| ReadAhead::new(page_size, READ_AHEAD_BYTES_DEFAULT));
        for (&page, bytes) in pages.pages.iter().zip(pages.data.chunks_exact(page_size.bytes())) {
            if let Some(read_ahead) = &mut read_ahead {
                read_ahead.on_page(page, bytes);
            }
            cache.insert(space, page, bytes);
        }
        counters.pages_preloaded.add(pages.pages.len());
        Self {
            engine,
            actor,
            generation: meta.generation,
            head: meta.head_txid,
            size: meta.size_pages,
            page_size,
            cache,
            space,
            fetched: VecDeque::new(),
            unused_preload: pages.pages.into_iter().collect(),
            read_ahead,
            recorder: policy.learn_hints.then(|| HintRecorder::new(page_size, HINT_BYTES_DEFAULT)),
            counters,
            doubt: None,
            wanted: None,
            following: None,
        }
    }

    /// From here on, commits stop as soon as `wanted` says so.
    pub(crate) fn commit_while(&mut self, wanted: Wanted) {
        self.wanted = Some(wanted);
    }

    /// The engine, to wait for its futures.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether the outcome of the last commit is unknown.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.doubt.is_some()
    }

    /// Finds out what became of the last commit. Returns whether it took place, so that the pages are others
    /// than before.
    pub(crate) fn resolve_doubt(&mut self) -> Result<bool, StoreError> {
        let Some(token) = self.doubt else { return Ok(false) };
        if planted::has(Bug::DoubtForgotten) {
            self.doubt = None;
            return Ok(false);
        }
        let asked = self.engine.resolve_commit(&self.actor, self.generation, self.head, token);
        let landed = self.engine.wait(asked)?;
        self.doubt = None;
        let Some(meta) = landed else { return Ok(false) };
        // Its pages are no longer in memory.
        self.space = self.cache.space();
        self.advance(meta.head_txid, meta.size_pages, meta.page_size, 0);
        Ok(true)
    }

    /// Remembers a commit whose outcome is unknown.
    fn note<T>(&mut self, committed: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::CommitUnknown { token, .. }) = &committed {
            self.doubt = *token;
        }
        committed
    }

    /// The number of pages.
    pub(crate) fn size(&self) -> PageCount {
        self.size
    }

    /// The size of a page; meaningless while there are no pages.
    pub(crate) fn page_size(&self) -> PageSize {
        self.page_size
    }

    /// Copies a page inside the size.
    pub(crate) fn read(&mut self, page: PageNumber, out: &mut [u8]) -> Result<(), StoreError> {
        // Every start returns page 1 anyway.
        if let Some(recorder) = self.recorder.as_mut().filter(|_| page != PageNumber::FIRST) {
            recorder.read(page);
        }
        if let Some(read_ahead) = &mut self.read_ahead {
            read_ahead.on_read(page);
        }
        if let Some(following) = &mut self.following {
            following.note([page], self.page_size);
            if let Some(bytes) = following.brought(page) {
                out.copy_from_slice(bytes);
                return Ok(());
            }
        }
        if let Some(bytes) = self.fetched.iter().rev().find_map(|fetched| fetched.get(page)) {
            out.copy_from_slice(bytes);
            return Ok(());
        }
        if let Some(bytes) = self.cache.get(self.space, page) {
            self.counters.cache_hits.add(1);
            self.counters.preload_hits.add(usize::from(self.unused_preload.remove(&page)));
            out.copy_from_slice(&bytes);
            return Ok(());
        }
        self.fetch(page, out)
    }

    fn fetch(&mut self, page: PageNumber, out: &mut [u8]) -> Result<(), StoreError> {
        self.counters.cache_misses.add(1);
        let mut wanted = vec![page];
        if let Some(read_ahead) = &mut self.read_ahead {
            let ahead = read_ahead.on_miss(page, self.size);
            wanted.extend(ahead.into_iter().filter(|&page| !self.cache.contains(self.space, page)));
        }
        if let Some(following) = &mut self.following {
            following.note(wanted.iter().copied(), self.page_size);
        }
        let read = self.engine.get_pages(&self.actor, self.generation, Some(self.head), &wanted);
        let pages = self.engine.wait(read)?;
        self.counters.round_trips.add(1);
        self.counters.pages_fetched.add(pages.pages.len());
        self.counters.pages_read_ahead.add(pages.pages.len().saturating_sub(1));
        // A scan of a database that does not fit the cache would only push out what others need.
        let keep = pages.pages.len() == 1 || self.cache.has_room_for(self.size, self.page_size);
        let chunks = pages.data.chunks_exact(pages.page_size.bytes());
        for (&number, bytes) in pages.pages.iter().zip(chunks) {
            if let Some(read_ahead) = &mut self.read_ahead {
                read_ahead.on_page(number, bytes);
            }
            if number == page {
                out.copy_from_slice(bytes);
            }
            if keep {
                self.cache.insert(self.space, number, bytes);
            }
        }
        if !keep {
            self.fetched.push_back(pages);
            if self.fetched.len() > FETCHED_MAX {
                self.fetched.pop_front();
            }
        }
        Ok(())
    }

    /// Drops what was fetched ahead and is not in the cache: nobody continues reading there.
    pub(crate) fn forget_fetched(&mut self) {
        self.fetched.clear();
    }

    /// Commits pages on top of the head, and continues from there.
    pub(crate) fn commit(
        &mut self,
        size: PageCount,
        page_size: PageSize,
        pages: impl IntoIterator<Item = (PageNumber, Box<[u8]>)>,
    ) -> Result<(), StoreError> {
        let pages: Vec<(PageNumber, Box<[u8]>)> = pages.into_iter().collect();
        let writes = pages.iter().map(|(page, data)| PageWrite { page: *page, data }).collect();
        let (generation, head_txid) = (self.generation, self.head);
        let commit = Commit { generation, head_txid, size_pages: size, pages: writes };
        let committed = self.engine.wait(self.engine.commit_while(self.wanted.clone(), &self.actor, commit));
        let head = self.note(committed)?;
        let new = pages.iter().filter(|(page, _)| !self.size.contains(*page)).count();
        if new < size.0.saturating_sub(self.size.0) as usize {
            // Pages between the sizes that were not written read as zeros. The cache may still have what they
            // held before the database was truncated in front of them.
            self.space = self.cache.space();
        }
        self.advance(head, size, page_size, pages.len());
        for (page, data) in pages {
            self.cache.insert(self.space, page, data);
        }
        Ok(())
    }

    /// Begins a commit that is too large to be kept in memory.
    pub(crate) fn begin_large_commit(&self, page_size: PageSize) -> Result<LargeCommitWriter, StoreError> {
        let (generation, head_txid) = (self.generation, self.head);
        let request = LargeCommit { generation, head_txid, page_size };
        self.engine.wait(self.engine.begin_large_commit_while(self.wanted.clone(), &self.actor, request))
    }

    /// Makes a large commit visible, and continues from there.
    pub(crate) fn finish_large_commit(
        &mut self,
        writer: LargeCommitWriter,
        size: PageCount,
        page_size: PageSize,
        pages: usize,
    ) -> Result<(), StoreError> {
        let finished = self.engine.wait(writer.finish(size));
        let head = self.note(finished)?;
        // It is no longer known which pages have changed.
        self.space = self.cache.space();
        self.advance(head, size, page_size, pages);
        Ok(())
    }

    fn advance(&mut self, head: Txid, size: PageCount, page_size: PageSize, pages: usize) {
        self.head = head;
        self.size = size;
        self.page_size = page_size;
        self.fetched.clear();
        self.counters.commits.add(1);
        self.counters.pages_committed.add(pages);
    }

    /// The hints for the next start, given those of this one. Returns them only once: later calls have
    /// nothing new to add.
    pub(crate) fn take_hints(&mut self, given: &[PageRange]) -> Option<Vec<PageRange>> {
        self.recorder.take().map(|recorder| recorder.hints_after(given))
    }

    /// Whether as many early reads were recorded as hints may hold.
    pub(crate) fn hints_are_complete(&self) -> bool {
        self.recorder.as_ref().is_some_and(|recorder| !recorder.is_recording())
    }
}

//! The pages of one open actor: those of sealed transactions, and below them the durable ones, from the
//! preload, then the page cache, then the store, which returns a few more pages than were requested.
//!
//! Every read names the generation and the head that this database last saw. So either all pages of an answer
//! come from that head, or the read fails: two lineages never mix. While a commit of this database is under
//! way, the answer may come from the head that it makes, in which the requested pages are the same.

// The paths are explicit because `crates/threads` includes this file, and would look for them beside this one.
#[path = "source/committing.rs"]
mod committing;
#[path = "source/following.rs"]
pub(crate) mod following;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use crate::database::commits::{Found, GroupCommit, Lost};
use crate::database::stats::Counters;
use crate::engine::{Engine, PageSet, Startup, StoreError, Wanted};
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

/// The pages, at one durable head.
pub(crate) struct Source {
    engine: Arc<Engine>,
    actor: ActorId,
    generation: Generation,
    /// The token of the start, if it won.
    owner: Option<Token>,
    head: Txid,
    /// The durable size.
    size: PageCount,
    page_size: PageSize,
    /// The transactions above that.
    commits: Arc<GroupCommit>,
    /// How many of their commits were known to have ended.
    ends_seen: u64,
    /// What a failed commit has left behind, until SQLite has forgotten it.
    loss: Option<Lost>,
    is_undone: bool,
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
        let Startup { meta, pages, owner, .. } = startup;
        let page_size = meta.page_size;
        let mut read_ahead = policy.read_ahead.then(|| ReadAhead::new(page_size, READ_AHEAD_BYTES_DEFAULT));
        for (&page, bytes) in pages.pages.iter().zip(pages.data.chunks_exact(page_size.bytes())) {
            if let Some(read_ahead) = &mut read_ahead {
                read_ahead.on_page(page, bytes);
            }
            cache.insert(space, page, bytes);
        }
        counters.pages_preloaded.add(pages.pages.len());
        let at = (actor.clone(), (meta.generation, owner), meta.head_txid);
        let commits = GroupCommit::new(Arc::clone(&engine), Arc::clone(&counters), at);
        Self {
            engine,
            commits,
            ends_seen: 0,
            loss: None,
            is_undone: false,
            actor,
            generation: meta.generation,
            owner,
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

    /// The engine, to wait for its futures.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The commits of this database.
    pub(crate) fn commits(&self) -> &Arc<GroupCommit> {
        &self.commits
    }

    /// The durable head.
    pub(crate) fn head(&self) -> Txid {
        self.head
    }

    /// The number of pages.
    pub(crate) fn size(&self) -> PageCount {
        self.commits.size().map_or(self.size, |(size, _)| size)
    }

    /// The size of a page; meaningless while there are no pages.
    pub(crate) fn page_size(&self) -> PageSize {
        self.commits.size().map_or(self.page_size, |(_, page_size)| page_size)
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
        match self.commits.find(page) {
            Found::Page(bytes) => {
                out.copy_from_slice(&bytes);
                return Ok(());
            }
            Found::Below if self.size.contains(page) => {}
            Found::Below | Found::Zeros => {
                out.fill(0);
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
        let pages = self.read_durable(&wanted)?;
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

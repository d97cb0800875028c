//! Read-ahead: on a page miss, decides which further pages to fetch in the same round trip.
//!
//! It looks for two patterns. The first is consecutive page numbers: overflow chains, and scans of tables
//! that were filled in order. The second is the children of one interior page in order, forwards or
//! backwards: scans of any other table or index, whose pages may be anywhere. A pattern starts with two pages
//! and doubles each time while the pages are used. Point lookups soon stop fetching anything ahead.

use crate::types::{PageCount, PageNumber, PageSize};

use super::btree_walks::{BtreeWalks, Step};
use super::window::{Ahead, Window};

/// The default number of bytes that one miss may fetch ahead.
pub const READ_AHEAD_BYTES_DEFAULT: usize = 256 * 1024;
/// How many recently read pages are remembered.
const RECENT_MAX: usize = 32;
/// How many sequences of page numbers are followed at the same time: a join scans several tables.
const SEQUENCES_MAX: usize = 4;

/// A sequence of page numbers.
struct Sequence {
    /// The page that was requested or fetched last.
    end: u32,
    window: Window,
}

/// Decides what to fetch ahead of one database's reads. It uses at most about 40 KiB.
pub struct ReadAhead {
    window_max: usize,
    ahead: Ahead,
    walks: BtreeWalks,
    /// The most recently continued one is at the end.
    sequences: Vec<Sequence>,
    recent: [u32; RECENT_MAX],
    recent_next: usize,
}

impl ReadAhead {
    /// Fetches up to `budget_bytes` of pages ahead at a time; 0 turns it off.
    pub fn new(page_size: PageSize, budget_bytes: usize) -> Self {
        let window_max = budget_bytes / page_size.bytes();
        Self {
            window_max,
            ahead: Ahead::new(window_max),
            walks: BtreeWalks::default(),
            sequences: Vec::new(),
            recent: [0; RECENT_MAX],
            recent_next: 0,
        }
    }

    /// Must be called for each page that SQLite requests, whether it has to be fetched or not, before
    /// [`ReadAhead::on_miss`].
    pub fn on_read(&mut self, page: PageNumber) {
        if self.window_max == 0 {
            return;
        }
        self.ahead.read(page.get());
        self.recent[self.recent_next] = page.get();
        self.recent_next = (self.recent_next + 1) % RECENT_MAX;
    }

    /// Must be called for each page that has arrived from the store; may also be called for a page that was
    /// written.
    pub fn on_page(&mut self, page: PageNumber, bytes: &[u8]) {
        if self.window_max > 0 {
            self.walks.remember(page, bytes);
        }
    }

    /// The pages to fetch together with `page`, which has to be fetched: ascending, within the size, without
    /// `page`. Some of them may be available already; those need not be fetched.
    pub fn on_miss(&mut self, page: PageNumber, size_pages: PageCount) -> Vec<PageNumber> {
        if self.window_max == 0 {
            return Vec::new();
        }
        let missed = page.get();
        let recent = self.recent;
        let was_read = |page: u32| recent.contains(&page);
        let sequence = self.take_sequence(missed, was_read);
        let continued = sequence.as_ref().map(|sequence| sequence.window);
        let (tree_run, mut wanted, is_child) =
            match self.walks.step(missed, continued, was_read, &mut self.ahead) {
                Step::InOrder(window, batch) => (window.run(), batch, true),
                Step::OutOfOrder => (0, Vec::new(), true),
                Step::Unknown => (0, Vec::new(), false),
            };
        let in_tree_order = tree_run != 0;
        // A child that is not requested in the order of its tree is a lookup, whatever its page number.
        let begins = (!is_child || in_tree_order) && missed > 1 && was_read(missed - 1);
        let window = continued.or(begins.then(Window::default)).map(|window| self.ahead.next(window));
        self.admit(missed, size_pages, &mut wanted);
        self.ahead.fetched(tree_run, wanted.iter().copied());
        if let Some(window) = window {
            let mut following: Vec<u32> = (missed..=size_pages.0).skip(1).take(window.pages()).collect();
            following.retain(|page| !wanted.contains(page));
            following.truncate(window.pages().saturating_sub(wanted.len()));
            self.admit(missed, size_pages, &mut following);
            self.ahead.fetched(window.run(), following.iter().copied());
            wanted.extend(following);
            let end = (missed..=size_pages.0).skip(1).take_while(|page| wanted.contains(page)).last();
            self.keep_sequence(Sequence { end: end.unwrap_or(missed), window });
        }
        wanted.sort_unstable();
        wanted.into_iter().filter_map(PageNumber::new).collect()
    }

    /// Keeps only pages that exist and are not being fetched already.
    fn admit(&self, missed: u32, size_pages: PageCount, pages: &mut Vec<u32>) {
        let waiting = self.ahead.waiting();
        let admitted = |page: u32| page != missed && page <= size_pages.0;
        pages.retain(|page| admitted(*page) && waiting.binary_search(page).is_err());
        pages.sort_unstable();
        pages.dedup();
    }

    /// The sequence that the missed page continues. Pages in between that were read from a cache do not end
    /// it.
    fn take_sequence(&mut self, missed: u32, was_read: impl Fn(u32) -> bool) -> Option<Sequence> {
        let index = self.sequences.iter().position(|sequence| {
            let gap = missed.saturating_sub(sequence.end);
            (1..=8).contains(&gap) && (sequence.end + 1..missed).all(&was_read)
        })?;
        Some(self.sequences.remove(index))
    }

    fn keep_sequence(&mut self, sequence: Sequence) {
        if self.sequences.len() >= SEQUENCES_MAX {
            self.sequences.remove(0);
        }
        self.sequences.push(sequence);
    }
}

// The path is explicit because `crates/threads` includes this file, and rustfmt would look for it beside this
// one.
#[cfg(test)]
#[path = "read_ahead/tests.rs"]
mod tests;

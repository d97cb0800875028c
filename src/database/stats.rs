//! What a database has done so far, counted where it happens.

use crate::metrics::{Counter, SqlTotals};

/// The counters of one database.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) round_trips: Counter,
    pub(crate) pages_fetched: Counter,
    pub(crate) pages_read_ahead: Counter,
    pub(crate) pages_preloaded: Counter,
    pub(crate) preload_hits: Counter,
    pub(crate) cache_hits: Counter,
    pub(crate) cache_misses: Counter,
    pub(crate) commits: Counter,
    pub(crate) pages_committed: Counter,
    pub(crate) transactions: Counter,
}

/// What a database has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DatabaseStats {
    /// Reads of the store, each of one or more pages, without those of the start.
    pub round_trips: u64,
    /// Pages that these reads fetched, including those read ahead.
    pub pages_fetched: u64,
    /// How many of these pages were not requested when they were fetched.
    pub pages_read_ahead: u64,
    /// Pages that the start returned.
    pub pages_preloaded: u64,
    /// How many of these pages were requested since.
    pub preload_hits: u64,
    /// Reads by SQLite that the page cache answered.
    pub cache_hits: u64,
    /// Commits acknowledged by the store.
    pub commits: u64,
    /// Pages in these commits.
    pub pages_committed: u64,
    /// Transactions in these commits.
    pub transactions: u64,
    /// Calls that wait or run.
    pub queued: u64,
    /// Bytes that SQLite holds for this database: page cache, schema, statements.
    pub memory_bytes: u64,
}

impl Counters {
    /// The counters that are summed over all databases.
    pub(crate) fn totals(&self) -> SqlTotals {
        SqlTotals {
            round_trips: self.round_trips.get(),
            pages_fetched: self.pages_fetched.get(),
            pages_read_ahead: self.pages_read_ahead.get(),
            cache_hits: self.cache_hits.get(),
            cache_misses: self.cache_misses.get(),
            preload_pages: self.pages_preloaded.get(),
            preload_hits: self.preload_hits.get(),
            preload_wasted: 0,
        }
    }

    /// The current numbers.
    pub(crate) fn read(&self, queued: usize, memory_bytes: usize) -> DatabaseStats {
        DatabaseStats {
            round_trips: self.round_trips.get(),
            pages_fetched: self.pages_fetched.get(),
            pages_read_ahead: self.pages_read_ahead.get(),
            pages_preloaded: self.pages_preloaded.get(),
            preload_hits: self.preload_hits.get(),
            cache_hits: self.cache_hits.get(),
            commits: self.commits.get(),
            pages_committed: self.pages_committed.get(),
            transactions: self.transactions.get(),
            queued: queued as u64,
            memory_bytes: memory_bytes as u64,
        }
    }
}

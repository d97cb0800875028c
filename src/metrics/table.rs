//! The description of a metric, and the numbers that are counted elsewhere.

use super::counting::Distribution;

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number that only increases while the store is open.
    Counter,
    /// A current value.
    Gauge,
    /// A distribution of values.
    Histogram,
}

/// The value of a metric.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A counter or a gauge.
    Number(u64),
    /// A histogram.
    Distribution(Distribution),
}

/// One number of a family.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What distinguishes it from the others of the family; `None` if it is the only one.
    pub label: Option<&'static str>,
    /// Its place in the object that JavaScript gets.
    pub path: &'static str,
    /// Its value.
    pub value: Value,
}

/// A metric: one number, or several that are distinguished by a label.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// Its name, without prefix.
    pub name: &'static str,
    /// What it means.
    pub help: &'static str,
    /// What kind of numbers it has.
    pub kind: Kind,
    /// The name of the label.
    pub label: Option<&'static str>,
    /// Its numbers.
    pub series: Vec<Series>,
}

/// The totals of a store's databases, which count one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SqlTotals {
    /// Reads of the store.
    pub round_trips: u64,
    /// Pages that these reads fetched.
    pub pages_fetched: u64,
    /// How many of these pages were not requested when they were fetched.
    pub pages_read_ahead: u64,
    /// Pages that SQLite requested and that were in memory.
    pub cache_hits: u64,
    /// Pages that SQLite requested and that were not in memory.
    pub cache_misses: u64,
    /// Pages that starts returned.
    pub preload_pages: u64,
    /// How many of these pages were requested since.
    pub preload_hits: u64,
    /// How many of these pages were not requested before their database was closed.
    pub preload_wasted: u64,
}

/// The current state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// Open databases.
    pub open_databases: u64,
    /// SQL calls that wait for their turn.
    pub sql_waiting: u64,
    /// SQL calls that run.
    pub sql_running: u64,
    /// Bytes that SQLite holds.
    pub sql_memory_bytes: u64,
    /// Bytes of the page cache.
    pub cache_bytes: u64,
    /// Transactions that wait for the committing thread.
    pub commit_queue: u64,
    /// Actors with a cleanup in progress.
    pub background_actors: u64,
    /// What the store's file uses, if it has one.
    pub file: FileNow,
}

/// The current state of a store's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileNow {
    /// The size of the file in bytes.
    pub bytes: u64,
    /// Bytes in it that later writes can use.
    pub free_bytes: u64,
    /// Reads that keep a state, over all processes.
    pub reads: u64,
    /// How long the oldest state other than the newest has been kept, in seconds.
    pub oldest_read_seconds: u64,
    /// Commits that came after that state.
    pub oldest_read_commits: u64,
    /// How long the process that may write has had its turn, in seconds.
    pub write_turn_seconds: u64,
    /// Whether this process waits for its turn.
    pub waits_for_turn: bool,
    /// Slots of dead readers that this process has freed.
    pub dead_readers: u64,
    /// Commits through the journal.
    pub journal_records: u64,
    /// Bytes written to the journal.
    pub journal_bytes: u64,
    /// Flushes of the journal, of the data and of checkpoints.
    pub journal_flushes: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// How long they took, in milliseconds.
    pub checkpoint_ms: u64,
}

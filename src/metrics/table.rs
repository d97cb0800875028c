//! The description of a metric, and the numbers that are counted elsewhere.

use super::counting::Distribution;

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows while the store is open.
    Counter,
    /// Is as it is now.
    Gauge,
    /// How values are distributed.
    Histogram,
}

/// What a number says.
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
    /// What tells it from the others of the family; none if it is the only one.
    pub label: Option<&'static str>,
    /// Where it stands in the object that JavaScript gets.
    pub path: &'static str,
    /// What it says.
    pub value: Value,
}

/// A metric: one number, or several that a label tells apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// Its name, without prefix.
    pub name: &'static str,
    /// What it means.
    pub help: &'static str,
    /// What kind of numbers it has.
    pub kind: Kind,
    /// What the label is called.
    pub label: Option<&'static str>,
    /// Its numbers.
    pub series: Vec<Series>,
}

/// What the databases of a store have done together, as they count it one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SqlTotals {
    /// Reads of the store.
    pub round_trips: u64,
    /// Pages that these brought.
    pub pages_fetched: u64,
    /// Pages among them that nobody had asked for yet.
    pub pages_read_ahead: u64,
    /// Pages that SQLite asked for and that were in memory.
    pub cache_hits: u64,
    /// Pages that it asked for and that were not.
    pub cache_misses: u64,
    /// Pages that starts brought along.
    pub preload_pages: u64,
    /// Pages among them that were asked for since.
    pub preload_hits: u64,
    /// Pages among them that were not, until their database was closed.
    pub preload_wasted: u64,
}

/// How things are at this moment.
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
    /// Transactions that wait for the thread that commits.
    pub commit_queue: u64,
    /// Actors that are tidied up after.
    pub background_actors: u64,
    /// What the store's file uses, where there is one.
    pub file: FileNow,
}

/// How the file of a store is at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileNow {
    /// Its bytes.
    pub bytes: u64,
    /// Bytes in it that later writes can use.
    pub free_bytes: u64,
    /// Reads that keep a state, of all processes.
    pub reads: u64,
    /// Seconds for which the oldest state has been kept that is not the newest.
    pub oldest_read_seconds: u64,
    /// Commits that came after that state.
    pub oldest_read_commits: u64,
    /// Seconds for which the process that may write has had its turn.
    pub write_turn_seconds: u64,
    /// Whether this process waits for its turn.
    pub waits_for_turn: bool,
    /// Places of readers that died, which this process has freed.
    pub dead_readers: u64,
}

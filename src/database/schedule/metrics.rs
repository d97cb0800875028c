//! The metrics of all databases of a store.
//!
//! Each database counts for itself, on cache lines that no other database writes. The numbers are added up
//! when somebody reads them. Those of a closed database are kept.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, Weak};

use crate::database::stats::Counters;
use crate::metrics::{Now, SqlTotals};
use crate::sync::{Mutex, MutexGuard};

/// The current load of one database.
pub(crate) struct Load {
    /// Calls that wait.
    pub(crate) waiting: usize,
    /// Calls that run: 0 or 1.
    pub(crate) running: usize,
    /// The bytes that SQLite's page cache holds.
    pub(crate) memory_bytes: usize,
}

/// Something that reports its load.
pub(crate) trait Loaded: Send + Sync + 'static {
    /// How many calls wait and run, and how many bytes it holds.
    fn load(&self) -> Load;
}

/// The open databases, and the totals of those that were closed.
#[derive(Default)]
pub(crate) struct OpenDatabases {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: u64,
    open: HashMap<u64, Entry>,
    closed: SqlTotals,
}

struct Entry {
    counters: Arc<Counters>,
    database: Weak<dyn Loaded>,
}

impl OpenDatabases {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A database was opened. Returns the number by which it is removed.
    pub(crate) fn add<D: Loaded>(&self, counters: &Arc<Counters>, database: &Weak<D>) -> u64 {
        let mut state = self.lock();
        state.last += 1;
        let number = state.last;
        let database: Weak<D> = Weak::clone(database);
        state.open.insert(number, Entry { counters: Arc::clone(counters), database });
        number
    }

    /// A database was closed, and its counters no longer change. Repeated calls do nothing.
    pub(crate) fn remove(&self, number: u64) {
        let mut state = self.lock();
        if let Some(Entry { counters, .. }) = state.open.remove(&number) {
            let last = counters.totals();
            add(&mut state.closed, &last);
            state.closed.preload_wasted += last.preload_pages.saturating_sub(last.preload_hits);
        }
    }

    /// All numbers together, and the current state as far as databases report it.
    pub(crate) fn read(&self) -> (SqlTotals, Now) {
        let state = self.lock();
        let mut totals = state.closed;
        let mut open = Vec::with_capacity(state.open.len());
        for Entry { counters, database } in state.open.values() {
            add(&mut totals, &counters.totals());
            open.push(Weak::clone(database));
        }
        drop(state);
        let mut now = Now { open_databases: open.len() as u64, ..Now::default() };
        // Without the lock: whoever drops the last reference to a database closes it here.
        for database in open.iter().filter_map(Weak::upgrade) {
            let load = database.load();
            now.sql_waiting += load.waiting as u64;
            now.sql_running += load.running as u64;
            now.sql_memory_bytes += load.memory_bytes as u64;
        }
        (totals, now)
    }
}

fn add(totals: &mut SqlTotals, more: &SqlTotals) {
    totals.round_trips += more.round_trips;
    totals.pages_fetched += more.pages_fetched;
    totals.pages_read_ahead += more.pages_read_ahead;
    totals.cache_hits += more.cache_hits;
    totals.cache_misses += more.cache_misses;
    totals.preload_pages += more.preload_pages;
    totals.preload_hits += more.preload_hits;
    totals.preload_wasted += more.preload_wasted;
}

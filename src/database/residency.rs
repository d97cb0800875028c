//! The memory of SQLite's page caches, summed over all databases: beyond a budget those give theirs back
//! that were not used for longest. So thousands of databases can be open, of which few are busy.

use std::collections::BTreeMap;
use std::sync::{PoisonError, Weak};

use super::handle::Database;
use crate::sync::Mutex;

/// The budget.
const BYTES_MAX: usize = 256 << 20;

/// One database's place among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Use(u64);

#[derive(Default)]
struct State {
    last: u64,
    bytes: usize,
    /// By their last use.
    databases: BTreeMap<Use, (usize, Weak<Database>)>,
}

/// What all databases hold.
#[derive(Default)]
pub(super) struct Residency {
    state: Mutex<State>,
}

/// What one database has told about itself.
#[derive(Debug, Default)]
pub(super) struct Resident {
    at: Option<(Use, usize)>,
}

impl Residency {
    /// Notes that a database was used and holds `bytes` now. The answer is the databases that should give
    /// memory back.
    pub(super) fn used(
        &self,
        resident: &mut Resident,
        bytes: usize,
        database: Weak<Database>,
    ) -> Vec<Weak<Database>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.remove(resident);
        state.last += 1;
        let at = Use(state.last);
        state.bytes += bytes;
        state.databases.insert(at, (bytes, database));
        resident.at = Some((at, bytes));
        let mut idle = Vec::new();
        while state.bytes > BYTES_MAX && state.databases.len() > 1 {
            let Some((_, (bytes, database))) = state.databases.pop_first() else { break };
            state.bytes -= bytes;
            idle.push(database);
        }
        idle
    }

    /// Notes that a database holds nothing any more.
    pub(super) fn gone(&self, resident: &mut Resident) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.remove(resident);
    }
}

impl State {
    fn remove(&mut self, resident: &mut Resident) {
        if let Some((at, _)) = resident.at.take()
            && let Some((bytes, _)) = self.databases.remove(&at)
        {
            self.bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_budget_the_one_not_used_for_longest_gives_way() {
        let residency = Residency::default();
        let (mut one, mut two) = (Resident::default(), Resident::default());
        let half = BYTES_MAX / 2;
        assert_eq!(residency.used(&mut one, half, Weak::new()).len(), 0);
        assert_eq!(residency.used(&mut two, half, Weak::new()).len(), 0);
        // Used again, so that `two` is now the older one.
        assert_eq!(residency.used(&mut one, half, Weak::new()).len(), 0);
        assert_eq!(residency.used(&mut one, half + 1, Weak::new()).len(), 1);
        residency.gone(&mut two);
        residency.gone(&mut one);
        let state = residency.state.lock().unwrap();
        assert_eq!((state.bytes, state.databases.len()), (0, 0));
    }
}

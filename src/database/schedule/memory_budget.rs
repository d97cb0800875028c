//! The memory budget of SQLite's page caches, over all databases of a store. Beyond the budget, the least
//! recently used databases release their caches. So thousands of databases can be open while few are busy.

use std::collections::BTreeMap;
use std::sync::{PoisonError, Weak};

use crate::sync::Mutex;

/// The budget.
const BYTES_MAX: usize = 256 << 20;

/// Something that can be asked to release memory.
pub(crate) trait Shrink: Send + Sync + 'static {
    /// Releases memory once there is no other work. Does not wait.
    fn ask_to_shrink(&self);
}

/// The position of one database in the order of last use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Use(u64);

#[derive(Default)]
struct State {
    last: u64,
    bytes: usize,
    /// Ordered by last use.
    databases: BTreeMap<Use, (usize, Weak<dyn Shrink>)>,
}

/// What all databases hold.
#[derive(Default)]
pub(crate) struct MemoryBudget {
    state: Mutex<State>,
}

/// What one database has reported about itself.
#[derive(Debug, Default)]
pub(crate) struct Held {
    at: Option<(Use, usize)>,
}

impl MemoryBudget {
    /// Records that a database was used and holds `bytes` now. Returns the databases that should release
    /// memory.
    pub(crate) fn used(
        &self,
        held: &mut Held,
        bytes: usize,
        database: Weak<dyn Shrink>,
    ) -> Vec<Weak<dyn Shrink>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.remove(held);
        state.last += 1;
        let at = Use(state.last);
        state.bytes += bytes;
        state.databases.insert(at, (bytes, database));
        held.at = Some((at, bytes));
        let mut idle = Vec::new();
        while state.bytes > BYTES_MAX && state.databases.len() > 1 {
            let Some((_, (bytes, database))) = state.databases.pop_first() else { break };
            state.bytes -= bytes;
            idle.push(database);
        }
        idle
    }

    /// Records that a database no longer holds anything.
    pub(crate) fn gone(&self, held: &mut Held) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.remove(held);
    }
}

impl State {
    fn remove(&mut self, held: &mut Held) {
        if let Some((at, _)) = held.at.take()
            && let Some((bytes, _)) = self.databases.remove(&at)
        {
            self.bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Database;

    impl Shrink for Database {
        fn ask_to_shrink(&self) {}
    }

    fn nobody() -> Weak<dyn Shrink> {
        Weak::<Database>::new()
    }

    #[test]
    fn beyond_the_budget_the_one_not_used_for_longest_gives_way() {
        let budget = MemoryBudget::default();
        let (mut one, mut two) = (Held::default(), Held::default());
        let half = BYTES_MAX / 2;
        assert_eq!(budget.used(&mut one, half, nobody()).len(), 0);
        assert_eq!(budget.used(&mut two, half, nobody()).len(), 0);
        // Used again, so that `two` is now the least recently used.
        assert_eq!(budget.used(&mut one, half, nobody()).len(), 0);
        assert_eq!(budget.used(&mut one, half + 1, nobody()).len(), 1);
        budget.gone(&mut two);
        budget.gone(&mut one);
        let state = budget.state.lock().unwrap();
        assert_eq!((state.bytes, state.databases.len()), (0, 0));
    }
}

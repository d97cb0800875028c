//! The memory budget of SQLite's page caches, over all databases of a store. Beyond the budget, the least
//! recently used databases release their caches. So thousands of databases can be open while few are busy.

use std::collections::BTreeMap;
use std::sync::{PoisonError, Weak};

use crate::sync::Mutex;

/// The budget.
const BYTES_MAX: usize = 256 << 20;

/// What can be asked for memory.
pub(crate) trait Shrink: Send + Sync + 'static {
    /// Gives memory back when nothing else is to be done. Does not wait.
    fn ask_to_shrink(&self);
}

/// One database's place among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Use(u64);

#[derive(Default)]
struct State {
    last: u64,
    bytes: usize,
    /// By their last use.
    databases: BTreeMap<Use, (usize, Weak<dyn Shrink>)>,
}

/// What all databases hold.
#[derive(Default)]
pub(crate) struct MemoryBudget {
    state: Mutex<State>,
}

/// What one database has told about itself.
#[derive(Debug, Default)]
pub(crate) struct Held {
    at: Option<(Use, usize)>,
}

impl MemoryBudget {
    /// Notes that a database was used and holds `bytes` now. The answer is the databases that should give
    /// memory back.
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

    /// Notes that a database holds nothing any more.
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
        // Used again, so that `two` is now the older one.
        assert_eq!(budget.used(&mut one, half, nobody()).len(), 0);
        assert_eq!(budget.used(&mut one, half + 1, nobody()).len(), 1);
        budget.gone(&mut two);
        budget.gone(&mut one);
        let state = budget.state.lock().unwrap();
        assert_eq!((state.bytes, state.databases.len()), (0, 0));
    }
}

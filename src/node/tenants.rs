//! The databases that one Node environment has open. They end with it, since nobody is left to close them: a
//! worker thread may be terminated at any moment, and one of its statements could run for ever.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::database::Database;

/// The databases of an environment.
#[derive(Default)]
pub(super) struct Tenants(Mutex<State>);

#[derive(Default)]
struct State {
    last: u64,
    open: HashMap<u64, Weak<Database>>,
    is_over: bool,
}

impl Tenants {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A database was opened. Returns the number by which it [leaves](Self::leave). If the environment has
    /// ended during the opening, the database ends at once.
    pub(super) fn enter(&self, database: &Arc<Database>) -> u64 {
        let mut state = self.lock();
        if state.is_over {
            drop(state);
            database.abandon();
            return 0;
        }
        state.last += 1;
        let number = state.last;
        state.open.insert(number, Arc::downgrade(database));
        number
    }

    /// Nobody can make calls on the database any more.
    pub(super) fn leave(&self, number: u64) {
        self.lock().open.remove(&number);
    }

    /// The environment ends. Waits for nothing: the work of its databases ends on their own threads.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.is_over = true;
        let open = std::mem::take(&mut state.open);
        drop(state);
        for database in open.values().filter_map(Weak::upgrade) {
            database.abandon();
        }
    }
}

//! The end of a database whose callers are gone without having closed it, such as a thread of Node that was
//! terminated.

use crate::database::error::DatabaseError;

use super::Database;

/// Whether the callers of a database are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Abandoned {
    No,
    /// The next turn closes the database.
    Now,
    /// A turn closes it, or has closed it.
    Before,
}

impl Abandoned {
    /// Whether it is the turn that closes the database.
    pub(crate) fn take(&mut self) -> bool {
        let is_now = *self == Self::Now;
        if is_now {
            *self = Self::Before;
        }
        is_now
    }
}

impl Database {
    /// Ends the database for callers who hear nothing any more. The call that runs is interrupted, those that wait
    /// are dropped, and the next turn closes the database: open transactions are rolled back, and
    /// iterations end. Waits for nothing of that.
    pub fn abandon(&self) {
        let mut state = self.state();
        if state.abandoned != Abandoned::No {
            return;
        }
        state.abandoned = Abandoned::Now;
        // Transactions stay open in the line: the call that runs belongs where it has begun.
        let left = state.queue.take_all();
        self.interrupt.stop_all();
        self.schedule(state);
        for waiting in left {
            (waiting.item.1)(Err(DatabaseError::Closed("the database is closed".to_owned())));
        }
    }
}

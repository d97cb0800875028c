//! The end of a database whose callers are gone without closing it, for example a Node worker thread that was
//! terminated.

use crate::database::error::DatabaseError;

use super::Database;
use super::state::Abandoned;

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

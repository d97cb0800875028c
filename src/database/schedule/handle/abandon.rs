//! The end of a database whose callers are gone without closing it, for example a Node worker thread that was
//! terminated.

use crate::database::error::DatabaseError;

use super::Database;
use super::state::Abandoned;

impl Database {
    /// Ends a database whose callers no longer receive answers. The running call is interrupted, waiting
    /// calls are dropped, and the next turn closes the database: open transactions are rolled back, and
    /// cursors end. Does not wait for any of that.
    pub fn abandon(&self) {
        let mut state = self.state();
        if state.abandoned != Abandoned::No {
            return;
        }
        state.abandoned = Abandoned::Now;
        // Transactions stay open in the queue: the running call belongs to the scope in which it has begun.
        let left = state.queue.take_all();
        self.interrupt.stop_all();
        self.commits.abandon();
        self.schedule(state);
        for waiting in left {
            (waiting.item.1)(Err(DatabaseError::Closed("the database is closed".to_owned())));
        }
    }
}

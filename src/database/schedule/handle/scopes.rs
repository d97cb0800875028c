//! Transactions that callers hold: how they open and end, and how late calls are refused.

use std::sync::Weak;
use std::time::Duration;

use futures::future::{FutureExt, abortable};

use super::Database;
use super::state::{Deadline, State, over};
use crate::database::call::Answer;
use crate::database::error::DatabaseError;

/// Whether a call was stopped, by whatever.
fn is_aborted(error: &DatabaseError) -> bool {
    match error {
        DatabaseError::Aborted(_) => true,
        DatabaseError::Batch { error, .. } => is_aborted(error),
        _ => false,
    }
}

impl State {
    /// The error of a transaction whose deadline has expired.
    fn expiry(&self, scope: u32) -> DatabaseError {
        let deadline = self.deadlines.iter().find(|deadline| deadline.scope == scope);
        let Some(timeout_ms) = deadline.map(|deadline| deadline.timeout_ms) else { return over() };
        let (_, outside) = self.queue.inside(self.queue.depth_of(scope).unwrap_or(0));
        let mut outside = outside.peekable();
        let first = outside.peek().map(|waiting| waiting.item.0.subject());
        DatabaseError::Expired { timeout_ms, calls_waited: outside.count(), first }
    }
}

impl Database {
    /// Opens a transaction, which ends after its time, if that is limited.
    pub(super) fn open_scope(&self, timeout_ms: Option<u64>) -> u32 {
        let mut state = self.state();
        let scope = state.queue.open();
        let Some(timeout_ms) = timeout_ms else { return scope };
        let database = Weak::clone(&self.itself);
        let sleep = self.shared.env.sleep(Duration::from_millis(timeout_ms));
        let (task, timer) = abortable(async move {
            sleep.await;
            if let Some(database) = database.upgrade() {
                database.expire(scope);
            }
        });
        state.deadlines.push(Deadline { scope, timeout_ms, timer });
        drop(state);
        self.shared.env.spawn(task.map(|_| ()).boxed());
        scope
    }

    /// Ends the transactions from this depth on, and answers the calls that wait in them.
    pub(super) fn close_scopes(&self, depth: usize, why: &DatabaseError) {
        let mut state = self.state();
        let State { queue, deadlines, ended, .. } = &mut *state;
        for scope in queue.inside(depth).0 {
            ended.note(*scope, why);
        }
        let left = queue.close_from(depth);
        deadlines.retain(|deadline| {
            let open = queue.is_open(deadline.scope);
            if !open {
                deadline.timer.abort();
            }
            open
        });
        drop(state);
        for waiting in left {
            (waiting.item.1)(Err(why.clone()));
        }
    }

    /// The transaction's deadline has expired.
    pub(super) fn expire_now(&self, scope: u32) {
        let (depth, why) = {
            let state = self.state();
            let Some(depth) = state.queue.depth_of(scope) else { return };
            (depth, state.expiry(scope))
        };
        tracing::warn!(name: "sql.expired", target: "baton::sql", actor = %self.opened.actor, "a transaction has reached its deadline and is rolled back");
        if let Err(error) = self.on_session(|session| session.end(depth, false)) {
            tracing::warn!(name: "sql.rollback-failed", target: "baton::sql", actor = %self.opened.actor, %error, "the rollback failed");
        }
        self.close_scopes(depth, &why);
    }

    /// The answer to a call that was interrupted because its transaction's deadline had expired.
    pub(super) fn or_expired(
        &self,
        scope: u32,
        answer: Result<Answer, DatabaseError>,
    ) -> Result<Answer, DatabaseError> {
        let Err(error) = &answer else { return answer };
        if !is_aborted(error) {
            return answer;
        }
        let state = self.state();
        let depth = state.queue.depth_of(scope);
        let around = |expired: &&u32| state.queue.depth_of(**expired).is_some_and(|at| Some(at) <= depth);
        match state.expired.iter().find(around) {
            Some(expired) => Err(state.expiry(*expired)),
            None => answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::state::Ended;
    use super::*;

    fn expired(timeout_ms: u64) -> DatabaseError {
        DatabaseError::Expired { timeout_ms, calls_waited: 0, first: None }
    }

    #[test]
    fn late_calls_are_told_why_their_transaction_is_over() {
        let mut ended = Ended::default();
        ended.note(1, &expired(5));
        ended.note(2, &over());
        assert_eq!((ended.why(1), ended.why(2), ended.why(3)), (expired(5), over(), over()));
    }

    #[test]
    fn only_the_newest_ends_are_remembered() {
        let mut ended = Ended::default();
        for scope in 0..=64 {
            ended.note(scope, &expired(scope.into()));
        }
        assert_eq!((ended.why(0), ended.why(1), ended.why(64)), (over(), expired(1), expired(64)));
    }
}

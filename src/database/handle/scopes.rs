//! Transactions that callers hold: how they open and end, and what those are told who come late.

use std::collections::VecDeque;
use std::sync::Weak;
use std::time::Duration;

use futures::future::{AbortHandle, FutureExt, abortable};

use super::{Database, State};
use crate::database::call::Answer;
use crate::database::error::DatabaseError;

/// How many ends of transactions are remembered.
const ENDED_MAX: usize = 64;

/// An open transaction's deadline.
pub(super) struct Deadline {
    scope: u32,
    timeout_ms: u64,
    pub(super) timer: AbortHandle,
}

/// The answer to a call of a transaction that has ended as it should.
pub(super) fn over() -> DatabaseError {
    DatabaseError::Closed("the transaction is over".to_owned())
}

/// Whether a call was stopped, by whomever.
fn is_aborted(error: &DatabaseError) -> bool {
    match error {
        DatabaseError::Aborted(_) => true,
        DatabaseError::Batch { error, .. } => is_aborted(error),
        _ => false,
    }
}

/// Why transactions are over, for calls that still come. The oldest are forgotten.
#[derive(Default)]
pub(super) struct Ended(VecDeque<(u32, DatabaseError)>);

impl Ended {
    fn note(&mut self, scope: u32, why: &DatabaseError) {
        // One that ended as it should has nothing to tell.
        if *why == over() {
            return;
        }
        if self.0.len() >= ENDED_MAX {
            self.0.pop_front();
        }
        self.0.push_back((scope, why.clone()));
    }

    pub(super) fn why(&self, scope: u32) -> DatabaseError {
        let noted = self.0.iter().rev().find(|(ended, _)| *ended == scope);
        noted.map_or_else(over, |(_, why)| why.clone())
    }
}

impl State {
    /// What is told of a transaction whose deadline has come.
    fn expiry(&self, scope: u32) -> DatabaseError {
        let deadline = self.deadlines.iter().find(|deadline| deadline.scope == scope);
        let Some(timeout_ms) = deadline.map(|deadline| deadline.timeout_ms) else { return over() };
        let (_, outside) = self.line.inside(self.line.depth_of(scope).unwrap_or(0));
        let mut outside = outside.peekable();
        let first = outside.peek().map(|waiting| waiting.item.0.subject());
        DatabaseError::Expired { timeout_ms, calls_waited: outside.count(), first }
    }
}

impl Database {
    pub(super) fn open_scope(&self, timeout_ms: u64) -> u32 {
        let mut state = self.state();
        let scope = state.line.open();
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

    /// Ends the transactions from this depth on, and tells the calls that wait in them.
    pub(super) fn close_scopes(&self, depth: usize, why: &DatabaseError) {
        let mut state = self.state();
        let State { line, deadlines, ended, .. } = &mut *state;
        for scope in line.inside(depth).0 {
            ended.note(*scope, why);
        }
        let left = line.close_from(depth);
        deadlines.retain(|deadline| {
            let open = line.is_open(deadline.scope);
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

    /// The transaction's deadline has come.
    pub(super) fn expire_now(&self, scope: u32) {
        let (depth, why) = {
            let state = self.state();
            let Some(depth) = state.line.depth_of(scope) else { return };
            (depth, state.expiry(scope))
        };
        tracing::warn!(name: "sql.expired", target: "baton::sql", actor = %self.opened.actor, "a transaction has reached its deadline and is rolled back");
        if let Err(error) = self.on_session(|session| session.end(depth, false)) {
            tracing::warn!(name: "sql.rollback-failed", target: "baton::sql", actor = %self.opened.actor, %error, "the rollback failed");
        }
        self.close_scopes(depth, &why);
    }

    /// What a call is answered that was interrupted because its transaction's deadline had come.
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
        let depth = state.line.depth_of(scope);
        let around = |expired: &&u32| state.line.depth_of(**expired).is_some_and(|at| Some(at) <= depth);
        match state.expired.iter().find(around) {
            Some(expired) => Err(state.expiry(*expired)),
            None => answer,
        }
    }
}

#[cfg(test)]
mod tests {
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

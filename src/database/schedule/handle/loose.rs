//! Loose transactions: opened by a statement (`BEGIN` or `SAVEPOINT`) and still open between calls.
//!
//! No caller owns such a transaction. All calls on the database run inside it, and their answers are worth no
//! more than the `COMMIT` that is still to come. So a loose transaction has a deadline, too. When it expires,
//! the transaction is rolled back and every call is refused from then on: a call that believes it is inside
//! would otherwise run as a transaction of its own. Once a caller ends the lost transaction, it has seen the
//! error, and the database accepts calls again.

use std::sync::{PoisonError, Weak};
use std::time::Duration;

use futures::future::{FutureExt, abortable};

use crate::database::call::{Behavior, Call, Changes};
use crate::database::error::DatabaseError;
use crate::database::keywords::{self, Ending};
use crate::database::session::Session;

use super::Database;
use super::state::{Stage, over};

impl Database {
    /// After a call: a transaction that it leaves open gets a deadline, and one that it has ended loses it. A
    /// transaction of the queue has a deadline of its own.
    pub(crate) fn notice_loose(&self, is_autocommit: bool) {
        let mut state = self.state();
        if state.queue.depth() > 0 {
            return;
        }
        if is_autocommit && state.loose.is_open() {
            return state.loose.end();
        }
        if is_autocommit || state.loose.is_open() {
            return;
        }
        state.loose.count += 1;
        let number = state.loose.count;
        let database = Weak::clone(&self.itself);
        let sleep = self.shared.env.sleep(Duration::from_millis(self.settings.transaction_timeout_ms));
        let (task, timer) = abortable(async move {
            sleep.await;
            if let Some(database) = database.upgrade() {
                database.expire_loose(number);
            }
        });
        state.loose.stage = Stage::Open { timer };
        drop(state);
        self.shared.env.spawn(task.map(|_| ()).boxed());
    }

    fn expire_loose(&self, number: u64) {
        let mut state = self.state();
        if state.loose.count != number || !state.loose.is_open() {
            return;
        }
        // Whatever runs, runs inside the transaction.
        if let Some((call, ..)) = state.running {
            self.interrupt.stop(call);
        }
        state.loose.is_due = true;
        self.schedule(state);
    }

    /// The deadline has expired.
    pub(crate) fn expire_loose_now(&self) {
        if !self.state().loose.is_open() {
            return;
        }
        tracing::warn!(name: "sql.expired", target: "baton::sql", actor = %self.opened.actor, "a transaction has reached its deadline and is rolled back");
        let wrote = self.has_written();
        if let Err(error) = self.on_session(Session::roll_back) {
            tracing::warn!(name: "sql.rollback-failed", target: "baton::sql", actor = %self.opened.actor, %error, "the rollback failed");
        }
        self.close_scopes(0, &over());
        self.state().loose.stage = Stage::Lost { wrote };
    }

    fn has_written(&self) -> bool {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        session.as_ref().is_some_and(Session::has_written)
    }

    /// Refuses a call on the database if the call may believe it is inside a transaction that is gone.
    pub(crate) fn refuse_if_lost(&self, call: &Call) -> Result<(), DatabaseError> {
        let mut state = self.state();
        let Stage::Lost { .. } = state.loose.stage else { return Ok(()) };
        let ending = match call {
            Call::Run(_, (sql, _)) | Call::Script(_, (sql, _)) | Call::Each(sql) => keywords::ending(sql),
            Call::Batch(_)
            | Call::Begin(..)
            | Call::Serialize
            | Call::Point
            | Call::Flush
            | Call::Changes(Changes::Recorded(..) | Changes::Apply(..)) => None,
            // The cursor ended with the transaction, and the others take no part in one.
            Call::EachOn(..)
            | Call::Describe(_)
            | Call::Define(_)
            | Call::Collate(_)
            | Call::DropCollation(_)
            | Call::Extend(_)
            | Call::Changes(Changes::Record(..) | Changes::Stop(_))
            | Call::End(_)
            | Call::Fetch(_)
            | Call::CloseCursor(_)
            | Call::Close => return Ok(()),
        };
        if ending.is_some() {
            state.loose.end();
        }
        drop(state);
        if ending == Some(Ending::Rollback) {
            // It gets what it expects: something to roll back.
            return self.on_session(|session| session.begin(0, Behavior::Deferred));
        }
        Err(DatabaseError::Closed(format!(
            "the transaction that BEGIN or SAVEPOINT had opened was open for {} ms and is rolled back, with all that \
             was written since; calls are refused until somebody executes ROLLBACK. transaction(fn) keeps other calls \
             out and ends by itself",
            self.settings.transaction_timeout_ms
        )))
    }

    /// Which acknowledged writes are lost when the database is closed now, or were lost before without anybody knowing.
    pub(crate) fn lose_at_close(&self) -> Result<(), DatabaseError> {
        if let Some(untold) = self.commits.untold_loss().filter(|_| self.commits.is_deferred()) {
            return Err(untold.for_good().into());
        }
        let lost = match self.state().loose.stage {
            Stage::None => false,
            Stage::Open { .. } => self.has_written(),
            Stage::Lost { wrote } => wrote,
        };
        self.state().loose.end();
        if !lost {
            return Ok(());
        }
        let message = "the database is closed, and the transaction that BEGIN or SAVEPOINT had opened is rolled back, \
                       with all that was written since: no COMMIT came. transaction(fn) ends by itself";
        Err(DatabaseError::Closed(message.to_owned()))
    }
}

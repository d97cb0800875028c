//! Calls on their caller's own thread: the synchronous face.
//!
//! Such a call takes a turn of the database without the pool, if nothing else of the database waits or runs. It never
//! waits for a call that runs SQL: a caller whose thread is that of an event loop would wait for itself. It waits for
//! what is over soon, or does that first: the upkeep of the database, and calls that run no SQL, of which one that asks
//! for the point waits for a flush. And it waits for the commit of what it writes itself.

use std::sync::PoisonError;

use crate::database::call::{Answer, Call};
use crate::database::commits::{Gated, Mark, deliver};
use crate::database::error::DatabaseError;
use crate::database::interrupt::CallNumber;
use crate::database::schedule::queue::DATABASE;
use crate::engine::StoreError;
use crate::sync::{MutexGuard, oneshot};

use super::Database;
use super::state::{Abandoned, State};
use super::turn::{Thread, Work};

/// The error of a call that has not waited for other processes as long as it would have taken.
fn would_wait(error: DatabaseError) -> DatabaseError {
    match error {
        DatabaseError::Store(StoreError::Unavailable(why)) => DatabaseError::WouldWait(why),
        DatabaseError::Batch { error, index } => {
            DatabaseError::Batch { error: Box::new(would_wait(*error)), index }
        }
        error => error,
    }
}

impl Database {
    /// Runs a call on this thread, which must not be one that runs tasks of an async runtime. Returns its answer when
    /// that may leave: at once, or when what the call has written is durable.
    pub fn call_here(&self, scope: u32, call: Call) -> Result<Answer, DatabaseError> {
        let number = self.begin_here(scope)?;
        let _entered = self.shared.pool.runtime().enter();
        if self.settings.may_block {
            return self.run_here(number, scope, call);
        }
        self.commits.hurry().begin();
        let answer = self.run_here(number, scope, call);
        let has_left = self.commits.hurry().end();
        answer.map_err(|error| if has_left { would_wait(error) } else { error })
    }

    fn run_here(&self, number: CallNumber, scope: u32, call: Call) -> Result<Answer, DatabaseError> {
        let (mark, waits_for_all) = (self.commits.mark(), call.waits_for_all());
        self.interrupt.begin(number);
        let answer = self.run_counted(call, scope);
        let answer = self.or_expired(scope, answer);
        self.interrupt.end();
        self.after_call();
        self.end_here(mark, answer, waits_for_all)
    }

    /// The thread of the caller is going to make more calls: from here on, what deferred calls write gathers for one
    /// commit, so that all of it is stored or nothing. Each hold is followed by [`Self::release_commits`]. Until then
    /// only what has no room any more (8 MiB of pages), and what is too large for a commit in memory, goes ahead.
    pub fn hold_commits(&self) {
        self.commits.hold();
    }

    /// The commit of what was held begins, or follows the one under way.
    pub fn release_commits(&self) {
        if let Some(flight) = self.commits.release() {
            let _entered = self.shared.pool.runtime().enter();
            flight.set_off_elsewhere();
        }
    }

    /// Takes the turn, or says why it cannot be had now.
    fn begin_here(&self, scope: u32) -> Result<CallNumber, DatabaseError> {
        if self.shared.engine.is_remote() && !self.settings.may_block {
            return Err(DatabaseError::WouldBlock);
        }
        let mut state = self.after_brief(self.state());
        while state.running.is_none()
            && let Some(work) = Self::next_brief(&mut state)
        {
            let _entered = self.shared.pool.runtime().enter();
            self.take(state, work, Thread::OfCaller);
            state = self.after_brief(self.state());
        }
        if let Err(error) = self.refuse_now(&state, scope) {
            // A turn of the pool may have found this thread at work, and gone.
            if state.running.is_none() && state.has_work() {
                self.schedule(state);
            }
            return Err(error);
        }
        let number = state.queue.number();
        state.running = Some((number, 0, scope));
        state.is_brief = false;
        Ok(number)
    }

    fn refuse_now(&self, state: &State, scope: u32) -> Result<(), DatabaseError> {
        if state.abandoned != Abandoned::No || (state.closed && scope == DATABASE) {
            return Err(DatabaseError::Closed("the database is closed".to_owned()));
        }
        if !state.queue.is_open(scope) {
            return Err(state.ended.why(scope));
        }
        let why = if state.running.is_some() {
            "another call of the database runs; await it first"
        } else if !state.queue.is_innermost(scope) {
            "a transaction is open, whose own calls run until it ends"
        } else if state.queue.has_next() {
            "another call of the database waits; await it first"
        } else if !self.commits.is_deferred() && self.commits.is_pending() {
            "what another call of the database has written is not durable yet; await that call first"
        } else {
            return Ok(());
        };
        Err(DatabaseError::Busy(why.to_owned()))
    }

    /// What is over soon and in the way of a call.
    fn next_brief(state: &mut State) -> Option<Work> {
        let upkeep = Self::next_upkeep(state);
        if upkeep.is_some() {
            return upkeep;
        }
        let is_brief = state.queue.peek().is_some_and(|(call, ..)| call.is_brief());
        is_brief.then(|| state.queue.next()).flatten().map(Work::Call)
    }

    /// Waits until nothing runs that is over soon.
    fn after_brief<'s>(&'s self, mut state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        while state.running.is_some() && state.is_brief {
            state.is_awaited = true;
            state = self.brief_over.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state
    }

    /// A turn is over.
    pub(super) fn nothing_runs(&self, state: &mut State) {
        state.running = None;
        if std::mem::take(&mut state.is_awaited) {
            // Synchronous calls come from one thread, the one that has opened the database.
            self.brief_over.notify_one();
        }
    }

    /// Gives the turn up, and sees to it that what was written gets durable.
    fn end_here(
        &self,
        mark: Mark,
        answer: Result<Answer, DatabaseError>,
        waits_for_all: bool,
    ) -> Result<Answer, DatabaseError> {
        let mut state = self.state();
        self.nothing_runs(&mut state);
        let again = state.has_work();
        let (passes, flight) = if waits_for_all { (false, None) } else { self.commits.pass(mark) };
        if passes {
            if again {
                self.schedule(state);
            } else {
                drop(state);
            }
            if let Some(flight) = flight {
                flight.set_off_elsewhere();
            }
            return answer;
        }
        let (sender, told) = oneshot::channel();
        let reply = Box::new(move |answer| drop(sender.send(answer)));
        let ready =
            self.commits.gate(mark, Gated { job: 0, answer, reply, is_lasting: false, waits_for_all });
        let flight = self.commits.begin();
        if again {
            self.schedule(state);
        } else {
            drop(state);
        }
        deliver(ready);
        if let Some(flight) = flight {
            flight.set_off(self.shared.pool.runtime(), true);
        }
        self.shared.engine.wait(told).unwrap_or_else(|_| {
            Err(DatabaseError::Closed("the database has ended before the call was answered".to_owned()))
        })
    }
}

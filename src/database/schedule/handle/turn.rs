//! One turn on a pool thread: runs one call of a database.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, Weak};

use futures::future::FutureExt;
use tracing::Span;

use crate::database::call::{Answer, Call, Reply};
use crate::database::commits::{Gated, Mark, deliver};
use crate::database::error::DatabaseError;
use crate::database::pages::hints;
use crate::database::schedule::pool::Turns;
use crate::database::schedule::queue::{DATABASE, Waiting};
use crate::database::schedule::shared::{Opened, Shared};
use crate::database::session::Session;
use crate::engine::StoreError;
use crate::sync::MutexGuard;
use crate::sync::atomic::Ordering;
use crate::types::PageRange;

use super::Database;
use super::state::{Abandoned, State, over};

/// The work of one turn.
pub(super) enum Work {
    Call(Waiting<(Call, Reply, Span)>),
    /// Roll back a transaction whose deadline has expired.
    Expire(u32),
    /// Roll back the transaction that statements have begun, whose deadline has expired.
    ExpireLoose,
    /// Release memory.
    Shrink,
    /// Undo what is open above transactions that are lost, which is done after each turn.
    Undo,
    /// Close a database that its callers have left.
    Abandon,
}

/// Whose thread takes a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thread {
    OfPool,
    OfCaller,
}

impl State {
    /// Whether [`Database::next_work`] would find something.
    pub(super) fn has_work(&self) -> bool {
        self.abandoned == Abandoned::Now
            || !self.expired.is_empty()
            || self.loose.is_due
            || self.has_lost
            || self.queue.has_next()
            || self.shrink
    }
}

impl Database {
    /// What has to be done before the next call.
    pub(super) fn next_upkeep(state: &mut State) -> Option<Work> {
        if state.abandoned.take() {
            return Some(Work::Abandon);
        }
        if std::mem::take(&mut state.has_lost) {
            return Some(Work::Undo);
        }
        if let Some(scope) = state.expired.pop_front() {
            return Some(Work::Expire(scope));
        }
        if std::mem::take(&mut state.loose.is_due) {
            return Some(Work::ExpireLoose);
        }
        None
    }

    fn next_work(state: &mut State) -> Option<Work> {
        let upkeep = Self::next_upkeep(state);
        if upkeep.is_some() {
            return upkeep;
        }
        if let Some(waiting) = state.queue.next() {
            return Some(Work::Call(waiting));
        }
        std::mem::take(&mut state.shrink).then_some(Work::Shrink)
    }

    /// Runs `body` on the session. After a panic the state of SQLite is unknown, so the session ends; nothing
    /// of an open transaction is in the store.
    pub(crate) fn on_session<T>(
        &self,
        body: impl FnOnce(&mut Session) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = session.as_mut() else {
            return Err(DatabaseError::Closed("the database is closed".to_owned()));
        };
        catch_unwind(AssertUnwindSafe(|| body(open))).unwrap_or_else(|_| {
            *session = None;
            let message = "a bug in batondb ended this database, please report it; open it again";
            Err(DatabaseError::Closed(message.to_owned()))
        })
    }

    pub(super) fn run_counted(&self, call: Call, scope: u32) -> Result<Answer, DatabaseError> {
        if !call.runs_sql() {
            return self.run(call, scope);
        }
        // One call at a time runs on a database, so everything that is read meanwhile is read for it.
        let round_trips = || self.counters.round_trips.get();
        let (begun, before) = (self.shared.env.elapsed(), round_trips());
        let answer = self.run(call, scope);
        let took = self.shared.env.elapsed().saturating_sub(begun);
        self.shared.engine.metrics().sql_called(round_trips() - before, took);
        answer
    }

    fn run(&self, call: Call, scope: u32) -> Result<Answer, DatabaseError> {
        let depth = {
            let state = self.state();
            state.queue.depth_of(scope).map_or(0, |depth| depth + 1)
        };
        if depth == 0 {
            self.refuse_if_lost(&call)?;
        }
        match call {
            Call::Run(kind, (sql, params)) => {
                self.on_session(|session| session.run(kind, sql, params.as_deref(), depth)).map(Answer::Rows)
            }
            Call::Batch(statements) => {
                self.on_session(|session| session.batch(statements, depth)).map(Answer::Batch)
            }
            Call::Script(kind, (sql, params)) => self
                .on_session(|session| session.script(kind, &sql, params.as_deref(), depth))
                .map(|chunk| Answer::Rows(vec![chunk])),
            Call::Each(sql) => self.on_session(|session| session.each(sql, depth)).map(Answer::Batch),
            Call::EachOn(id, skip) => self.on_session(|session| session.each_on(id, skip)).map(Answer::Batch),
            Call::Define(function) => {
                self.on_session(|session| session.define(*function)).map(|()| Answer::Done)
            }
            Call::Collate(collation) => {
                self.on_session(|session| session.collate(collation)).map(|()| Answer::Done)
            }
            Call::DropCollation(name) => {
                self.on_session(|session| session.drop_collation(&name)).map(|()| Answer::Done)
            }
            Call::Extend(extension) => {
                self.on_session(|session| session.extend(extension)).map(|()| Answer::Done)
            }
            Call::Changes(call) => self.on_session(|session| session.changes(call, depth)),
            Call::Flush => self.on_session(|session| session.check_alive()).map(|()| Answer::Done),
            Call::Point => self.on_session(Session::point).map(|bytes| Answer::Rows(vec![bytes])),
            Call::Serialize => self.on_session(Session::serialize).map(|bytes| Answer::Rows(vec![bytes])),
            Call::Describe(sql) => self.on_session(|session| session.describe(sql)).map(Answer::Description),
            Call::Begin(behavior, timeout_ms) => {
                self.on_session(|session| session.begin(depth, behavior))?;
                Ok(Answer::Scope(self.open_scope(timeout_ms)))
            }
            Call::End(commit) => {
                let ended = self.on_session(|session| session.end(depth.saturating_sub(1), commit));
                self.close_scopes(depth.saturating_sub(1), &over());
                ended.map(|()| Answer::Done)
            }
            Call::Fetch(cursor) => {
                self.on_session(|session| session.fetch(cursor)).map(|chunk| Answer::Rows(vec![chunk]))
            }
            Call::CloseCursor(cursor) => {
                self.on_session(|session| session.close_cursor(cursor)).map(|()| Answer::Done)
            }
            Call::Close => {
                let lost = self.lose_at_close();
                self.store_last_hints();
                self.close();
                lost.map(|()| Answer::Done)
            }
        }
    }

    /// SQLite ends a transaction by itself after some errors. Calls that belong to it must not run outside of
    /// it, each as a transaction of its own.
    fn notice_rollback(&self) {
        if self.state().queue.depth() == 0 {
            return;
        }
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if session.as_ref().is_none_or(Session::is_autocommit) {
            let dead = session.as_ref().and_then(Session::dead);
            drop(session);
            let message = "the transaction is over: a statement or an error has rolled it back";
            let why = dead.map_or_else(|| DatabaseError::Closed(message.to_owned()), DatabaseError::from);
            self.close_scopes(0, &why);
        }
    }

    fn store_last_hints(&self) {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let hints = session.as_ref().and_then(|session| session.take_hints(true, &self.opened.hints));
        drop(session);
        if let Some(hints) = hints {
            self.shared.engine.wait(store_hints(&self.shared, &self.opened, hints));
        }
    }

    fn close(&self) {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(session);
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(reader) = reader {
            reader.release();
        }
        self.shared.memory.gone(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner));
        self.memory_bytes.store(0, Ordering::Relaxed);
        self.shared.open.remove(self.number);
        let mut state = self.state();
        let left = state.queue.drain();
        for deadline in state.deadlines.drain(..) {
            deadline.timer.abort();
        }
        drop(state);
        for waiting in left {
            (waiting.item.1)(Err(DatabaseError::Closed("the database is closed".to_owned())));
        }
    }

    /// What has to be done after each call, before its answer is delivered.
    pub(super) fn after_call(&self) {
        self.undo_lost();
        self.notice_rollback();
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = session.as_ref() else { return };
        let is_autocommit = open.is_autocommit();
        open.catch_up();
        open.rest();
        let bytes = open.cache_bytes();
        let phase_is_over = self.shared.env.now_ms() >= self.opened.learns_until_ms;
        let hints = open.take_hints(phase_is_over, &self.opened.hints);
        drop(session);
        self.notice_loose(is_autocommit);
        self.memory_bytes.store(bytes, Ordering::Relaxed);
        let mut resident = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = self.shared.memory.used(&mut resident, bytes, Weak::<Self>::clone(&self.itself));
        drop(resident);
        for database in idle.iter().filter_map(Weak::upgrade) {
            database.ask_to_shrink();
        }
        if let Some(hints) = hints {
            let (shared, opened) = (Arc::clone(&self.shared), self.opened.clone());
            self.shared.env.spawn(async move { store_hints(&shared, &opened, hints).await }.boxed());
        }
    }

    /// Lets the next turn begin, sends the answer of this one to the gate, and sets off the next commit. Returns
    /// whether there is more to do.
    fn end_turn(&self, mark: Mark, answered: Option<Gated>, thread: Thread) -> bool {
        let mut state = self.state();
        self.nothing_runs(&mut state);
        let again = state.has_work();
        if thread == Thread::OfPool {
            state.scheduled = again;
        }
        // Before another thread can seal more.
        let ready = answered.and_then(|gated| self.commits.gate(mark, gated));
        let flight = self.commits.begin();
        drop(state);
        deliver(ready);
        match (flight, thread) {
            (None, _) => {}
            (Some(flight), Thread::OfPool) => flight.set_off(self.shared.pool.runtime(), !again),
            // It is about to make a call of its own.
            (Some(flight), Thread::OfCaller) => flight.set_off_elsewhere(),
        }
        again
    }

    /// Whether the answer to a call says nothing about the data, so that no loss changes it. Who closes a deferred
    /// database hears of what is lost, since nobody else may have.
    pub(super) fn is_lasting(&self, call: &Call) -> bool {
        matches!(call, Call::Close) && !self.commits.is_deferred()
    }

    /// Does what is no call.
    pub(super) fn keep_up(&self, work: &Work) {
        match work {
            Work::Expire(scope) => self.expire_now(*scope),
            Work::ExpireLoose => self.expire_loose_now(),
            Work::Shrink => self.shrink_now(),
            // Done after each turn.
            Work::Undo | Work::Call(_) => {}
            Work::Abandon => self.close(),
        }
    }

    /// Takes a turn. Returns whether there is more to do.
    pub(super) fn take(&self, mut state: MutexGuard<'_, State>, work: Work, thread: Thread) -> bool {
        let (number, job, scope) = match &work {
            Work::Call(waiting) => (waiting.number, waiting.job, waiting.scope),
            Work::Expire(_) | Work::ExpireLoose | Work::Shrink | Work::Undo | Work::Abandon => {
                (state.queue.number(), 0, DATABASE)
            }
        };
        state.running = Some((number, job, scope));
        state.is_brief = match &work {
            Work::Call(waiting) => waiting.item.0.is_brief(),
            _ => true,
        };
        drop(state);
        let mark = self.commits.mark();
        self.interrupt.begin(number);
        let mut answered = None;
        match work {
            Work::Call(Waiting { scope, item: (call, reply, span), .. }) => {
                let (is_lasting, waits_for_all) = (self.is_lasting(&call), call.waits_for_all());
                let answer = span.in_scope(|| self.run_counted(call, scope));
                let answer = self.or_expired(scope, answer);
                answered = Some(Gated { job, answer, reply, is_lasting, waits_for_all });
            }
            upkeep => self.keep_up(&upkeep),
        }
        self.interrupt.end();
        self.after_call();
        self.end_turn(mark, answered, thread)
    }

    fn shrink_now(&self) {
        if let Ok(bytes) = self.on_session(|session| Ok(session.shrink())) {
            self.memory_bytes.store(bytes, Ordering::Relaxed);
        }
    }
}

impl Turns for Database {
    fn turn(self: Arc<Self>) -> bool {
        let mut state = self.state();
        if state.running.is_some() {
            // A call on its caller's own thread, which schedules the database again when it ends.
            state.scheduled = false;
            return false;
        }
        let Some(work) = Self::next_work(&mut state) else {
            state.scheduled = false;
            return false;
        };
        self.take(state, work, Thread::OfPool)
    }

    fn fail_waiting(self: Arc<Self>, why: &io::Error) {
        let mut state = self.state();
        state.scheduled = false;
        // Transactions stay open, and so their deadlines and owners can still act on them.
        let waiting = state.queue.take_all();
        if waiting.iter().any(|waiting| matches!(waiting.item.0, Call::Close)) {
            state.closed = false;
        }
        drop(state);
        for waiting in waiting {
            let message = format!(
                "no thread could be started to run SQL ({why}), and nothing was done; raise the limit on \
                 threads of the process or the user (ulimit -u, pids.max), or call again when others have ended"
            );
            (waiting.item.1)(Err(StoreError::Unavailable(message).into()));
        }
    }
}

/// Stores what a start has learned, for the next one. This is an optimization without a promise: errors are
/// only logged.
async fn store_hints(shared: &Shared, opened: &Opened, hints: Vec<PageRange>) {
    let Opened { actor, meta, hints: before, .. } = opened;
    if !hints::worth_storing(before, &hints) {
        return;
    }
    if let Err(error) = shared.engine.store_hints(actor, meta.generation, &hints).await {
        tracing::debug!(name: "hints.not-stored", target: "baton::sql", actor = %actor, %error, "hints were not stored");
    }
}

//! A database as its callers have it: they put calls in its line, cancel them, and ask how it is.

// Named because `crates/threads` borrows this file, and would look for it beside this one.
#[path = "handle/abandon.rs"]
mod abandon;
#[path = "handle/loose.rs"]
mod loose;
#[path = "handle/scopes.rs"]
mod scopes;
#[path = "handle/turn.rs"]
mod turn;

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, Weak};

use tracing::Span;

use self::abandon::Abandoned;
use self::loose::Loose;
use self::scopes::{Deadline, Ended};
use super::call::{Answer, Call, Reply};
use super::error::DatabaseError;
use super::interrupt::{CallNumber, Interrupt};
use super::line::{DATABASE, Line};
use super::open::{Opened, Shared};
use super::residency::Resident;
use super::session::Session;
use super::stats::{Counters, DatabaseStats};
use crate::engine::StoreError;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard};

struct State {
    line: Line<(Call, Reply, Span)>,
    running: Option<(CallNumber, u32, u32)>,
    deadlines: Vec<Deadline>,
    expired: VecDeque<u32>,
    ended: Ended,
    loose: Loose,
    shrink: bool,
    abandoned: Abandoned,
    /// Whether the database is in the line of the pool, or on one of its threads.
    scheduled: bool,
    closed: bool,
}

/// A SQLite database on an actor's pages.
pub struct Database {
    shared: Arc<Shared>,
    opened: Opened,
    queue_max: usize,
    /// How long a transaction may be open that statements have begun.
    transaction_timeout_ms: u64,
    counters: Arc<Counters>,
    /// By which the store's tally knows it.
    number: u64,
    interrupt: Arc<Interrupt>,
    state: Mutex<State>,
    /// `None` once it is closed. Locked by the thread whose turn it is.
    session: Mutex<Option<Session>>,
    resident: Mutex<Resident>,
    memory_bytes: AtomicUsize,
    itself: Weak<Self>,
}

impl Database {
    pub(super) fn new(
        shared: Arc<Shared>,
        opened: Opened,
        session: Session,
        (interrupt, counters): (Arc<Interrupt>, Arc<Counters>),
        (queue_max, transaction_timeout_ms): (usize, u64),
    ) -> Arc<Self> {
        Arc::new_cyclic(|itself| Self {
            number: shared.tally.open(&counters, itself),
            shared,
            opened,
            queue_max,
            transaction_timeout_ms,
            counters,
            interrupt,
            state: Mutex::new(State {
                line: Line::default(),
                running: None,
                deadlines: Vec::new(),
                expired: VecDeque::new(),
                ended: Ended::default(),
                loose: Loose::default(),
                shrink: false,
                abandoned: Abandoned::No,
                scheduled: false,
                closed: false,
            }),
            session: Mutex::new(Some(session)),
            resident: Mutex::default(),
            memory_bytes: AtomicUsize::new(0),
            itself: Weak::clone(itself),
        })
    }

    /// How the start went.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a call in the line of its scope; `reply` gets the answer. `job` is a number by which
    /// [`Self::cancel`] finds it, 0 for none.
    pub fn submit(
        &self,
        scope: u32,
        job: u32,
        call: Call,
        reply: impl FnOnce(Result<Answer, DatabaseError>) + Send + 'static,
    ) {
        let mut state = self.state();
        // While the database waits for a transaction to end, the calls of that transaction go on.
        let is_closed = state.abandoned != Abandoned::No || (state.closed && scope == DATABASE);
        let refused = if is_closed {
            Some(DatabaseError::Closed("the database is closed".to_owned()))
        } else if !state.line.is_open(scope) {
            Some(state.ended.why(scope))
        } else if state.line.len() >= self.queue_max && !matches!(call, Call::End(_) | Call::Close) {
            self.shared.engine.metrics().sql_overloaded();
            // What ends something is let in: it makes room.
            Some(DatabaseError::Overloaded { waiting: state.line.len() })
        } else {
            None
        };
        if let Some(error) = refused {
            drop(state);
            return reply(Err(error));
        }
        state.closed |= matches!(call, Call::Close);
        state.line.push(job, scope, (call, Box::new(reply), Span::current()));
        self.schedule(state);
    }

    fn schedule(&self, mut state: MutexGuard<'_, State>) {
        if state.scheduled {
            return;
        }
        if let Some(itself) = self.itself.upgrade() {
            state.scheduled = true;
            drop(state);
            self.shared.pool.schedule(itself);
        }
    }

    /// Cancels a call: one that waits is taken out of the line, one that runs is interrupted. One that is
    /// through already stays so.
    pub fn cancel(&self, job: u32) {
        let mut state = self.state();
        if let Some(waiting) = state.line.take(job) {
            drop(state);
            let message = "the call was cancelled before it began; nothing was done";
            return (waiting.item.1)(Err(DatabaseError::Aborted(message.to_owned())));
        }
        if let Some((number, ..)) = state.running.filter(|(_, running, _)| *running == job) {
            self.interrupt.stop(number);
        }
    }

    /// Asks the store whether this database is still the actor's owner.
    pub async fn check(&self) -> Result<(), StoreError> {
        let Opened { actor, meta, .. } = &self.opened;
        let held = meta.generation;
        match self.shared.engine.stat(actor).await? {
            None => Err(StoreError::NotFound { actor: actor.clone() }),
            Some(now) if now.generation == held => Ok(()),
            Some(now) => {
                self.shared.engine.metrics().fence_mismatch();
                Err(StoreError::FenceMismatch {
                    actor: actor.clone(),
                    held,
                    current: now.generation,
                    held_head_txid: now.head_txid,
                    current_head_txid: now.head_txid,
                })
            }
        }
    }

    /// How many calls wait and run, and the bytes that it holds.
    pub(super) fn load(&self) -> (usize, usize, usize) {
        let state = self.state();
        (state.line.len(), usize::from(state.running.is_some()), self.memory_bytes.load(Ordering::Relaxed))
    }

    /// What the database has done so far.
    pub fn stats(&self) -> DatabaseStats {
        let (waiting, running, memory_bytes) = self.load();
        self.counters.read(waiting + running, memory_bytes)
    }

    /// Whether a transaction is open, of the line or one that statements have begun.
    pub fn is_transaction(&self) -> bool {
        let state = self.state();
        state.line.depth() > 0 || state.loose.is_open()
    }

    /// The deadline of a transaction has come.
    fn expire(&self, scope: u32) {
        let mut state = self.state();
        let Some(depth) = state.line.depth_of(scope) else { return };
        if let Some((number, _, running)) = state.running
            && state.line.depth_of(running).is_some_and(|running| running >= depth)
        {
            self.interrupt.stop(number);
        }
        state.expired.push_back(scope);
        self.schedule(state);
    }

    /// Asks for memory back, when nothing else is to be done.
    fn ask_to_shrink(&self) {
        let mut state = self.state();
        state.shrink = true;
        self.schedule(state);
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let resident = self.resident.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.shared.residency.gone(resident);
        self.shared.tally.close(self.number);
    }
}

//! The handle that callers have of a database: they queue calls, cancel them, and ask for its state.

mod abandon;
mod direct;
mod loose;
mod losses;
mod scopes;
mod state;
mod turn;

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, Weak};

use tracing::Span;

use crate::database::call::{Answer, Call};
use crate::database::commits::{GroupCommit, Outcomes};
use crate::database::error::DatabaseError;
use crate::database::interrupt::Interrupt;
use crate::database::schedule::memory_budget::{Held, Shrink};
use crate::database::schedule::metrics::{Load, Loaded};
use crate::database::schedule::queue::{DATABASE, Queue};
use crate::database::schedule::reader::Reader;
use crate::database::schedule::shared::{Opened, Shared};
use crate::database::session::Session;
use crate::database::stats::{Counters, DatabaseStats};
use crate::engine::StoreError;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard};

use self::state::{Abandoned, Ended, Loose, State};

/// How a database treats its calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// How many calls may wait.
    pub(crate) queue_max: usize,
    /// How long a transaction that statements have begun may stay open.
    pub(crate) transaction_timeout_ms: u64,
    /// Whether a call on its caller's own thread may wait for a store that is reached over a network.
    pub(crate) may_block: bool,
}

/// A SQLite database on an actor's pages.
pub struct Database {
    shared: Arc<Shared>,
    opened: Opened,
    settings: Settings,
    counters: Arc<Counters>,
    /// Its number among the store's open databases.
    number: u64,
    interrupt: Arc<Interrupt>,
    state: Mutex<State>,
    brief_over: Condvar,
    /// `None` once it is closed. Locked by the thread whose turn it is.
    session: Mutex<Option<Session>>,
    /// What keeps the point that it reads, if that is one of the past.
    reader: Mutex<Option<Reader>>,
    commits: Arc<GroupCommit>,
    held: Mutex<Held>,
    memory_bytes: AtomicUsize,
    itself: Weak<Self>,
}

impl Database {
    pub(crate) fn new(
        shared: Arc<Shared>,
        opened: Opened,
        session: Session,
        (interrupt, counters): (Arc<Interrupt>, Arc<Counters>),
        (settings, reader): (Settings, Option<Reader>),
    ) -> Arc<Self> {
        let commits = session.commits();
        let database = Arc::new_cyclic(|itself| Self {
            number: shared.open.add(&counters, itself),
            shared,
            opened,
            settings,
            counters,
            interrupt,
            state: Mutex::new(State {
                queue: Queue::default(),
                running: None,
                is_brief: false,
                is_awaited: false,
                deadlines: Vec::new(),
                expired: VecDeque::new(),
                ended: Ended::default(),
                loose: Loose::default(),
                shrink: false,
                has_lost: false,
                abandoned: Abandoned::No,
                scheduled: false,
                closed: false,
            }),
            brief_over: Condvar::new(),
            session: Mutex::new(Some(session)),
            reader: Mutex::new(reader),
            commits,
            held: Mutex::default(),
            memory_bytes: AtomicUsize::new(0),
            itself: Weak::clone(itself),
        });
        let outcomes: Weak<dyn Outcomes> = Weak::<Self>::clone(&database.itself);
        database.commits.tell(outcomes);
        database
    }

    /// The outcome of the start.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a call in its scope; `reply` gets the answer. [`Self::cancel`] finds the call by the number
    /// `job`; 0 means none.
    pub fn submit(
        &self,
        scope: u32,
        job: u32,
        call: Call,
        reply: impl FnOnce(Result<Answer, DatabaseError>) + Send + 'static,
    ) {
        let mut state = self.state();
        let waiting = state.queue.len() + self.commits.waiting();
        // While closing waits for a transaction to end, calls of that transaction still run.
        let is_closed = state.abandoned != Abandoned::No || (state.closed && scope == DATABASE);
        let refused = if is_closed {
            Some(DatabaseError::Closed("the database is closed".to_owned()))
        } else if !state.queue.is_open(scope) {
            Some(state.ended.why(scope))
        } else if waiting >= self.settings.queue_max && !call.makes_room() {
            self.shared.engine.metrics().sql_overloaded();
            Some(DatabaseError::Overloaded { waiting })
        } else {
            None
        };
        if let Some(error) = refused {
            drop(state);
            return reply(Err(error));
        }
        state.closed |= matches!(call, Call::Close);
        state.queue.push(job, scope, (call, Box::new(reply), Span::current()));
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

    /// Cancels a call: a waiting call is taken out of the queue, a running one is interrupted. One that waits for
    /// its commit stays as it is, unless the commit has this call alone and has not begun in the store.
    pub fn cancel(&self, job: u32) {
        let mut state = self.state();
        if let Some(waiting) = state.queue.take(job) {
            drop(state);
            let message = "the call was cancelled before it began; nothing was done";
            return (waiting.item.1)(Err(DatabaseError::Aborted(message.to_owned())));
        }
        if let Some((number, ..)) = state.running.filter(|(_, running, _)| *running == job) {
            self.interrupt.stop(number);
        }
        self.commits.cancel(job);
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

    /// What the database has done so far.
    pub fn stats(&self) -> DatabaseStats {
        let Load { waiting, running, memory_bytes } = self.load();
        self.counters.read(waiting + running, memory_bytes)
    }

    /// Whether a transaction is open, either of the queue or begun by statements.
    pub fn is_transaction(&self) -> bool {
        let state = self.state();
        state.queue.depth() > 0 || state.loose.is_open()
    }

    /// The deadline of a transaction has expired.
    fn expire(&self, scope: u32) {
        let mut state = self.state();
        let Some(depth) = state.queue.depth_of(scope) else { return };
        if let Some((number, _, running)) = state.running
            && state.queue.depth_of(running).is_some_and(|running| running >= depth)
        {
            self.interrupt.stop(number);
        }
        state.expired.push_back(scope);
        self.schedule(state);
    }
}

impl Shrink for Database {
    fn ask_to_shrink(&self) {
        let mut state = self.state();
        state.shrink = true;
        self.schedule(state);
    }
}

impl Loaded for Database {
    fn load(&self) -> Load {
        let state = self.state();
        let running = usize::from(state.running.is_some());
        let waiting = state.queue.len() + self.commits.waiting();
        Load { waiting, running, memory_bytes: self.memory_bytes.load(Ordering::Relaxed) }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let held = self.held.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.shared.memory.gone(held);
        self.shared.open.remove(self.number);
    }
}

//! The one place that owns background work: cleanup after stages, shrinks and deletions.
//!
//! Each actor with pending work has one worker, and no worker starts once the store is closing. A worker
//! proceeds in bounded steps and checks between steps whether it should stop. Unfinished work is recorded in
//! the actor's head, where the next owner finds it. So stopping early loses nothing, even by kill -9.

use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::PoisonError;
use std::time::Duration;

use crate::plan::PendingCleanup;
use crate::sync::{Mutex, MutexGuard, Notify};
use crate::types::{ActorId, Generation};

/// How many times as long as a thinning took the actor's history then rests.
const REST_FACTOR: u32 = 50;
/// How long it rests at least.
const REST_MIN: Duration = Duration::from_millis(100);
/// From this many entries on, those that are over are forgotten.
const RESTING_MAX: usize = 1_024;

/// A piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// A pending cleanup, and the generation whose holder does it.
    CleanUp(Generation, PendingCleanup),
    /// To drop what the actor's history does not keep.
    Thin,
    /// To copy what the actor's head shows of many other lines.
    Flatten,
}

/// The cleanups in progress and waiting, and whether the store is closing.
#[derive(Default)]
pub(crate) struct Background {
    state: Mutex<State>,
    /// Notified whenever an actor's worker ends.
    ended: Notify,
}

#[derive(Default)]
struct State {
    closing: bool,
    /// The actors that have a worker, each with its queued work.
    waiting: HashMap<ActorId, VecDeque<Task>>,
    /// The actors whose history was thinned or flattened lately, and until when it rests.
    resting: HashMap<ActorId, Duration>,
}

impl Background {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is a single step, so a panic elsewhere leaves the state consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds work for an actor. Returns whether the caller has to start the actor's worker.
    pub(crate) fn add(&self, actor: &ActorId, tasks: impl IntoIterator<Item = Task>) -> bool {
        let mut state = self.lock();
        let mut tasks = tasks.into_iter().peekable();
        if state.closing || tasks.peek().is_none() {
            return false;
        }
        let fresh = !state.waiting.contains_key(actor);
        let waiting = state.waiting.entry(actor.clone()).or_default();
        for task in tasks {
            if !waiting.contains(&task) {
                waiting.push_back(task);
            }
        }
        fresh
    }

    /// The next piece of work of an actor's worker. If there is none, the worker has ended: from then on
    /// adding work asks for a new one, so no work is lost between two workers.
    pub(crate) fn next(&self, actor: &ActorId) -> Option<Task> {
        let mut state = self.lock();
        if !state.closing
            && let Some(task) = state.waiting.get_mut(actor).and_then(VecDeque::pop_front)
        {
            return Some(task);
        }
        self.end(&mut state, actor);
        None
    }

    /// Whether an actor's history may be thinned or flattened at this time.
    pub(crate) fn is_rested(&self, actor: &ActorId, now: Duration) -> bool {
        self.lock().resting.get(actor).is_none_or(|until| *until <= now)
    }

    /// An actor's history was thinned, which took so long. A thinning looks at all points, so an actor that commits all
    /// the time would otherwise do little else.
    pub(crate) fn rest(&self, actor: &ActorId, now: Duration, took: Duration) {
        let mut state = self.lock();
        if state.resting.len() >= RESTING_MAX {
            state.resting.retain(|_, until| *until > now);
        }
        state.resting.insert(actor.clone(), now + (took * REST_FACTOR).max(REST_MIN));
    }

    /// Ends an actor's worker even if it has work left: that work is recorded in the actor's head.
    pub(crate) fn give_up(&self, actor: &ActorId) {
        let mut state = self.lock();
        self.end(&mut state, actor);
    }

    fn end(&self, state: &mut State, actor: &ActorId) {
        state.waiting.remove(actor);
        self.ended.notify_waiters();
    }

    /// How many actors have a worker.
    pub(crate) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Whether workers should stop at their next step.
    pub(crate) fn is_closing(&self) -> bool {
        self.lock().closing
    }

    /// Keeps new work from starting and asks the workers to stop.
    pub(crate) fn begin_closing(&self) {
        self.lock().closing = true;
    }

    /// Waits until no worker runs.
    pub(crate) async fn idle(&self) {
        loop {
            // Registered before the check, so that an end between the check and the wait is not missed.
            let mut ended = pin!(self.ended.notified());
            ended.as_mut().enable();
            if self.lock().waiting.is_empty() {
                return;
            }
            ended.await;
        }
    }
}

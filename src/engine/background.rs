//! The one place that owns background work: tidying up after stages, shrinks and deletions.
//!
//! At most one task an actor runs at a time, and none begins once the store is closing. A task works in
//! bounded steps and looks between two steps whether it should stop; what it leaves undone is noted in the
//! actor's head, where the next owner finds it. So stopping early, also by kill -9, loses nothing.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::types::ActorId;

/// Which actors are being tidied up, and whether the store is closing.
#[derive(Default)]
pub(crate) struct Background {
    state: Mutex<State>,
    /// Told whenever a task ends.
    ended: Notify,
}

#[derive(Default)]
struct State {
    closing: bool,
    actors: HashSet<ActorId>,
}

impl Background {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is a single step, so a panic elsewhere leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims an actor for a task; `false` if one is at it already or the store is closing.
    pub(crate) fn claim(&self, actor: &ActorId) -> bool {
        let mut state = self.lock();
        !state.closing && state.actors.insert(actor.clone())
    }

    /// Ends the task that claimed the actor.
    pub(crate) fn release(&self, actor: &ActorId) {
        self.lock().actors.remove(actor);
        self.ended.notify_waiters();
    }

    /// Whether tasks should stop at their next step.
    pub(crate) fn is_closing(&self) -> bool {
        self.lock().closing
    }

    /// Lets no new task begin and asks the running ones to stop.
    pub(crate) fn begin_closing(&self) {
        self.lock().closing = true;
    }

    /// Waits until no task runs.
    pub(crate) async fn idle(&self) {
        loop {
            // Registered before the check, so that an end between check and wait is not missed.
            let ended = self.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            if self.lock().actors.is_empty() {
                return;
            }
            ended.await;
        }
    }
}

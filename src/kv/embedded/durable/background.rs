//! The thread that makes checkpoints in the background.
//!
//! A checkpoint is made when enough was written, when some time has passed since the last one, and when the
//! store has become idle. Then the pin is released, too: while it is held, the file keeps what was replaced
//! since.

use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::kv::embedded::clock;
use crate::kv::embedded::environment::Store;
use crate::kv::embedded::journal::{Asked, Checkpointer, State};
use crate::kv::embedded::options::Durability;
use crate::sync::{Condvar, Mutex, thread};

/// The time between two checkpoints while something is written. Without a journal, this is what a loss of
/// power costs.
const PAUSE: Duration = Duration::from_secs(20);
const PAUSE_RELAXED: Duration = Duration::from_secs(1);
/// A store is idle after this time without a commit.
const IDLE: Duration = Duration::from_secs(2);
/// The pause after a checkpoint that failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// What the thread does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Checkpoint,
    /// Release the pin.
    Rest,
    Wait(Duration),
    /// Until something is written.
    Sleep,
}

/// What to do now, after what was written and when.
fn next(state: &State, now: Instant, durability: Durability, is_due: bool) -> Next {
    if state.broken.is_some() {
        return Next::Sleep;
    }
    let since = |then: Instant| now.saturating_duration_since(then);
    let pause = if durability == Durability::Strict { PAUSE } else { PAUSE_RELAXED };
    if state.is_dirty {
        let wait = pause.saturating_sub(since(state.checked)).min(IDLE.saturating_sub(since(state.written)));
        return if is_due || wait.is_zero() { Next::Checkpoint } else { Next::Wait(wait) };
    }
    if !state.may_write {
        return Next::Sleep;
    }
    let wait = IDLE.saturating_sub(since(state.written));
    if wait.is_zero() { Next::Rest } else { Next::Wait(wait) }
}

/// Starts the thread. Without it checkpoints are made when the journal is full.
pub(super) fn start(signal: &Checkpointer, store: Weak<Store>) -> std::io::Result<()> {
    let asked = Arc::clone(&signal.asked);
    thread::Builder::new().name("baton-checkpoint".into()).spawn(move || serve(&asked, &store)).map(drop)
}

fn serve(asked: &(Mutex<Asked>, Condvar), store: &Weak<Store>) {
    let (asked, changed) = asked;
    let mut guard = asked.lock().unwrap_or_else(PoisonError::into_inner);
    while !guard.is_closing {
        if !std::mem::take(&mut guard.is_awake) {
            guard = changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        let is_due = std::mem::take(&mut guard.is_due);
        drop(guard);
        let wait = turn(store, is_due);
        guard = asked.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(wait) = wait else { continue };
        if !guard.is_awake && !guard.is_closing {
            guard = changed.wait_timeout(guard, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
        guard.is_awake = true;
    }
}

/// Does what is next. Returns how long to wait; `None`: until something is written.
fn turn(store: &Weak<Store>, is_due: bool) -> Option<Duration> {
    let store = store.upgrade()?;
    let journal = store.journal.as_ref()?;
    let next = {
        let state = journal.state();
        // Commits that were made during the last checkpoint have asked for this one before that was written down.
        let is_due = is_due && store.is_checkpoint_due(&state);
        next(&state, clock::now(), store.settings.durability, is_due)
    };
    let done = match next {
        Next::Checkpoint => store.checkpoint(),
        Next::Rest => store.rest(),
        Next::Wait(wait) => return Some(wait),
        Next::Sleep => return None,
    };
    if let Err(error) = done {
        tracing::warn!(
            name: "kv.no-checkpoint", target: "baton::kv", %error,
            "no checkpoint was made; the journal keeps what was committed since the last one"
        );
        return Some(PAUSE_AFTER_FAILURE);
    }
    Some(Duration::ZERO)
}

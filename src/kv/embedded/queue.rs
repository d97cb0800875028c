//! The transactions that wait, and who leads: commits them.
//!
//! One at a time leads, for one batch. It is the caller that queues a transaction while nobody does, if its thread may
//! block, and otherwise the store's own thread. That thread takes over whatever has queued up when a lead ends,
//! unless another caller is faster. So a transaction in the queue is never without somebody who leads, or whom to lead
//! was told.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::kv::{KvError, TransactionRunner};
use crate::sync::{Condvar, Mutex, MutexGuard, oneshot};

/// A transaction to run, and where its caller waits.
pub(super) struct Job {
    /// `None` if the caller only wants to know when everything queued before has its answer.
    pub(super) body: Option<Arc<dyn TransactionRunner>>,
    pub(super) answer: oneshot::Sender<Result<(), KvError>>,
}

impl Job {
    /// Whether its caller still wants it after other processes have kept it waiting for so long. A job that has not
    /// begun can still be dropped.
    pub(super) fn is_wanted(&self, waited: Duration) -> bool {
        self.body.as_ref().is_some_and(|body| body.is_wanted(waited))
    }
}

/// Whose thread commits a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leader {
    /// That of one of the callers.
    Caller,
    /// The store's own.
    Thread,
}

#[derive(Default)]
struct State {
    /// Not limited: each job has a caller that waits for it, and the job is small beside what its caller keeps.
    jobs: VecDeque<Job>,
    is_led: bool,
    /// Who leads waits for so many jobs.
    awaited: Option<usize>,
    /// Nobody can add to it any more.
    is_closed: bool,
    /// Who led has panicked, and nobody knows what is left of the store.
    is_broken: bool,
}

/// The queue of an open directory.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Tells the thread that there is something to lead, or that it can end.
    changed: Condvar,
    /// Tells who leads that as many jobs have come as it waits for.
    have_come: Condvar,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job. If the caller `may_lead` and nobody does, it leads from here on.
    pub(super) fn put(self: &Arc<Self>, job: Job, may_lead: bool) -> Result<Option<Lead>, KvError> {
        let mut state = self.state();
        if state.is_broken {
            return Err(KvError::Unavailable {
                detail: "a bug has ended the commits of this store; open it again".into(),
            });
        }
        state.jobs.push_back(job);
        if state.is_led {
            if state.awaited.is_some_and(|jobs| state.jobs.len() >= jobs) {
                state.awaited = None;
                drop(state);
                self.have_come.notify_one();
            }
            return Ok(None);
        }
        if may_lead {
            state.is_led = true;
            return Ok(Some(Lead { queue: Arc::clone(self) }));
        }
        drop(state);
        self.changed.notify_one();
        Ok(None)
    }

    /// How many jobs wait.
    pub(super) fn len(&self) -> usize {
        self.state().jobs.len()
    }

    /// Nobody adds jobs any more.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_one();
    }

    /// For the thread: waits until there are jobs and nobody leads. `None` when that will not be any more.
    pub(super) fn next_lead(self: &Arc<Self>) -> Option<Lead> {
        let mut state = self.state();
        loop {
            if state.is_broken || (state.is_closed && state.jobs.is_empty() && !state.is_led) {
                return None;
            }
            if !state.is_led && !state.jobs.is_empty() {
                state.is_led = true;
                return Some(Lead { queue: Arc::clone(self) });
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        self.state().is_broken
    }
}

/// The right to commit what is queued. When it is dropped, the thread is told of what is left.
pub(super) struct Lead {
    queue: Arc<Queue>,
}

impl Lead {
    /// The next job.
    pub(super) fn next(&self) -> Option<Job> {
        self.queue.state().jobs.pop_front()
    }

    /// Puts the last one back that was next.
    pub(super) fn put_back(&self, job: Job) {
        self.queue.state().jobs.push_front(job);
    }

    /// The jobs that nobody wants any more after so much waiting for other processes.
    pub(super) fn take_unwanted(&self, waited: Duration) -> Vec<Job> {
        let mut state = self.queue.state();
        let is_left = |job: &Job| job.body.is_some() && !job.is_wanted(waited);
        if !state.jobs.iter().any(is_left) {
            return Vec::new();
        }
        let (left, jobs): (Vec<_>, Vec<_>) = state.jobs.drain(..).partition(is_left);
        state.jobs = jobs.into();
        left
    }

    /// Waits for so many jobs, at most for this time.
    pub(super) fn wait_for(&self, jobs: usize, limit: Duration) {
        let mut state = self.queue.state();
        if state.jobs.len() >= jobs {
            return;
        }
        state.awaited = Some(jobs);
        let waited = self.queue.have_come.wait_timeout(state, limit);
        waited.unwrap_or_else(PoisonError::into_inner).0.awaited = None;
    }

    /// Who leads has panicked: nothing is committed any more, and all who wait hear that nobody knows.
    pub(super) fn break_off(self) {
        let mut state = self.queue.state();
        state.is_broken = true;
        let left = std::mem::take(&mut state.jobs);
        drop(state);
        drop(left);
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        state.is_led = false;
        let is_awaited = !state.jobs.is_empty() || state.is_closed || state.is_broken;
        drop(state);
        if is_awaited {
            self.queue.changed.notify_one();
        }
    }
}

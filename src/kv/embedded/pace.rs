//! How batches follow each other: whether the next one waits for others, and what is done now and then.
//!
//! Those who get their answers from one flush often commit again soon, a little one after the other. If the first of
//! them began at once, it would have a flush alone, and the others would wait for its end. So a batch waits for as many
//! as the one before had, for a part of the time that a batch takes. Who is alone waits for nobody.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::clock;
use super::queue::Leader;
use crate::sync::{Mutex, MutexGuard};

/// How often the reads of other processes are checked, for dead readers and for long reads: after this time
/// or this many batches.
const READERS_CHECK_PAUSE: Duration = Duration::from_secs(1);
const READERS_CHECK_BATCHES: u64 = 1_000;
/// A batch waits for others for at most this part of what the last one took, and if that has not ended longer ago.
const WAIT_SHARE: u32 = 4;

/// The batches so far.
#[derive(Debug, Default)]
pub(super) struct Pace {
    by_callers: AtomicU64,
    by_thread: AtomicU64,
    last: Mutex<Last>,
}

/// The last batch.
#[derive(Debug, Default)]
struct Last {
    jobs: usize,
    /// `None` before the first batch.
    begun: Option<Instant>,
    ended: Option<Instant>,
    took: Duration,
    /// When the reads were checked.
    checked: Option<Instant>,
}

impl Pace {
    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For how many jobs the next batch waits, and how long.
    pub(super) fn worth_waiting_for(&self) -> Option<(usize, Duration)> {
        self.last().worth_waiting_for(clock::now())
    }

    /// A batch begins.
    pub(super) fn begin(&self) {
        self.last().begun = Some(clock::now());
    }

    /// A batch of so many jobs has ended. Returns whether the reads of other processes are to be checked.
    pub(super) fn end(&self, leader: Leader, jobs: usize) -> bool {
        let count = if leader == Leader::Caller { &self.by_callers } else { &self.by_thread };
        count.fetch_add(1, Ordering::Relaxed);
        let (by_callers, by_thread) = self.batches_led();
        let now = clock::now();
        let mut last = self.last();
        last.end(jobs, now);
        let is_late = now.duration_since(*last.checked.get_or_insert(now)) >= READERS_CHECK_PAUSE;
        let is_due = is_late || (by_callers + by_thread).is_multiple_of(READERS_CHECK_BATCHES);
        if is_due {
            last.checked = Some(now);
        }
        is_due
    }

    /// How many batches callers have committed on their own threads, and how many the store's thread has.
    pub(super) fn batches_led(&self) -> (u64, u64) {
        (self.by_callers.load(Ordering::Relaxed), self.by_thread.load(Ordering::Relaxed))
    }
}

impl Last {
    fn worth_waiting_for(&self, now: Instant) -> Option<(usize, Duration)> {
        let is_recent = self.ended.is_some_and(|ended| now.saturating_duration_since(ended) < self.took);
        (self.jobs > 1 && is_recent).then(|| (self.jobs, self.took / WAIT_SHARE))
    }

    fn end(&mut self, jobs: usize, now: Instant) {
        self.took = self.begun.map_or(Duration::ZERO, |begun| now.saturating_duration_since(begun));
        (self.jobs, self.ended) = (jobs, Some(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_waits_for_as_many_as_were_in_the_last_one_if_that_was_just_now() {
        let at = clock::now();
        let after = |ms: u64| at + Duration::from_millis(ms);
        let mut last = Last { begun: Some(at), ..Last::default() };
        assert_eq!(last.worth_waiting_for(at), None);
        last.end(16, after(4));
        assert_eq!(last.worth_waiting_for(after(5)), Some((16, Duration::from_millis(1))));
        assert_eq!(last.worth_waiting_for(after(8)), None, "that was long ago");
        last.begun = Some(after(8));
        last.end(1, after(12));
        assert_eq!(last.worth_waiting_for(after(12)), None, "who is alone waits for nobody");
    }
}

//! Waiting for a lock, with a timeout.
//!
//! The operating system offers no timeout for its locks, so the lock is tried again and again. The pauses
//! grow with the time already waited: a wait for a short transaction ends soon after it, and a wait for a
//! stopped process costs next to nothing.

use std::fs::{File, TryLockError};
use std::io;
use std::time::{Duration, Instant};

use super::super::clock;

const PAUSE_MIN: Duration = Duration::from_micros(20);
pub(super) const PAUSE_MAX: Duration = Duration::from_millis(5);
/// A pause is this fraction of the time already waited.
const PAUSE_SHARE: u32 = 16;

/// A wait in progress.
pub(super) struct Waiting {
    began: Instant,
    limit: Duration,
}

impl Waiting {
    pub(super) fn at_most(limit: Duration) -> Self {
        Self { began: clock::now(), limit }
    }

    /// How long it has taken so far.
    pub(super) fn elapsed(&self) -> Duration {
        clock::now().duration_since(self.began)
    }

    /// Pauses; `false` when the time is up.
    pub(super) fn pause(&self) -> bool {
        let elapsed = self.elapsed();
        let left = self.limit.saturating_sub(elapsed);
        if left.is_zero() {
            return false;
        }
        clock::pause((elapsed / PAUSE_SHARE).clamp(PAUSE_MIN, PAUSE_MAX).min(left));
        true
    }

    /// Locks the whole file; `false` when the time is up, or `goes_on` says no.
    pub(super) fn lock(&self, file: &File, goes_on: &dyn Fn() -> bool) -> io::Result<bool> {
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(true),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
            if !goes_on() || !self.pause() {
                return Ok(false);
            }
        }
    }
}

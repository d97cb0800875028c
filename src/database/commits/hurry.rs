//! Calls that stop their caller's thread, and wait for other processes only so long.

use std::time::Duration;

use crate::sync::atomic::{AtomicBool, Ordering};

/// How long such a call waits for other processes.
const PATIENCE: Duration = Duration::from_millis(100);

/// Whether such a call is under way. There is at most one: it has the turn of its database.
#[derive(Default)]
pub(crate) struct Hurry {
    is_on: AtomicBool,
    /// Whether the call has left something that other processes have kept it from.
    has_left: AtomicBool,
}

impl Hurry {
    /// Such a call begins.
    pub(crate) fn begin(&self) {
        self.has_left.store(false, Ordering::Relaxed);
        self.is_on.store(true, Ordering::Release);
    }

    /// It is over. Returns whether it has left something.
    pub(crate) fn end(&self) -> bool {
        self.is_on.store(false, Ordering::Release);
        self.has_left.load(Ordering::Acquire)
    }

    /// Whether a call goes on to wait for other processes, after so much waiting.
    pub(crate) fn stays(&self, waited: Duration) -> bool {
        let leaves = waited >= PATIENCE && self.is_on.load(Ordering::Acquire);
        if leaves {
            self.has_left.store(true, Ordering::Release);
        }
        !leaves
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_call_in_a_hurry_leaves_and_only_after_a_while() {
        let hurry = Hurry::default();
        assert!(hurry.stays(Duration::MAX));
        hurry.begin();
        assert!(hurry.stays(PATIENCE / 2) && !hurry.end());
        hurry.begin();
        assert!(!hurry.stays(PATIENCE) && hurry.end());
        hurry.begin();
        assert!(!hurry.end(), "the next one begins anew");
        assert!(hurry.stays(Duration::MAX));
    }
}

//! Real time, for waiting on other processes, which no simulation controls.

use std::time::{Duration, Instant, SystemTime};

/// Now.
#[expect(
    clippy::disallowed_methods,
    reason = "other processes wait by the same clock; the engine asks `Env`"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// The time of day, for people: it is noted for other processes. No decision depends on it.
#[expect(clippy::disallowed_methods, reason = "see above")]
pub(super) fn wall() -> SystemTime {
    SystemTime::now()
}

/// How long ago a time of day was; zero if the clocks disagree.
pub(super) fn since(time: SystemTime) -> Duration {
    wall().duration_since(time).unwrap_or_default()
}

/// Blocks the thread.
#[expect(
    clippy::disallowed_methods,
    reason = "only on threads that may block: the committer's, and those that open"
)]
pub(super) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

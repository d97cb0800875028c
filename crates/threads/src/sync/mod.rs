//! What the borrowed files know as `crate::sync`: the same names as in `src/sync.rs`, and each operation a
//! point at which the scheduler of a test decides who goes on.
//!
//! Nothing here waits for a real clock: what waits for a time to pass goes on when the test says that it has
//! passed ([`let_time_pass`]). So a wake-up that gets lost is a deadlock, which is found, and no delay.

mod channels;
mod lock;
mod notify;
mod threads;

pub(crate) use shuttle::future::block_on;
pub(crate) use shuttle::sync::atomic;
pub(crate) use shuttle::thread_local;

pub(crate) use self::channels::{oneshot, watch};
pub(crate) use self::lock::{
    Condvar, Mutex, MutexGuard, let_time_pass, stop_the_clock_of_waits, wait_for_time,
};
pub(crate) use self::notify::Notify;
pub(crate) use self::threads::{Runtime, refuse_threads, thread};

/// A point at which another thread may go on.
pub(crate) fn point() {
    // In a thread that panics the schedule is printed already, and a second panic would hide the first.
    if !std::thread::panicking() {
        shuttle::thread::sleep(std::time::Duration::ZERO);
    }
}

/// Asks for something a few times; no clock says for how long.
pub(crate) fn look_out(_: std::time::Duration, has_come: impl Fn() -> bool) -> bool {
    (0..3).any(|_| has_come())
}

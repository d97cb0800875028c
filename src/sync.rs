//! What threads and tasks wait for each other with: locks, atomics, channels, threads.
//!
//! These are those of the standard library and of tokio, under one name. The files that share state between
//! threads take them from here, so that `crates/threads` can compile the same files, unchanged, with a
//! `sync` whose every operation is a point at which a test decides which thread goes on.

use std::time::{Duration, Instant};

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};
pub(crate) use std::{thread, thread_local};

pub(crate) use futures::executor::block_on;
pub(crate) use tokio::runtime::Handle as Runtime;
pub(crate) use tokio::sync::{Notify, oneshot, watch};

/// Asks for something again and again, for so long at most, without giving the core away. Returns whether it came.
#[expect(clippy::disallowed_methods, reason = "how long a thread spins is no decision of the engine's")]
pub(crate) fn look_out(limit: Duration, has_come: impl Fn() -> bool) -> bool {
    const BETWEEN_CLOCKS: u32 = 16;
    let began = Instant::now();
    loop {
        for _ in 0..BETWEEN_CLOCKS {
            if has_come() {
                return true;
            }
            std::hint::spin_loop();
        }
        if began.elapsed() >= limit {
            return false;
        }
    }
}

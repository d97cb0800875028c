//! Stopping the client's network thread when the process ends, before its library is torn down.
//!
//! `exit()` first runs the destructors of thread locals of the thread that called it, then the handlers and destructors
//! of statics, the newest first. The client makes statics as it goes and uses them until its thread has ended, so a
//! handler that was registered when the thread began would run too late: some of what the thread uses in its last
//! moments is gone by then, and the process crashes. Hence two ways, and the first one that comes stops the thread:
//!
//! - A thread local of the process's main thread, which is the one that calls `exit()`. In Node that is the thread of
//!   the main script, at a natural end as well as by `process.exit()` and after an uncaught exception.
//! - A handler that is registered after the first transaction, when most of those statics are made, for a process
//!   whose main thread never came by: a program in which only worker threads use the store, or a Rust test.

#[cfg(unix)]
pub(super) use self::unix::{after_first_transaction, on_this_thread};

#[cfg(unix)]
mod unix {
    use std::sync::Once;

    use super::super::network;

    struct StopsNetwork;

    impl Drop for StopsNetwork {
        fn drop(&mut self) {
            network::stop();
        }
    }

    thread_local! {
        static AT_THREAD_END: StopsNetwork = const { StopsNetwork };
    }

    /// If this is the main thread, its end stops the network.
    pub(in super::super) fn on_this_thread() {
        if is_main_thread() {
            AT_THREAD_END.with(|_| ());
        }
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn is_main_thread() -> bool {
        // SAFETY: both take nothing and cannot fail.
        unsafe { libc::getpid() == libc::gettid() }
    }

    #[cfg(target_vendor = "apple")]
    fn is_main_thread() -> bool {
        // SAFETY: it takes nothing and cannot fail.
        unsafe { libc::pthread_main_np() == 1 }
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    fn is_main_thread() -> bool {
        false
    }

    /// Has a handler of `exit()` stop the network.
    pub(in super::super) fn after_first_transaction() {
        static REGISTERED: Once = Once::new();
        extern "C" fn stop() {
            network::stop();
        }
        REGISTERED.call_once(|| {
            // SAFETY: `stop` is a function of the right type that does not unwind.
            if unsafe { libc::atexit(stop) } != 0 {
                tracing::warn!("the FoundationDB client's thread may not be stopped when the process ends");
            }
        });
    }
}

/// Windows ends all other threads before a library hears of the end, so there is nothing left to stop.
#[cfg(not(unix))]
pub(super) fn on_this_thread() {}

/// See above.
#[cfg(not(unix))]
pub(super) fn after_first_transaction() {}

//! Stops the client's network thread when the process ends. A thread that still runs while the library's
//! statics are torn down crashes, and the exit code of the process is lost.
//!
//! `atexit` runs handlers in reverse order of registration, and the library registers destructors of its
//! statics whenever it first needs them, most of them early. So the stop is registered again after the first
//! transactions, at ever longer intervals. Thread-local values are destroyed before all of these handlers, so
//! on the main thread the order is certain ([`stop_with_main_thread`]).

/// Stops the network thread, once.
#[cfg(unix)]
extern "C" fn stop() {
    super::network::stop();
}

/// Registers the stop, which may already be registered.
#[cfg(unix)]
pub(super) fn stop_at_exit() {
    // SAFETY: `stop` is a function of the right type that does not unwind.
    let registered = unsafe { libc::atexit(stop) };
    if registered != 0 {
        tracing::warn!(name: "kv.client-left", target: "baton::kv", "the FoundationDB client's thread will not be stopped when the process ends");
    }
}

/// Windows ends all other threads before a library is notified of the end, so there is nothing left to stop.
#[cfg(not(unix))]
pub(super) fn stop_at_exit() {}

/// The network thread has answered, and by now it has needed more statics than before.
pub(super) fn heard() {
    use std::sync::atomic::{AtomicU64, Ordering};
    static HEARD: AtomicU64 = AtomicU64::new(0);
    let before = HEARD.fetch_add(1, Ordering::Relaxed);
    if (before + 1).is_power_of_two() {
        stop_at_exit();
    }
}

/// On the main thread: makes the network thread stop before anything else when this thread ends the process.
/// On other threads it does nothing, since they end without the process.
pub fn stop_with_main_thread() {
    #[cfg(unix)]
    {
        struct Last;
        impl Drop for Last {
            fn drop(&mut self) {
                super::network::stop();
            }
        }
        thread_local! {
            static LAST: Last = const { Last };
        }
        if is_main_thread() {
            LAST.with(|_| ());
        }
    }
}

#[cfg(target_os = "linux")]
fn is_main_thread() -> bool {
    // SAFETY: they take nothing and cannot fail.
    unsafe { libc::gettid() == libc::getpid() }
}

#[cfg(target_os = "macos")]
fn is_main_thread() -> bool {
    // SAFETY: it takes nothing and cannot fail.
    unsafe { libc::pthread_main_np() == 1 }
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "macos"))))]
fn is_main_thread() -> bool {
    false
}

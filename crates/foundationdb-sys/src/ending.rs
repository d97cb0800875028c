//! The end of the process. It tears the library's statics down while other threads still run, and a thread that comes
//! into the library after that crashes. So whoever ends the process first has everybody else kept out.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// The one call that lasts as long as the network does.
const NETWORK: &str = "fdb_run_network";
/// How often [`keep_out`] looks whether the last call has returned: none of them waits for anything.
const LOOKS_MAX: u32 = 1_000;

static IS_ENDING: AtomicBool = AtomicBool::new(false);
/// Calls that have not returned, without that of the network.
static CALLS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The thread of the network, which may not be kept from its end, and the thread that ends the process.
    static IS_FREE: Cell<bool> = const { Cell::new(false) };
}

/// A call of the library, until it is dropped.
pub(crate) struct Call {
    is_counted: bool,
}

/// Comes before each call. Does not return when the process ends, but to the threads that have to go on.
#[inline]
pub(crate) fn enter(function: &str) -> Call {
    if function == NETWORK {
        IS_FREE.set(true);
    }
    if IS_FREE.get() {
        return Call { is_counted: false };
    }
    // Counted first: either this sees that the process ends, or whoever ends it sees this call.
    CALLS.fetch_add(1, Ordering::SeqCst);
    if IS_ENDING.load(Ordering::SeqCst) {
        CALLS.fetch_sub(1, Ordering::SeqCst);
        loop {
            thread::park();
        }
    }
    Call { is_counted: true }
}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        if self.is_counted {
            CALLS.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// Lets no thread into the library any more but this one and that of the network, and waits until the others have left.
/// For the end of the process: those threads stop for good where they are.
pub fn keep_out() {
    IS_FREE.set(true);
    IS_ENDING.store(true, Ordering::SeqCst);
    for _ in 0..LOOKS_MAX {
        if CALLS.load(Ordering::SeqCst) == 0 {
            return;
        }
        thread::park_timeout(Duration::from_millis(1));
    }
}

//! Stops one running call and no other. Each call has a number, and an interrupt names the call to stop.
//!
//! `sqlite3_interrupt` stops whatever runs on a connection, and stays in effect while a cursor is open. A
//! flag that the progress handler reads stops only the intended call.

use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The number of a call on one database, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CallNumber(pub(crate) u64);

/// Which call runs, and which one should stop.
#[derive(Debug, Default)]
pub(crate) struct Interrupt {
    running: AtomicU64,
    stop: AtomicU64,
    stop_all: AtomicBool,
}

impl Interrupt {
    /// A call starts to run.
    pub(crate) fn begin(&self, call: CallNumber) {
        self.running.store(call.0, Ordering::SeqCst);
    }

    /// No call runs.
    pub(crate) fn end(&self) {
        self.running.store(0, Ordering::SeqCst);
    }

    /// Asks a call to stop. If it is not running, nothing happens.
    pub(crate) fn stop(&self, call: CallNumber) {
        self.stop.store(call.0, Ordering::SeqCst);
    }

    /// Asks the running call to stop, and every later one.
    pub(crate) fn stop_all(&self) {
        self.stop_all.store(true, Ordering::SeqCst);
    }

    /// Whether the running call should stop.
    pub(crate) fn is_set(&self) -> bool {
        let running = self.running.load(Ordering::SeqCst);
        running != 0 && (running == self.stop.load(Ordering::SeqCst) || self.stop_all.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_call_that_was_meant_stops() {
        let interrupt = Interrupt::default();
        assert!(!interrupt.is_set());
        interrupt.begin(CallNumber(1));
        interrupt.stop(CallNumber(2));
        assert!(!interrupt.is_set());
        interrupt.stop(CallNumber(1));
        assert!(interrupt.is_set());
        interrupt.begin(CallNumber(2));
        assert!(!interrupt.is_set());
        interrupt.end();
        assert!(!interrupt.is_set());
    }

    #[test]
    fn all_calls_stop_where_that_was_meant() {
        let interrupt = Interrupt::default();
        interrupt.begin(CallNumber(1));
        interrupt.stop_all();
        assert!(interrupt.is_set());
        interrupt.end();
        assert!(!interrupt.is_set());
        interrupt.begin(CallNumber(2));
        assert!(interrupt.is_set());
    }
}

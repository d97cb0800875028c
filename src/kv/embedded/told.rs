//! Remembers what was already logged, so that it is logged once.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

/// From here on, another process's turn is worth a warning: a transaction takes milliseconds.
pub(super) const LONG_TURN: Duration = Duration::from_secs(3);

/// What was already logged.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The last old state that was logged.
    pub state: AtomicU64,
    pub waits_for_turn: AtomicBool,
    pub dead_readers: AtomicU64,
}

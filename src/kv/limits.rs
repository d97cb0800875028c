//! What a backend takes at once: the engine cuts its work to measure.

use std::time::Duration;

/// The bounds of a backend. They guide the engine; the backend itself refuses what it cannot take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The bytes that a transaction should write at most, keys and values together. Larger commits become
    /// stages of several transactions.
    pub transaction_bytes: usize,
    /// The bytes of rows that one round trip of a scan brings. Longer runs are read in pieces of this size,
    /// side by side. `None`: nothing is gained by cutting a scan.
    pub round_trip_bytes: Option<usize>,
    /// The bytes that one read should fetch before it ends and another one, on a later state, goes on.
    /// `None`: the backend keeps a state as long as a read lasts.
    pub read_bytes: Option<usize>,
    /// Attempts at one operation, the first one included.
    pub attempts: u32,
    /// The time since the first attempt after which no other one begins. `None`: only `attempts` counts.
    pub patience: Option<Duration>,
}

impl Default for Limits {
    /// A backend on this machine.
    fn default() -> Self {
        Self {
            transaction_bytes: 1_000_000,
            round_trip_bytes: None,
            read_bytes: None,
            attempts: 64,
            patience: None,
        }
    }
}

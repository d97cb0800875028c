//! What a backend accepts at once; the engine sizes its work accordingly.

use std::time::Duration;

use super::{KvError, Mutation, Mutations};

/// The longest key of a backend with FoundationDB's rules, in bytes.
pub const KEY_BYTES_MAX: usize = 10_000;
/// The longest value of a backend with FoundationDB's rules, in bytes.
pub const VALUE_BYTES_MAX: usize = 100_000;
/// The largest transaction of a backend with FoundationDB's rules, in bytes of keys and values written.
pub const TRANSACTION_BYTES_MAX: usize = 10_000_000;

/// What a transaction may free on this machine: 219 pages of 4,096 bytes. Together with the pages of LMDB's
/// own tree, their numbers fit half an LMDB page, so that the list stays within one page.
const FREED_BYTES: usize = 900_000;

/// The limits of a backend. They guide the engine; the backend itself refuses what it cannot accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The bytes that a transaction should write at most, keys and values together. Larger commits become
    /// stages of several transactions.
    pub transaction_bytes: usize,
    /// The bytes of rows in one round trip of a scan. Longer runs are read in pieces of this size, in
    /// parallel. `None`: splitting a scan gains nothing.
    pub round_trip_bytes: Option<usize>,
    /// The bytes that one read should fetch before it ends and another one continues on a later state.
    /// `None`: the backend keeps a state as long as a read lasts.
    pub read_bytes: Option<usize>,
    /// The bytes of pages, uncompressed, whose rows one transaction should delete. Where space is freed page
    /// by page, this limits the list of what a commit has freed, which later commits carry on. `None`:
    /// deleting costs nothing.
    pub freed_bytes: Option<usize>,
    /// The maximum number of attempts of one operation, including the first.
    pub attempts: u32,
    /// The time since the first attempt after which no further one begins, except one that finds out what
    /// became of a commit whose answer was lost. `None`: only `attempts` counts.
    pub patience: Option<Duration>,
}

impl Default for Limits {
    /// A backend on this machine.
    fn default() -> Self {
        Self {
            transaction_bytes: 1_000_000,
            round_trip_bytes: None,
            read_bytes: None,
            freed_bytes: Some(FREED_BYTES),
            attempts: 64,
            patience: None,
        }
    }
}

/// Refuses what FoundationDB would refuse, before anything is written, and says what it was.
pub(super) fn check_transaction(mutations: &Mutations) -> Result<(), KvError> {
    let too_large = |what, bytes, limit| {
        let detail = format!("a {what} of {bytes} bytes, the limit is {limit}");
        Err(KvError::TooLarge { detail })
    };
    for mutation in mutations.iter() {
        let (key_bytes, value_bytes) = match mutation {
            Mutation::Put { key, value, .. } => (key.len(), value.len()),
            Mutation::Delete { key, .. } => (key.len(), 0),
            Mutation::ClearRange { range, .. } => (range.start().len().max(range.end().len()), 0),
        };
        if key_bytes > KEY_BYTES_MAX {
            return too_large("key", key_bytes, KEY_BYTES_MAX);
        }
        if value_bytes > VALUE_BYTES_MAX {
            return too_large("value", value_bytes, VALUE_BYTES_MAX);
        }
    }
    let bytes = mutations.bytes();
    if bytes > TRANSACTION_BYTES_MAX {
        return too_large("transaction", bytes, TRANSACTION_BYTES_MAX);
    }
    Ok(())
}

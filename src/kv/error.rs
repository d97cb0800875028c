//! What can go wrong below the engine, by what the engine can do about it.

/// A failure of a backend. All but [`KvError::UnknownOutcome`] promise that nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// Another transaction wrote what this one read. Try again (FoundationDB: 1020).
    #[error("the transaction conflicted with another one")]
    Conflict,
    /// The answer was lost: the writes took place or not (FoundationDB: 1021, 1031 and their kin).
    #[error("the outcome of the transaction is unknown: {detail}")]
    UnknownOutcome {
        /// What the backend said.
        detail: String,
    },
    /// The transaction took longer than the backend keeps a state. Try again (FoundationDB: 1007, 1009).
    #[error("the transaction read a state that the store no longer keeps")]
    TooOld,
    /// The backend asks to come back later: it is catching up, recovering or throttling. Nothing was written
    /// (FoundationDB: 1037, 1042, 1051, 1078, 1213).
    #[error("the store is busy: {detail}")]
    Busy {
        /// What the backend said.
        detail: String,
    },
    /// The transaction, a key or a value is larger than the backend takes.
    #[error("too large for the store: {detail}")]
    TooLarge {
        /// What was too large, and the limit.
        detail: String,
    },
    /// There is no room left.
    #[error("the store is full: {detail}")]
    Full {
        /// Which limit was reached and how to raise it.
        detail: String,
    },
    /// The backend cannot be reached or used now.
    #[error("the store is unavailable: {detail}")]
    Unavailable {
        /// What the backend said.
        detail: String,
    },
    /// The place to open, or the way to open it, is not one that this backend can take.
    #[error("{detail}")]
    Invalid {
        /// Which option, its value, and what is wrong with it.
        detail: String,
    },
    /// The backend's own rows are damaged.
    #[error("the store is damaged: {detail}")]
    Corrupt {
        /// Where and how.
        detail: String,
    },
    /// The backend was closed.
    #[error("the store is closed")]
    Closed,
}

impl KvError {
    /// Whether the writes may have taken place nevertheless.
    pub fn may_have_committed(&self) -> bool {
        matches!(self, Self::UnknownOutcome { .. })
    }

    /// Whether the same transaction, executed again soon, may well succeed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Conflict | Self::TooOld | Self::Busy { .. })
    }
}

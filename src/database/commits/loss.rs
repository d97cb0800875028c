//! What it means for calls that a commit has failed.

use crate::engine::StoreError;

use super::gate::verdict;

/// Why what was sealed is lost.
#[derive(Debug, Clone)]
pub(crate) struct Lost {
    /// The error of the commit.
    pub(crate) error: StoreError,
    /// The last transaction in it.
    pub(super) last_sent: u64,
}

impl Lost {
    /// The error of a call that has seen what is lost, and sealed none of it.
    pub(crate) fn for_others(&self) -> StoreError {
        verdict(&self.error, None, self.last_sent)
    }

    /// The error of every later call, where answers have left before what they had seen was durable.
    pub(crate) fn for_good(&self) -> StoreError {
        for_good(&self.error)
    }
}

/// The same for the error of a commit.
pub(super) fn for_good(error: &StoreError) -> StoreError {
    let text = || {
        format!(
            "what was written since the last flushed() is lost, because its commit failed: {error}; open the database again"
        )
    };
    match error {
        StoreError::FenceMismatch { .. } | StoreError::NotFound { .. } => error.clone(),
        StoreError::CommitUnknown { actor, detail, token } => {
            let detail = format!(
                "{detail}; what was written since the last flushed() may be lost: open the database again and look"
            );
            StoreError::CommitUnknown { actor: actor.clone(), detail, token: *token }
        }
        StoreError::QuotaExceeded(_) => StoreError::QuotaExceeded(text()),
        _ => StoreError::Unusable(text()),
    }
}

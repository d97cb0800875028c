//! Errors cross to JavaScript as plain objects.
//!
//! A Node-API promise rejects with an error that has neither fields nor a JavaScript stack. So methods
//! resolve to a [`Failure`], and `lib/error.js` turns it into a `BatonError` where the caller's stack is
//! known.

use napi_derive::napi;

use crate::database::{DatabaseError, SqlError};
use crate::engine::StoreError;
use crate::types::PageNumber;

/// Why a call has failed. The wrapper turns it into a `BatonError`.
#[napi(object, object_from_js = false)]
#[derive(Default)]
pub struct Failure {
    /// The stable name of the kind.
    pub code: String,
    /// A message for people.
    pub message: String,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// The actor concerned.
    pub actor: Option<String>,
    /// The damaged page.
    pub page: Option<u32>,
    /// The commit that wrote the damaged page.
    pub txid: Option<u64>,
    /// The oldest point that is kept.
    pub oldest: Option<String>,
    /// The generation that the caller named.
    pub held: Option<u64>,
    /// The generation of the store.
    pub current: Option<u64>,
    /// The head that the caller named.
    pub held_head_txid: Option<u64>,
    /// The head of the store.
    pub current_head_txid: Option<u64>,
    /// The name of SQLite's extended result code.
    pub extended_code: Option<String>,
    /// SQLite's extended result code.
    pub raw_code: Option<i32>,
    /// The position in the SQL text, in UTF-16 code units.
    pub offset: Option<u32>,
    /// The index of the failed statement of a batch, from 0.
    pub statement: Option<u32>,
}

impl Failure {
    fn new(code: &str, message: String) -> Self {
        Self { code: code.to_owned(), message, ..Self::default() }
    }
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        Self {
            extended_code: Some(error.extended_name().to_owned()),
            raw_code: Some(error.code),
            offset: error.offset.and_then(|offset| u32::try_from(offset).ok()),
            retryable: error.name() == "SQLITE_BUSY",
            ..Self::new(error.name(), error.message)
        }
    }
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        let message = error.to_string();
        match error {
            DatabaseError::Sql(error) => error.into(),
            DatabaseError::Store(error) => error.into(),
            DatabaseError::Batch { index, error } => {
                Self { message, statement: u32::try_from(index).ok(), ..Self::from(*error) }
            }
            DatabaseError::Invalid(_) => Self::new("ERR_INVALID_ARG", message),
            DatabaseError::Overloaded { .. } => {
                Self { retryable: true, ..Self::new("ERR_OVERLOADED", message) }
            }
            DatabaseError::Busy(_) => Self { retryable: true, ..Self::new("ERR_BUSY", message) },
            DatabaseError::WouldBlock => Self::new("ERR_WOULD_BLOCK", message),
            DatabaseError::WouldWait(_) => Self { retryable: true, ..Self::new("ERR_WOULD_BLOCK", message) },
            DatabaseError::Aborted(_) => Self::new("ERR_ABORTED", message),
            DatabaseError::Closed(_) | DatabaseError::Expired { .. } => Self::new("ERR_CLOSED", message),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let failure = Self {
            code: error.code().to_owned(),
            message: error.to_string(),
            retryable: error.is_retryable(),
            ..Self::default()
        };
        match error {
            StoreError::FenceMismatch { actor, held, current, held_head_txid, current_head_txid } => Self {
                actor: Some(actor.to_string()),
                held: Some(held.0),
                current: Some(current.0),
                held_head_txid: Some(held_head_txid.0),
                current_head_txid: Some(current_head_txid.0),
                ..failure
            },
            StoreError::ConcurrentTakeover { actor }
            | StoreError::Occupied { actor, why: _ }
            | StoreError::MigrationIncomplete { actor }
            | StoreError::NotFound { actor }
            | StoreError::Exists { actor }
            | StoreError::CommitUnknown { actor, detail: _, token: _ } => {
                Self { actor: Some(actor.to_string()), ..failure }
            }
            StoreError::NotRetained { actor, wanted: _, oldest } => Self {
                actor: Some(actor.to_string()),
                oldest: oldest.map(|txid| format!("{:016x}", txid.0)),
                ..failure
            },
            StoreError::Corrupt { actor, page, txid, detail: _ } => Self {
                actor: actor.map(|actor| actor.to_string()),
                page: page.map(PageNumber::get),
                txid: txid.map(|txid| txid.0),
                ..failure
            },
            StoreError::InvalidArg(_)
            | StoreError::OutOfRange(_)
            | StoreError::TooLarge(_)
            | StoreError::QuotaExceeded(_)
            | StoreError::Unavailable(_)
            | StoreError::Unusable(_)
            | StoreError::ReadOnly
            | StoreError::Closed => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{ActorId, Generation, Txid};

    #[test]
    fn a_fence_mismatch_carries_both_sides() {
        let failure = Failure::from(StoreError::FenceMismatch {
            actor: ActorId::new("a\0b").unwrap(),
            held: Generation(3),
            current: Generation(u64::MAX),
            held_head_txid: Txid(5),
            current_head_txid: Txid(9),
        });
        assert_eq!(failure.code, "ERR_FENCE_MISMATCH");
        assert!(!failure.retryable);
        assert_eq!(failure.actor.as_deref(), Some("a\0b"));
        assert_eq!((failure.held, failure.current), (Some(3), Some(u64::MAX)));
        assert_eq!((failure.held_head_txid, failure.current_head_txid), (Some(5), Some(9)));
    }

    #[test]
    fn damage_carries_its_place() {
        let failure = Failure::from(StoreError::Corrupt {
            actor: Some(ActorId::new("a").unwrap()),
            page: PageNumber::new(4),
            txid: Some(Txid(8)),
            detail: "checksum".to_owned(),
        });
        assert_eq!((failure.page, failure.txid), (Some(4), Some(8)));
        assert_eq!(failure.actor.as_deref(), Some("a"));
        assert_eq!(failure.held, None);
    }
}

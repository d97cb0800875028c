//! Why a call on a database has no result.

use crate::database::sqlite::SqlError;
use crate::engine::StoreError;

/// Why a call on a database has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// SQLite's answer to the statement.
    #[error("{0}")]
    Sql(#[from] SqlError),
    /// The statement of a batch with this index had no result, and none of the batch has taken effect.
    #[error("statement {index} of the batch: {error}")]
    Batch {
        /// From 0.
        index: usize,
        /// Why not.
        error: Box<DatabaseError>,
    },
    /// The store's answer to SQLite.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A call that cannot be meant.
    #[error("{0}")]
    Invalid(String),
    /// More calls wait than may.
    #[error("{waiting} calls wait already, as many as may")]
    Overloaded {
        /// How many.
        waiting: usize,
    },
    /// The call was cancelled, before or while it ran. A statement that was interrupted has had no effect.
    #[error("{0}")]
    Aborted(String),
    /// The database, or the transaction, is over.
    #[error("{0}")]
    Closed(String),
}

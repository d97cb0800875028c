//! The errors of calls on a database.

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
    /// The transaction has reached its deadline.
    #[error(
        "the transaction was open for {timeout_ms} ms, which is all the time it had (its timeoutMs, or the database's \
         transactionTimeoutMs), and was rolled back{}",
        waited(*calls_waited, first.as_deref())
    )]
    Expired {
        /// How long it was open.
        timeout_ms: u64,
        /// How many calls from outside of it waited for its end.
        calls_waited: usize,
        /// What the first of them was.
        first: Option<String>,
    },
    /// The database, or the transaction, is over.
    #[error("{0}")]
    Closed(String),
}

/// What waited for a transaction: perhaps what the function of the transaction itself was waiting for.
fn waited(calls: usize, first: Option<&str>) -> String {
    let Some(first) = first else { return String::new() };
    let (were, of_them) = if calls == 1 { ("call", "") } else { ("calls", ", the first of them") };
    format!(
        "; {calls} {were} from outside of it waited for its end{of_them}: {first} (in the function of a transaction use the \
         transaction that it is given: a call of the database waits there until the transaction is over)"
    )
}

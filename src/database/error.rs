//! The errors of calls on a database.

use crate::database::sqlite::SqlError;
use crate::engine::StoreError;

/// Why a call on a database has failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// SQLite's error for the statement.
    #[error("{0}")]
    Sql(#[from] SqlError),
    /// The statement of a batch with this index failed, and none of the batch has taken effect.
    #[error("statement {index} of the batch: {error}")]
    Batch {
        /// From 0.
        index: usize,
        /// Why it failed.
        error: Box<DatabaseError>,
    },
    /// The store's error.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A call that makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The queue is full.
    #[error("{waiting} calls wait already, as many as may")]
    Overloaded {
        /// How many calls wait.
        waiting: usize,
    },
    /// A call on its caller's own thread cannot run now, and nothing was done.
    #[error("{0}; nothing was done")]
    Busy(String),
    /// A call on its caller's own thread would wait for the network.
    #[error(
        "a synchronous call would block the thread for each round trip to the store, and nothing was done; use the \
         asynchronous method, or open the database with allowBlocking: true"
    )]
    WouldBlock,
    /// A call on its caller's own thread would wait for another process, and its transaction was undone.
    #[error(
        "a synchronous call would block the thread while another process writes to the store, and its transaction was \
         undone: {0}; call again later, use the asynchronous method, or open the database with allowBlocking: true"
    )]
    WouldWait(String),
    /// The call was cancelled, before or while it ran. A statement that was interrupted has had no effect.
    #[error("{0}")]
    Aborted(String),
    /// The transaction has reached its deadline and was rolled back.
    #[error(
        "the transaction was open for {timeout_ms} ms, which is all the time it had (its timeoutMs, or the database's \
         transactionTimeoutMs), and was rolled back{}",
        waited(*calls_waited, first.as_deref())
    )]
    Expired {
        /// How long it was open.
        timeout_ms: u64,
        /// How many calls from outside the transaction waited for its end.
        calls_waited: usize,
        /// What the first of them was.
        first: Option<String>,
    },
    /// The database or the transaction has ended.
    #[error("{0}")]
    Closed(String),
}

/// The calls that waited for a transaction: perhaps the function of the transaction itself was waiting for
/// them.
fn waited(calls: usize, first: Option<&str>) -> String {
    let Some(first) = first else { return String::new() };
    let (were, of_them) = if calls == 1 { ("call", "") } else { ("calls", ", the first of them") };
    format!(
        "; {calls} {were} from outside of it waited for its end{of_them}: {first} (in the function of a transaction use the \
         transaction that it is given: a call of the database waits there until the transaction is over)"
    )
}

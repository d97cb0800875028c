//! A SQLite database for each actor: real SQLite on the actor's pages.
//!
//! Read from the outside in: [`Database`] is what callers have; `line` says which of their calls is next,
//! `pool` has the threads that run them, `session` is the SQLite connection they run on. Below SQLite, `vfs`
//! is the file that it sees, and `source` gets that file's pages from the preload, the cache or the store.
//!
//! One database runs one call at a time. What SQLite writes becomes visible to others as one commit of the
//! engine, with all its guarantees; a database that was fenced answers every call with that error.

mod cache;
mod call;
mod error;
mod handle;
mod hints;
mod interior;
mod interrupt;
mod line;
mod open;
mod pace;
mod pool;
mod read_ahead;
mod recover;
mod residency;
mod session;
mod source;
mod sqlite;
mod statements;
mod stats;
mod tally;
mod vfs;
mod walks;
mod wire;
mod words;

pub use cache::PageCache;
pub use call::{Answer, Behavior, Call, Column, Description, Kind, ScriptKind};
pub use error::DatabaseError;
pub use handle::Database;
pub use open::{DatabaseOptions, Databases, ReadOnlyOptions};
pub use pool::Pool;
pub use recover::recover;
pub use sqlite::{SqlError, is_complete};
pub use stats::DatabaseStats;
#[cfg(feature = "testing")]
pub use vfs::testing;
pub use words::is_blank;

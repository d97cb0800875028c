//! A SQLite database for each actor: real SQLite on the actor's pages.
//!
//! Read from the outside in: [`Database`] is what callers have; `line` says which of their calls is next,
//! `pool` has the threads that run them, `session` is the SQLite connection they run on. Below SQLite, `vfs`
//! is the file that it sees, and `source` gets that file's pages from the preload, the cache or the store.
//!
//! One database runs one call at a time. What SQLite writes becomes visible to others as one commit of the
//! engine, with all its guarantees; a database that was fenced answers every call with that error.

mod call;
mod error;
mod interrupt;
mod keywords;
mod limited;
mod open;
mod pages;
mod recover;
mod schedule;
mod session;
mod sqlite;
mod stats;
mod vfs;

pub use call::{Answer, Behavior, Call, Column, Description, Kind, ScriptKind};
pub use error::DatabaseError;
pub use keywords::is_blank;
pub use open::{DatabaseOptions, Databases, ReadOnlyOptions};
pub use pages::cache::PageCache;
pub use recover::recover;
pub use schedule::handle::Database;
pub use schedule::pool::Pool;
pub use sqlite::{SqlError, is_complete};
pub use stats::DatabaseStats;
#[cfg(feature = "testing")]
pub use vfs::testing;

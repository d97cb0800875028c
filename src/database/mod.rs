//! The SQLite database of each actor: real SQLite on the actor's pages.
//!
//! Read it from the outside in. Callers hold a [`Database`]. In `schedule`, the queue decides which of their
//! calls is next, and the pool has the threads that run them. `session` is the SQLite connection that a call
//! runs on. Below SQLite, `vfs` is the file that it sees, and `pages` gets the pages of that file from the
//! preload, the cache or the store.
//!
//! A database runs one call at a time. What SQLite writes becomes visible to others as one commit of the
//! engine, with all its guarantees. A database that was fenced answers every call with that error.

mod call;
mod commits;
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

pub use call::{Answer, Behavior, Call, Changes, Column, Description, Kind, ScriptKind};
pub use error::DatabaseError;
pub use keywords::is_blank;
pub use open::{DatabaseOptions, Databases, ReadOnlyOptions, WriteDurability};
pub use pages::cache::PageCache;
pub use recover::recover;
pub use schedule::handle::Database;
pub use schedule::pool::Pool;
pub use sqlite::{
    ChangeForm, Code, Collation, Conflict, Decide, Extension, Function, NotRun, Order, Part, Resolution,
    Returned, Shape, SqlError, Value, is_complete,
};
pub use stats::DatabaseStats;
#[cfg(feature = "testing")]
pub use vfs::testing;

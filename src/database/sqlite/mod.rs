//! SQLite's C interface (<https://sqlite.org/c3ref/intro.html>) as three safe types: a connection, a
//! statement, an error. Nothing here knows about actors or stores.
//!
//! It is not `rusqlite`, because a statement here outlives the call that made it (a cursor is stepped by
//! many calls) and its rows are written straight into an answer; see docs/dependencies.md.

mod changeset;
mod collation;
mod complete;
mod connection;
mod context;
mod error;
mod extension;
mod function;
mod handle;
mod statement;

pub use changeset::{ChangeForm, Conflict, Decide, Resolution};
pub(crate) use changeset::{NotApplied, Recording, is_changeset};
pub use collation::{Collation, Order};
pub use complete::is_complete;
pub(crate) use connection::{Connection, Script};
pub(crate) use context::{Asked, Denied, Hooks};
pub use error::SqlError;
pub use extension::Extension;
pub use function::{Code, Function, NotRun, Part, Returned, Shape};
pub use statement::Value;
pub(crate) use statement::{Statement, Step};

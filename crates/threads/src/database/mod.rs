//! The databases' queues, threads and caches as they are, over a session that notes who runs in place of SQLite.

#[path = "../../../../src/database/call.rs"]
pub(crate) mod call;
#[path = "../../../../src/database/commits/mod.rs"]
pub(crate) mod commits;
#[path = "../../../../src/database/interrupt.rs"]
pub(crate) mod interrupt;
#[path = "../../../../src/database/keywords.rs"]
mod keywords;
#[path = "../../../../src/database/stats.rs"]
pub(crate) mod stats;

/// What nobody adds to a database here.
pub(crate) mod sqlite {
    pub(crate) use batondb::database::{ChangeForm, Collation, Decide, Extension, Function};
}

pub mod cache_scenarios;
pub(crate) mod pages;
pub mod scenarios;
pub(crate) mod schedule;
pub(crate) mod session;

pub(crate) mod error {
    pub(crate) use batondb::database::DatabaseError;
}

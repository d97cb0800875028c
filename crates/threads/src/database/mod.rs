//! The databases' lines, threads and caches as they are, over a session that notes who runs in place of SQLite.

#[path = "../../../../src/database/cache.rs"]
pub(crate) mod cache;
pub mod cache_scenarios;
#[path = "../../../../src/database/call.rs"]
pub(crate) mod call;
#[path = "../../../../src/database/handle.rs"]
pub(crate) mod handle;
#[path = "../../../../src/database/hints.rs"]
pub(crate) mod hints;
#[path = "../../../../src/database/interior.rs"]
mod interior;
#[path = "../../../../src/database/interrupt.rs"]
pub(crate) mod interrupt;
#[path = "../../../../src/database/line.rs"]
pub(crate) mod line;
pub(crate) mod open;
#[path = "../../../../src/database/pace.rs"]
mod pace;
#[path = "../../../../src/database/pool.rs"]
pub(crate) mod pool;
#[path = "../../../../src/database/read_ahead.rs"]
mod read_ahead;
#[path = "../../../../src/database/residency.rs"]
pub(crate) mod residency;
pub mod scenarios;
pub(crate) mod session;
#[path = "../../../../src/database/source.rs"]
pub(crate) mod source;
#[path = "../../../../src/database/stats.rs"]
pub(crate) mod stats;
#[path = "../../../../src/database/tally.rs"]
pub(crate) mod tally;
#[path = "../../../../src/database/walks.rs"]
mod walks;
#[path = "../../../../src/database/words.rs"]
mod words;

pub(crate) mod error {
    pub(crate) use batondb::database::DatabaseError;
}

//! What a caller learns about an actor without reading a page.

use super::{Generation, PageCount, PageSize, Txid};

/// Where an actor's data came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Made here.
    Native,
    /// An import of rivetkit v1 data is under way; nobody may start the actor.
    MigratingFromV1,
    /// A finished import of rivetkit v1 data.
    MigratedFromV1,
}

/// The state of an actor at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// The generation of the current owner.
    pub generation: Generation,
    /// The last commit.
    pub head_txid: Txid,
    /// The size of the database at the head.
    pub size_pages: PageCount,
    /// The size of a page; 4,096 for a database that has none yet.
    pub page_size: PageSize,
    /// When the actor was first owned, in milliseconds since 1970-01-01 UTC.
    pub created_at_ms: u64,
    /// Where the data came from.
    pub origin: Origin,
}

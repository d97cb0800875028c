//! Segments: where the pages of a database come from.

use super::{ActorId, PageCount, Txid};

/// A stretch of an actor's txids whose page versions another state of the same actor, or a fork of it, still
/// shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Whose rows they are; `None` for the actor that has this segment.
    pub actor: Option<ActorId>,
    /// The versions above this txid belong to it.
    pub from: Txid,
    /// The newest version that belongs to it.
    pub to: Txid,
    /// The size of the database at `to`: pages above it are not looked for here, nor in the segments below.
    pub pages_max: PageCount,
}

/// The most segments below the one that an actor writes to: for one more, a restore or a fork flattens first.
pub const SEGMENTS_BELOW_MAX: usize = 15;

/// From this many segments below on, an actor is flattened in the background: each one may cost a read of a page.
pub const SEGMENTS_BELOW_DEEP: usize = 8;

/// The most segments that a row holds. Commits that grow over hidden rows add one each; with so many, the actor
/// has to be flattened before it commits on.
pub const SEGMENTS_STORED_MAX: usize = 255;

//! The words of the project as types: every number with a meaning has its own, so that a count is never
//! taken for an index and a generation never for a txid. Nothing here depends on another module.

mod actor_id;
mod history_policy;
mod meta;
mod page;
mod page_bits;
pub mod runs;
mod segment;
mod token;
mod version;

pub use actor_id::{ACTOR_ID_BYTES_MAX, ActorId};
pub use history_policy::{HISTORY_TIERS_MAX, HistoryPolicy, HistoryTier};
pub use meta::{Meta, Origin};
pub use page::{PageCount, PageNumber, PageRange, PageSize, PageSizeError};
pub use page_bits::PageBits;
pub use segment::{SEGMENTS_BELOW_DEEP, SEGMENTS_BELOW_MAX, SEGMENTS_STORED_MAX, Segment};
pub use token::Token;
pub use version::{Generation, Txid};

/// A value that a caller handed in and that no operation can take. The message names the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// Of the wrong kind or shape.
    #[error("{0}")]
    Invalid(String),
    /// A number outside its range.
    #[error("{0}")]
    OutOfRange(String),
}

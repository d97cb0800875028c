//! The types of requests and answers.

use crate::codec::PointKind;
use crate::types::{Generation, PageCount, PageSize, Txid};

/// A state of an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PointRef {
    /// The one that is committed now.
    Head,
    /// The one that this commit has made.
    Txid(Txid),
    /// The last one at or before this time, in milliseconds since 1970-01-01 UTC.
    Time(u64),
    /// The one that the pin of this name keeps.
    Name(String),
}

/// A state of the past that can be read, restored and forked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointInfo {
    /// The commit that has made it.
    pub txid: Txid,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub time_ms: u64,
    /// How.
    pub kind: PointKind,
    /// How many pages have changed since the point before, as far as that is known without looking.
    pub pages: Option<u64>,
    /// The size of the database.
    pub size_pages: PageCount,
    /// The size of a page.
    pub page_size: PageSize,
    /// The names of its pins.
    pub names: Vec<String>,
}

/// Which points to list.
#[derive(Debug, Clone, Default)]
pub struct PointsRequest {
    /// At or above this one.
    pub from: Option<Txid>,
    /// At or below this one.
    pub to: Option<Txid>,
    /// At most this many, the newest ones.
    pub limit: Option<usize>,
}

/// A pin to set.
#[derive(Debug, Clone, Default)]
pub struct PinRequest {
    /// Its name; empty for none.
    pub name: String,
    /// When it ends by itself, in milliseconds since 1970-01-01 UTC; 0: never.
    pub expires_at_ms: u64,
}

/// An actor was set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// The generation that ended the last owner's. Nobody owns it.
    pub generation: Generation,
    /// The commit that shows what the point showed.
    pub txid: Txid,
    /// The point.
    pub to: Txid,
    /// When the point was made, in milliseconds since 1970-01-01 UTC.
    pub time_ms: u64,
    /// The state before: restoring it undoes this.
    pub undo: Txid,
}

/// An actor was forked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forked {
    /// The fork's generation. Nobody owns it.
    pub generation: Generation,
    /// The point of the source that it shows.
    pub at: Txid,
}

/// A state of the past, and how long it stays readable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// The state.
    pub point: PointInfo,
    /// The state's generation: that of the actor now.
    pub generation: Generation,
}

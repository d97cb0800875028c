//! How an actor begins to keep history, and how it ends.

use crate::codec::{Head, HeadHistory, Lineage, Point, PointKind};
use crate::types::{PageNumber, PageRange};

use super::super::cleanup::PendingCleanup;

/// An actor that keeps history from its head on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeping {
    /// The head, at the same txid as before.
    pub head: Head,
    /// The point at the head; `None` if the database is empty.
    pub point: Option<Point>,
}

/// The actor has to be cleaned up before it can keep history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unclean(pub PendingCleanup);

/// Whether the next commit of an actor begins to keep history because its store does. A cleanup that is
/// pending comes first; it runs in the background.
pub(super) fn begins_by_default(head: &Head, store_keeps: bool) -> bool {
    let off = head.history.as_ref().is_some_and(|history| history.off || history.keeps);
    store_keeps && !off && pending(head).is_none()
}

/// An actor that keeps history, from its head on if it has not kept it before.
pub fn keeps_from_here(head: &Head, now_ms: u64) -> Result<Option<Keeping>, Unclean> {
    if head.keeps() {
        return Ok(None);
    }
    match pending(head) {
        Some(pending) => Err(Unclean(pending)),
        None => Ok(Some(begin(head, now_ms))),
    }
}

/// The older versions that a sweep or a trim would clear belong to no state that can be kept.
fn pending(head: &Head) -> Option<PendingCleanup> {
    let trim = head.untrimmed_above.map(|_| PendingCleanup::Trim);
    trim.or_else(|| head.unswept.then_some(PendingCleanup::Sweep))
}

pub(super) fn begin(head: &Head, now_ms: u64) -> Keeping {
    let before = head.history.clone().map_or_else(
        || HeadHistory { rows_to: head.size_pages, ..HeadHistory::default() },
        |history| *history,
    );
    let time_ms = now_ms.max(before.time_ms);
    let rows_to = before.rows_to.max(head.size_pages);
    // Which pages have a version is not known: any may have one.
    let all = PageNumber::new(rows_to.0).map(|last| PageRange { first: PageNumber::FIRST, last });
    // An empty database may be what a deletion has left: that txid is of an earlier life.
    let point = all.map(|all| Point {
        time_ms,
        size_pages: head.size_pages,
        page_size: head.page_size,
        kind: PointKind::Commit,
        in_parts: false,
        dropped: false,
        runs: vec![all],
    });
    let history = HeadHistory { keeps: true, off: false, time_ms, rows_to, ..before };
    Keeping { head: Head { history: Some(Box::new(history)), ..head.clone() }, point }
}

/// The head of an actor that keeps history no longer: nothing but the state at its head is left.
pub fn settled(head: &Head, off: bool) -> Head {
    let mut next = head.clone();
    let Some(history) = &mut next.history else { return next };
    (history.keeps, history.off) = (false, off);
    if history.lineage.below.is_empty() && history.rows_to > head.size_pages {
        // Nobody shows what lies beyond the size any more.
        next.untrimmed_above = Some(head.size_pages);
        history.rows_to = head.size_pages;
    }
    // Where the line does not begin with the actor, that has to be remembered.
    if history.lineage.is_whole() && !off {
        next.history = None;
    }
    next
}

impl Keeping {
    /// The line of an actor that has never had one.
    pub fn lineage(&self) -> Lineage {
        self.head.history.as_ref().map(|history| history.lineage.clone()).unwrap_or_default()
    }
}

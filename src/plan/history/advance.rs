//! How the head of an actor with history moves: what a commit keeps, and what it leaves for later.

use crate::codec::{Head, HeadHistory, Lineage, Point, PointKind};
use crate::planted::{self, Bug};
use crate::types::{PageCount, PageNumber, PageRange, Segment, Txid, runs};

use super::keeping::{self, Keeping};

/// A commit that grows over rows of an earlier, larger size writes up to this many empty pages, so that these
/// rows do not show. For more of them it begins a new line.
pub const ABSENT_PAGES_MAX: u32 = 8;

/// The pages that a commit has written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// These, ascending.
    Pages(Vec<PageRange>),
    /// Those that the manifests under its txid name.
    InParts,
    /// Every page of the database; the manifests name them.
    All,
}

/// A commit on an actor with history, or one that begins to keep it.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) size_pages: PageCount,
    pub(crate) written: Written,
    /// Pages up to this one may have rows of the commit, even beyond its size.
    pub(crate) rows_to: PageCount,
    pub(crate) now_ms: u64,
    /// Whether the store keeps history.
    pub(crate) store_keeps: bool,
}

/// What a commit leaves besides its pages and the head.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Left {
    /// That history is kept from here on: the state before, as a point.
    pub begins: Option<Keeping>,
    /// The commit's own point.
    pub point: Option<Point>,
    /// Pages to be written as empty ones.
    pub absent: Vec<PageRange>,
    /// The line that begins with this commit.
    pub line: Option<Lineage>,
}

/// Completes `next`, whose txid and page size are set, for a commit on `head`. `None`: the actor shows no other
/// state, and a shrink has to clear rows.
pub(crate) fn advance(head: &Head, next: &mut Head, change: Change) -> Option<Left> {
    let begins =
        keeping::begins_by_default(head, change.store_keeps).then(|| keeping::begin(head, change.now_ms));
    let history = match &begins {
        Some(Keeping { head, .. }) => head.history.clone(),
        None => head.history.clone(),
    };
    let mut history = history?;
    if !history.keeps && history.lineage.below.is_empty() {
        // Only the newest versions are shown, as without history; the line's floor is all there is to remember.
        history.rows_to = change.size_pages;
        next.history = Some(history);
        return None;
    }
    let mut left = Left { begins, ..Left::default() };
    grow(head, next.txid, &mut history, &change, &mut left);
    history.rows_to = history.rows_to.max(change.size_pages).max(change.rows_to);
    next.size_pages = change.size_pages;
    if !history.keeps && history.lineage.below.is_empty() && history.rows_to > change.size_pages {
        next.untrimmed_above = Some(change.size_pages);
        history.rows_to = change.size_pages;
    }
    if history.keeps {
        history.time_ms = change.now_ms.max(history.time_ms);
        // The manifests stay: they say which pages the point has.
        next.unswept = false;
        let (kind, in_parts, runs) = match change.written {
            Written::Pages(runs) => (PointKind::Commit, false, runs),
            Written::InParts => (PointKind::Commit, true, Vec::new()),
            Written::All => (PointKind::Import, true, Vec::new()),
        };
        let runs = runs::union(runs.into_iter().chain(left.absent.iter().copied()));
        left.point = Some(Point {
            time_ms: history.time_ms,
            size_pages: change.size_pages,
            page_size: next.page_size,
            kind,
            in_parts,
            dropped: false,
            runs,
        });
    }
    next.history = Some(history);
    Some(left)
}

/// Hides the rows of an earlier, larger size that the new size would show again.
fn grow(head: &Head, txid: Txid, history: &mut HeadHistory, change: &Change, left: &mut Left) {
    if change.written == Written::All {
        if !history.lineage.below.is_empty() {
            // Nothing of what was before shows: whatever it pins can be let go.
            history.lineage =
                Lineage { floor: Txid(txid.0 - 1), below: Vec::new(), ..history.lineage.clone() };
            left.line = Some(history.lineage.clone());
        }
        return;
    }
    let shown_to = change.size_pages.min(history.rows_to);
    let zone = head.size_pages.first_past_end().zip(PageNumber::new(shown_to.0));
    let zone = zone.filter(|(first, last)| first <= last).map(|(first, last)| PageRange { first, last });
    let Some(zone) = zone.filter(|_| !planted::has(Bug::AbsentPagesShown)) else { return };
    if let Written::Pages(written) = &change.written {
        let absent = runs::subtract(&[zone], written);
        if runs::count(&absent) <= u64::from(ABSENT_PAGES_MAX) {
            left.absent = absent;
            return;
        }
    }
    let before = &history.lineage;
    let own = Segment { actor: None, from: before.floor, to: head.txid, pages_max: head.size_pages };
    let mut below = vec![own];
    below.extend(before.below.iter().cloned());
    let floor = Txid(txid.0 - 1);
    history.lineage = Lineage { floor, below, pins: before.pins };
    left.line = Some(history.lineage.clone());
}

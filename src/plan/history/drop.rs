//! Dropping points: which versions go, and what the next point names from then on.

use crate::planted::{self, Bug};
use crate::types::{PageRange, Txid, runs};

/// The versions of some pages between two txids: `from` exclusive, `to` inclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    /// The pages, ascending.
    pub runs: Vec<PageRange>,
    /// The versions above this txid,
    pub from: Txid,
    /// up to this one.
    pub to: Txid,
}

/// What dropping points means.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dropped {
    /// These versions go.
    pub cleared: Vec<Versions>,
    /// The pages that the next point names in addition.
    pub moved: Vec<PageRange>,
}

/// Points to be dropped, newest first: each with the txid above which its versions begin, and the pages that it names.
pub type Dropping = [(Txid, Txid, Vec<PageRange>)];

/// Drops points of one line that follow each other. The versions of a point begin above the point before it, or where
/// the line begins. A point that is being dropped in parts does not count: what it has passed on, the next one has now.
/// `next` are the pages that the point
/// behind the newest of them names; `None` if the line ends there, so that nobody shows their versions.
pub fn drop_points(points: &Dropping, next: Option<&[PageRange]>) -> Dropped {
    let mut dropped = Dropped::default();
    let mut named = next.map(<[PageRange]>::to_vec);
    for (txid, from, pages) in points {
        let (cleared, moved) = match &mut named {
            None => (pages.clone(), Vec::new()),
            Some(_) if planted::has(Bug::DroppedWhole) => (pages.clone(), Vec::new()),
            Some(named) => {
                let moved = runs::subtract(pages, named);
                let cleared = runs::subtract(pages, &moved);
                *named = runs::union(named.iter().chain(&moved).copied());
                (cleared, moved)
            }
        };
        if !cleared.is_empty() {
            dropped.cleared.push(Versions { runs: cleared, from: *from, to: *txid });
        }
        dropped.moved.extend(moved);
    }
    dropped.moved = runs::union(std::mem::take(&mut dropped.moved));
    dropped
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::types::PageNumber;

    proptest! {
        /// Checked against rows: whatever is dropped, in whatever order, what stays shows what it showed, each
        /// page has at most one version between two points, and the later one names it.
        #[test]
        fn what_stays_shows_what_it_showed(
            commits in prop::collection::vec(prop::collection::btree_set(1..9u32, 0..6), 1..12),
            drops in prop::collection::vec((0..12usize, 1..4usize), 0..8),
            tail: bool,
        ) {
            let gather = |pages: &BTreeSet<u32>| {
                PageRange::gather(pages.iter().filter_map(|page| PageNumber::new(*page)))
            };
            let txid = |index: usize| Txid(10 + 3 * index as u64);
            let mut rows: BTreeSet<(u32, u64)> = BTreeSet::new();
            let mut points: Vec<(Txid, Vec<PageRange>)> = Vec::new();
            let mut shown: BTreeMap<Txid, BTreeMap<u32, u64>> = BTreeMap::new();
            let at = |rows: &BTreeSet<(u32, u64)>, to: Txid| -> BTreeMap<u32, u64> {
                rows.iter().filter(|(_, version)| *version <= to.0).copied().collect()
            };
            for (index, pages) in commits.iter().enumerate() {
                rows.extend(pages.iter().map(|page| (*page, txid(index).0)));
                points.push((txid(index), gather(pages)));
                shown.insert(txid(index), at(&rows, txid(index)));
            }
            for (start, count) in drops {
                let start = start.min(points.len() - 1);
                let keep_last = usize::from(!tail);
                let end = (start + count).min(points.len().saturating_sub(keep_last));
                if start >= end {
                    continue;
                }
                let before = if start == 0 { Txid(5) } else { points[start - 1].0 };
                let from = |index: usize| if index == start { before } else { points[index - 1].0 };
                let gone: Vec<_> = (start..end)
                    .rev()
                    .map(|index| (points[index].0, from(index), points[index].1.clone()))
                    .collect();
                let next = points.get(end).map(|(_, pages)| pages.clone());
                let Dropped { cleared, moved } = drop_points(&gone, next.as_deref());
                for Versions { runs, from, to } in cleared {
                    let pages: BTreeSet<u32> =
                        runs.iter().flat_map(|run| run.pages()).map(PageNumber::get).collect();
                    rows.retain(|(page, version)| {
                        !(pages.contains(page) && from.0 < *version && *version <= to.0)
                    });
                }
                if let Some((_, pages)) = points.get_mut(end) {
                    *pages = runs::union(pages.iter().chain(&moved).copied());
                }
                points.drain(start..end);
                if points.is_empty() {
                    break;
                }
            }
            let mut before = Txid(5);
            for (point, pages) in &points {
                prop_assert_eq!(&at(&rows, *point), &shown[point]);
                let within: Vec<u32> = rows
                    .iter()
                    .filter(|(_, version)| before.0 < *version && *version <= point.0)
                    .map(|(page, _)| *page)
                    .collect();
                prop_assert_eq!(
                    within,
                    pages.iter().flat_map(|run| run.pages()).map(PageNumber::get).collect::<Vec<_>>()
                );
                before = *point;
            }
            // Nothing is left behind the last point.
            prop_assert!(rows.iter().all(|(_, version)| *version <= before.0));
        }
    }
}

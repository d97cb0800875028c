//! Which point names which version of a page: what dropping points relies on.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use batondb::types::PageNumber;

use crate::audit::ensure;
use crate::world::Inner;

impl Inner {
    /// Of each page there is at most one version between two points of a line, and the later one names it.
    pub fn check_names(&self, actor: usize) -> Result<(), String> {
        let rows = &self.shadow.actors[actor];
        let head = rows.head();
        if !head.keeps() {
            return Ok(());
        }
        let begin = |txid: u64| rows.past.lines.range(..=txid).next_back().map_or(0, |(begin, _)| *begin);
        let mut names: BTreeMap<u64, BTreeSet<u32>> = BTreeMap::new();
        for (txid, point) in &rows.past.points {
            let named = point.runs.iter().flat_map(|run| run.pages()).map(PageNumber::get);
            let parts = rows.manifests.range((*txid, 0)..(*txid + 1, 0)).filter(|_| point.in_parts);
            let parts = parts.flat_map(|(_, pages)| pages.iter().copied());
            names.insert(*txid, named.chain(parts).collect());
        }
        let mut found = BTreeSet::new();
        let staged = head.open_stage.map(|stage| stage.txid.0);
        for &(page, Reverse(txid)) in rows.pages.keys() {
            if txid > head.txid.0 || staged == Some(txid) {
                continue;
            }
            let line = names.range(txid..).take_while(|(point, _)| begin(**point) == begin(txid));
            // A point that is being dropped has passed some of its pages on.
            let dropped = |point: &u64| rows.past.points.get(point).is_some_and(|point| point.dropped);
            let mut passed = false;
            let mut until = line.take_while(|(point, _)| !std::mem::replace(&mut passed, !dropped(point)));
            let Some(first) = until.next() else { continue };
            let naming = std::iter::once(first).chain(until).find(|(_, named)| named.contains(&page));
            ensure!(
                naming.is_some_and(|(point, _)| found.insert((page, *point))),
                "actor {actor}: page {page} of {txid} is not named once from point {} on, by {naming:?}: {}",
                first.0,
                rows.past
            );
        }
        Ok(())
    }
}

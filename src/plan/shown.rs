//! Which of an actor's own page versions its head shows.

use crate::codec::Head;
use crate::types::{ActorId, PageCount, PageNumber, Txid};

/// Versions above `from`, up to `to`, of pages up to `pages_max`.
#[derive(Debug, Clone, Copy)]
struct Own {
    from: Txid,
    to: Txid,
    pages_max: PageCount,
}

/// Tells of each version whether the head shows it. Versions are passed in key order: pages ascend, and the newest
/// version of a page comes first.
#[derive(Debug, Default)]
pub struct Shown {
    /// Newest first.
    segments: Vec<Own>,
    /// The last page of which the shown version has passed.
    last: Option<PageNumber>,
}

impl Shown {
    /// Continues with what this head of the actor shows.
    pub fn at(&mut self, actor: &ActorId, head: &Head) {
        self.segments.clear();
        self.segments.push(Own { from: head.floor(), to: head.txid, pages_max: head.size_pages });
        let mut pages_max = head.size_pages;
        for segment in head.history.iter().flat_map(|history| &history.lineage.below) {
            pages_max = pages_max.min(segment.pages_max);
            if segment.actor.as_ref().is_none_or(|other| other == actor) {
                self.segments.push(Own { from: segment.from, to: segment.to, pages_max });
            }
        }
    }

    /// Whether the head shows this version.
    pub fn shows(&mut self, page: PageNumber, txid: Txid) -> bool {
        let is_in = |own: &Own| own.from < txid && txid <= own.to && own.pages_max.contains(page);
        let shows = self.last != Some(page) && self.segments.iter().any(is_in);
        if shows {
            self.last = Some(page);
        }
        shows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{HeadHistory, Lineage};
    use crate::types::Segment;

    fn page(number: u32) -> PageNumber {
        PageNumber::new(number).unwrap()
    }

    #[test]
    fn the_newest_version_of_the_first_segment_that_has_one_is_shown() {
        let below = vec![Segment { actor: None, from: Txid(0), to: Txid(3), pages_max: PageCount(2) }];
        let lineage = Lineage { floor: Txid(6), below, ..Lineage::default() };
        let history = HeadHistory { lineage, ..HeadHistory::default() };
        let size_pages = PageCount(3);
        let head = Head { txid: Txid(8), size_pages, history: Some(Box::new(history)), ..Head::empty() };
        let mut shown = Shown::default();
        shown.at(&ActorId::new("a").unwrap(), &head);
        let versions = [(1, 8), (1, 7), (1, 2), (2, 6), (2, 4), (2, 3), (2, 1), (3, 5), (3, 3), (4, 8)];
        let seen: Vec<(u32, u64)> =
            versions.into_iter().filter(|(number, txid)| shown.shows(page(*number), Txid(*txid))).collect();
        assert_eq!(seen, [(1, 8), (2, 3)]);
    }
}

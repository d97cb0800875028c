//! Early reads: which pages to read before the committed head is known, and which of the rows that arrive are
//! the committed ones.
//!
//! Over a network the head and the pages cost one round trip each, one after the other, unless the pages are
//! requested together with the head. Their newest versions are nearly always the committed ones. If not, the
//! page is read again.

use crate::types::{PageCount, PageNumber, PageRange, PageSize, Txid, runs};

use super::preload::{PreloadRequest, preload};

/// The maximum number of pages that are read before the head is known: 1 MiB at the usual page size. This
/// covers the preload of most starts. It is also small enough not to matter if the pages turn out to be
/// useless, because the start is lost, or the database is smaller or its pages are larger than assumed.
pub const EARLY_PAGES_MAX: u64 = 256;

/// The pages of a start that can be read along with its head: those requested, as if the database were
/// infinite and had pages of the usual size. Hints are missing, since they are read at the same time.
pub fn preload_early(request: &PreloadRequest) -> Vec<PageRange> {
    first_early(&preload(request, &[], PageCount(u32::MAX), PageSize::DEFAULT))
}

/// The first of these pages, as many as may be read along with the head.
pub fn first_early(wanted: &[PageRange]) -> Vec<PageRange> {
    runs::first_pages(wanted, PageCount(u32::MAX), EARLY_PAGES_MAX)
}

/// What can be used of the rows read early, now that the head is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visible {
    /// The indexes of the rows that the head shows, ascending.
    pub rows: Vec<usize>,
    /// The wanted pages that still have to be read.
    pub missing: Vec<PageRange>,
}

/// Decides about `rows`, which are the newest rows of the pages in `seen`: all of them, or at least the
/// newest of each page. They are in key order: by page, the newest first. `wanted` is inside the size; other
/// pages are ignored.
///
/// Rows at or below the floor do not count. A page without any row reads as zeros. A page whose rows are all above the head, from an open stage, may
/// have an older row that was not read.
pub fn visible(
    rows: &[(PageNumber, Txid)],
    seen: &[PageRange],
    wanted: &[PageRange],
    (floor, head): (Txid, Txid),
) -> Visible {
    let mut shown = Vec::new();
    let mut hidden = Vec::new();
    let mut runs_left = wanted.iter().copied().peekable();
    let mut first_row = 0;
    for versions in rows.chunk_by(|one, other| one.0 == other.0) {
        let page = versions[0].0;
        while runs_left.next_if(|run| run.last < page).is_some() {}
        let is_wanted = runs_left.peek().is_some_and(|run| run.first <= page);
        match versions.iter().position(|(_, txid)| *txid <= head) {
            // It belongs to another state.
            Some(newer) if versions[newer].1 <= floor => hidden.push(page),
            Some(newer) if is_wanted => shown.push(first_row + newer),
            Some(_) => {}
            None => hidden.push(page),
        }
        first_row += versions.len();
    }
    let known = runs::subtract(seen, &PageRange::gather(hidden));
    Visible { rows: shown, missing: runs::subtract(wanted, &known) }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    fn page(number: u32) -> PageNumber {
        PageNumber::new(number).unwrap()
    }

    fn range(first: u32, last: u32) -> PageRange {
        PageRange { first: page(first), last: page(last) }
    }

    fn rows(rows: &[(u32, u64)]) -> Vec<(PageNumber, Txid)> {
        rows.iter().map(|&(number, txid)| (page(number), Txid(txid))).collect()
    }

    #[test]
    fn a_start_reads_early_what_it_asks_for_in_pages_of_the_usual_size() {
        let request = PreloadRequest {
            pages: vec![page(9)],
            ranges: vec![range(4, 6)],
            hints: true,
            bytes_max: 5 * 4096,
        };
        assert_eq!(preload_early(&request), [range(1, 1), range(4, 6), range(9, 9)]);
        assert_eq!(preload_early(&PreloadRequest { bytes_max: 3 * 4096, ..request })[1..], [range(4, 5)]);
        let all =
            PreloadRequest { ranges: vec![range(1, u32::MAX)], bytes_max: u64::MAX, ..Default::default() };
        assert_eq!(preload_early(&all), [range(1, 256)]);
    }

    #[test]
    fn rows_of_an_open_stage_do_not_count() {
        let came = rows(&[(1, 9), (1, 4), (2, 9), (3, 4)]);
        let expected = Visible { rows: vec![1, 3], missing: vec![range(2, 2)] };
        assert_eq!(visible(&came, &[range(1, 4)], &[range(1, 4)], (Txid::ZERO, Txid(8))), expected);
        // Page 4 has no row at all: it was never written, and there is nothing to read.
        let expected = Visible { rows: vec![0, 2, 3], missing: vec![] };
        assert_eq!(visible(&came, &[range(1, 4)], &[range(1, 4)], (Txid::ZERO, Txid(9))), expected);
    }

    #[test]
    fn what_lies_beyond_the_size_does_not_count() {
        let came = rows(&[(1, 4), (2, 4), (7, 4)]);
        let expected = Visible { rows: vec![0], missing: vec![] };
        assert_eq!(visible(&came, &[range(1, 9)], &[range(1, 1)], (Txid::ZERO, Txid(8))), expected);
        assert_eq!(
            visible(&came, &[range(1, 9)], &[], (Txid::ZERO, Txid(8))),
            Visible { rows: vec![], missing: vec![] }
        );
    }

    #[test]
    fn what_was_not_read_is_missing() {
        let expected = Visible { rows: vec![0], missing: vec![range(2, 3), range(5, 6)] };
        let wanted = [range(1, 3), range(5, 6)];
        assert_eq!(visible(&rows(&[(1, 4)]), &[range(1, 1)], &wanted, (Txid::ZERO, Txid(8))), expected);
        let nothing = Visible { rows: vec![], missing: wanted.to_vec() };
        assert_eq!(visible(&[], &[], &wanted, (Txid::ZERO, Txid(8))), nothing);
    }

    proptest! {
        /// Checked against a store of versions: the answer leads to what the head shows, whether all versions
        /// of a page were read or only the newest.
        #[test]
        fn the_answer_is_what_the_head_shows(
            stored in prop::collection::btree_map(1..30u32, prop::collection::btree_set(1..9u64, 1..4), 0..20),
            seen in prop::collection::btree_set(1..30u32, 0..25),
            newest_only: bool,
            wanted in prop::collection::btree_set(1..30u32, 0..25),
            head in 0..10u64,
        ) {
            let came: Vec<(PageNumber, Txid)> = stored
                .iter()
                .filter(|(number, _)| seen.contains(number))
                .flat_map(|(&number, txids)| {
                    let newest_first = txids.iter().rev().map(move |&txid| (page(number), Txid(txid)));
                    newest_first.take(if newest_only { 1 } else { usize::MAX })
                })
                .collect();
            let of = |pages: &BTreeSet<u32>| PageRange::gather(pages.iter().map(|&number| page(number)));
            let answer = visible(&came, &of(&seen), &of(&wanted), (Txid::ZERO, Txid(head)));
            let mut shown: BTreeMap<u32, u64> =
                answer.rows.iter().map(|&index| (came[index].0.get(), came[index].1.0)).collect();
            prop_assert_eq!(shown.len(), answer.rows.len());
            let missing: BTreeSet<u32> =
                answer.missing.iter().flat_map(|run| run.pages()).map(PageNumber::get).collect();
            // Nothing is read twice, and what was seen is read again only if it was hidden.
            prop_assert!(missing.iter().all(|number| !shown.contains_key(number)));
            for number in missing.intersection(&seen) {
                prop_assert!(stored[number].last().is_some_and(|newest| *newest > head));
            }
            let at_head = |number: &u32| stored.get(number)?.range(..=head).next_back().copied();
            shown.extend(missing.iter().filter_map(|number| Some((*number, at_head(number)?))));
            let expected: BTreeMap<u32, u64> =
                wanted.iter().filter_map(|number| Some((*number, at_head(number)?))).collect();
            prop_assert_eq!(shown, expected);
        }
    }
}

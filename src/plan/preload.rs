//! Which pages a start returns.

use crate::types::{PageCount, PageNumber, PageRange, PageSize, runs};

/// The pages that a caller requests.
#[derive(Debug, Clone, Default)]
pub struct PreloadRequest {
    /// Single pages, in any order.
    pub pages: Vec<PageNumber>,
    /// Runs of pages, in any order; they may overlap.
    pub ranges: Vec<PageRange>,
    /// Whether to include the pages that earlier owners needed.
    pub hints: bool,
    /// At most this many bytes of pages; page 1 is always included.
    pub bytes_max: u64,
}

/// The runs to read, ascending: page 1, then the requested pages that exist, lowest first, until the budget
/// is used up; the rest of the budget is for the hinted pages. `hints` are in order.
pub fn preload(
    request: &PreloadRequest,
    hints: &[PageRange],
    size_pages: PageCount,
    page_size: PageSize,
) -> Vec<PageRange> {
    let single = |page| PageRange { first: page, last: page };
    let budget_pages = (request.bytes_max / page_size.bytes() as u64).max(1);
    let chosen = request.pages.iter().copied().map(single).chain(request.ranges.iter().copied());
    let chosen = runs::union(chosen.chain([single(PageNumber::FIRST)]));
    let chosen = runs::first_pages(&chosen, size_pages, budget_pages);
    let left = budget_pages.saturating_sub(runs::count(&chosen));
    let hinted = runs::first_pages(&runs::subtract(hints, &chosen), size_pages, left);
    runs::union(chosen.into_iter().chain(hinted))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn range(first: u32, last: u32) -> PageRange {
        PageRange { first: PageNumber::new(first).unwrap(), last: PageNumber::new(last).unwrap() }
    }

    fn pages(runs: &[PageRange]) -> Vec<u32> {
        runs.iter().flat_map(|run| run.pages()).map(PageNumber::get).collect()
    }

    #[test]
    fn page_1_comes_without_being_asked_for_and_without_a_budget() {
        let nothing = PreloadRequest::default();
        assert_eq!(preload(&nothing, &[], PageCount(9), PageSize::DEFAULT), [range(1, 1)]);
        assert_eq!(preload(&nothing, &[], PageCount(0), PageSize::DEFAULT), []);
    }

    #[test]
    fn the_whole_database_can_be_asked_for_whatever_its_size() {
        let all = PreloadRequest {
            ranges: vec![range(1, u32::MAX)],
            bytes_max: u64::MAX,
            ..PreloadRequest::default()
        };
        assert_eq!(preload(&all, &[], PageCount(u32::MAX), PageSize::DEFAULT), [range(1, u32::MAX)]);
        assert_eq!(preload(&all, &[], PageCount(3), PageSize::DEFAULT), [range(1, 3)]);
    }

    proptest! {
        #[test]
        fn the_answer_is_the_lowest_wanted_pages_within_size_and_budget_then_the_lowest_hinted_ones(
            single in prop::collection::vec(1..40u32, 0..8),
            ranges in prop::collection::vec((1..40u32, 0..10u32), 0..5),
            hints in prop::collection::btree_set(1..60u32, 0..12),
            size in 0..45u32,
            budget_pages in 0..30u64,
        ) {
            let request = PreloadRequest {
                pages: single.iter().filter_map(|&page| PageNumber::new(page)).collect(),
                ranges: ranges.iter().map(|&(first, more)| range(first, first + more)).collect(),
                hints: true,
                bytes_max: budget_pages * 512 + 511,
            };
            let mut wanted: BTreeSet<u32> = single.into_iter().collect();
            wanted.insert(1);
            wanted.extend(ranges.into_iter().flat_map(|(first, more)| first..=first + more));
            let budget = usize::try_from(budget_pages.max(1)).unwrap();
            let chosen: BTreeSet<u32> = wanted.into_iter().filter(|&page| page <= size).take(budget).collect();
            let hinted = hints.iter().copied().filter(|page| *page <= size && !chosen.contains(page));
            let mut expected: Vec<u32> = chosen.iter().copied().chain(hinted).take(budget).collect();
            expected.sort_unstable();
            let hints = PageRange::gather(hints.iter().filter_map(|page| PageNumber::new(*page)));
            let runs = preload(&request, &hints, PageCount(size), PageSize::new(512).unwrap());
            prop_assert_eq!(pages(&runs), expected);
            // Adjacent runs are merged: one range read each.
            prop_assert!(runs.windows(2).all(|pair| pair[0].last.get() + 1 < pair[1].first.get()));
        }
    }
}

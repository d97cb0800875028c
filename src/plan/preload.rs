//! Which pages a start brings along.

use crate::types::{PageCount, PageNumber, PageRange, PageSize};

/// The pages that a caller asks for.
#[derive(Debug, Clone, Default)]
pub struct PreloadRequest {
    /// Single pages, in any order.
    pub pages: Vec<PageNumber>,
    /// Runs of pages, in any order; they may overlap.
    pub ranges: Vec<PageRange>,
    /// At most this many bytes of pages; page 1 comes whatever it says.
    pub bytes_max: u64,
}

/// The runs to read: page 1, then the requested pages that exist, ascending, until the budget is spent.
pub fn preload(request: &PreloadRequest, size_pages: PageCount, page_size: PageSize) -> Vec<PageRange> {
    let single = |page| PageRange { first: page, last: page };
    let mut wanted = vec![single(PageNumber::FIRST)];
    wanted.extend(request.pages.iter().copied().map(single));
    wanted.extend_from_slice(&request.ranges);
    wanted.sort_unstable_by_key(|run| run.first);

    let budget_pages = (request.bytes_max / page_size.bytes() as u64).max(1);
    let mut left = u32::try_from(budget_pages).unwrap_or(u32::MAX);
    let mut runs: Vec<PageRange> = Vec::new();
    // The first page that is not covered yet.
    let mut uncovered = 1;
    for run in wanted {
        let first = run.first.get().max(uncovered);
        let last = run.last.get().min(size_pages.0);
        if first > last || left == 0 {
            continue;
        }
        let last = last.min(first.saturating_add(left - 1));
        left -= last - first + 1;
        uncovered = last.saturating_add(1);
        let (Some(first), Some(last)) = (PageNumber::new(first), PageNumber::new(last)) else { continue };
        match runs.last_mut() {
            Some(before) if before.last.next() == Some(first) => before.last = last,
            _ => runs.push(PageRange { first, last }),
        }
        if last == PageNumber::LAST {
            break;
        }
    }
    runs
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
        assert_eq!(preload(&nothing, PageCount(9), PageSize::DEFAULT), [range(1, 1)]);
        assert_eq!(preload(&nothing, PageCount(0), PageSize::DEFAULT), []);
    }

    #[test]
    fn the_whole_database_can_be_asked_for_whatever_its_size() {
        let all = PreloadRequest {
            ranges: vec![range(1, u32::MAX)],
            bytes_max: u64::MAX,
            ..PreloadRequest::default()
        };
        assert_eq!(preload(&all, PageCount(u32::MAX), PageSize::DEFAULT), [range(1, u32::MAX)]);
        assert_eq!(preload(&all, PageCount(3), PageSize::DEFAULT), [range(1, 3)]);
    }

    proptest! {
        #[test]
        fn the_answer_is_the_lowest_wanted_pages_within_size_and_budget(
            single in prop::collection::vec(1..40u32, 0..8),
            ranges in prop::collection::vec((1..40u32, 0..10u32), 0..5),
            size in 0..45u32,
            budget_pages in 0..30u64,
        ) {
            let request = PreloadRequest {
                pages: single.iter().filter_map(|&page| PageNumber::new(page)).collect(),
                ranges: ranges.iter().map(|&(first, more)| range(first, first + more)).collect(),
                bytes_max: budget_pages * 512 + 511,
            };
            let mut wanted: BTreeSet<u32> = single.into_iter().collect();
            wanted.insert(1);
            wanted.extend(ranges.into_iter().flat_map(|(first, more)| first..=first + more));
            let budget = usize::try_from(budget_pages.max(1)).unwrap();
            let expected: Vec<u32> = wanted.into_iter().filter(|&page| page <= size).take(budget).collect();
            let runs = preload(&request, PageCount(size), PageSize::new(512).unwrap());
            prop_assert_eq!(pages(&runs), expected);
            // Neighbouring runs are one run: one range read each.
            prop_assert!(runs.windows(2).all(|pair| pair[0].last.get() + 1 < pair[1].first.get()));
        }
    }
}

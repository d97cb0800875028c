//! Chooses the pages to store as hints for the next start: those that were read soon after this one.
//!
//! Workloads alternate: one start serves a lookup, the next one a report. So the hints are not just the pages
//! that the last start used. Those come first. Pages that earlier starts noted and this one did not use are
//! kept as long as there is room, up to half of the budget. So two alternating workloads keep each other's
//! pages, a preload holds at most half a budget of pages that the last start did not use, and no state is
//! needed for single pages.

use std::cmp::Reverse;

use crate::engine::HINT_RUNS_MAX;
use crate::types::{PageBits, PageCount, PageNumber, PageRange, PageSize, runs};

/// The default number of page bytes that are recorded.
pub const HINT_BYTES_DEFAULT: usize = 512 * 1024;
/// Runs with up to this many other pages between them may be merged, if there are too many runs.
const GAP_PAGES_MAX: u32 = 8;
/// Hints are worth writing if at least one in this many of their pages has changed.
const CHANGED_PART_MIN: u64 = 10;

/// Records the pages that the first reads after a start request.
#[derive(Debug)]
pub struct HintRecorder {
    pages: PageBits,
    pages_max: u64,
    finished: bool,
}

impl HintRecorder {
    /// Records up to `bytes_max` of pages.
    pub fn new(page_size: PageSize, bytes_max: usize) -> Self {
        let pages_max = (bytes_max / page_size.bytes()) as u64;
        Self { pages: PageBits::new(), pages_max, finished: pages_max == 0 }
    }

    /// Records that a page was read, whether it had to be fetched or not.
    pub fn read(&mut self, page: PageNumber) {
        if !self.finished {
            self.pages.insert(page);
            self.finished = self.pages.count() >= self.pages_max;
        }
    }

    /// Whether further reads are recorded.
    pub fn is_recording(&self) -> bool {
        !self.finished
    }

    /// The recorded pages, and those of the hints that this start was given that are still worth keeping.
    pub fn hints_after(&self, given: &[PageRange]) -> Vec<PageRange> {
        let used = PageRange::gather(self.pages.pages());
        let count = self.pages.count();
        let room = self.pages_max.saturating_sub(count).min(self.pages_max / 2);
        let unused = runs::subtract(given, &used);
        let kept = runs::first_pages(&unused, PageCount(u32::MAX), room);
        few_runs(runs::union(used.into_iter().chain(kept)))
    }
}

/// At most [`HINT_RUNS_MAX`] runs: first the smallest gaps are closed, then the shortest runs are dropped.
fn few_runs(mut runs: Vec<PageRange>) -> Vec<PageRange> {
    for gap_pages in 1..=GAP_PAGES_MAX {
        let mut excess = runs.len().saturating_sub(HINT_RUNS_MAX);
        if excess == 0 {
            return runs;
        }
        let mut joined: Vec<PageRange> = Vec::with_capacity(runs.len());
        for run in runs {
            match joined.last_mut() {
                Some(before) if excess > 0 && run.first.get() - before.last.get() - 1 <= gap_pages => {
                    before.last = run.last;
                    excess -= 1;
                }
                _ => joined.push(run),
            }
        }
        runs = joined;
    }
    // Of runs of equal length the first ones stay.
    runs.sort_by_key(|run| Reverse(run.count()));
    runs.truncate(HINT_RUNS_MAX);
    runs.sort_unstable_by_key(|run| run.first);
    runs
}

/// Whether the `new` hints differ enough from the `old` ones to be worth a durable write: in a tenth of the
/// pages of the longer list. Both are in order.
pub fn worth_storing(old: &[PageRange], new: &[PageRange]) -> bool {
    let changed = runs::count(&runs::subtract(old, new)) + runs::count(&runs::subtract(new, old));
    changed > 0 && changed * CHANGED_PART_MIN >= runs::count(old).max(runs::count(new))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn page(number: u32) -> PageNumber {
        PageNumber::new(number).unwrap()
    }

    fn range(first: u32, last: u32) -> PageRange {
        PageRange { first: page(first), last: page(last) }
    }

    fn recorder(pages: impl IntoIterator<Item = u32>) -> HintRecorder {
        let mut recorder = HintRecorder::new(PageSize::DEFAULT, HINT_BYTES_DEFAULT);
        pages.into_iter().for_each(|number| recorder.read(page(number)));
        recorder
    }

    #[test]
    fn distinct_pages_are_recorded_until_the_budget_is_spent() {
        let mut recorder = recorder([3, 1, 2, 3, 3, 9]);
        assert_eq!(recorder.hints_after(&[]), [range(1, 3), range(9, 9)]);
        (100..1_000).for_each(|number| recorder.read(page(number)));
        assert_eq!(recorder.hints_after(&[]), [range(1, 3), range(9, 9), range(100, 223)]);
        assert!(!recorder.is_recording());

        let mut off = HintRecorder::new(PageSize::DEFAULT, 0);
        off.read(page(4));
        assert_eq!((off.is_recording(), off.hints_after(&[])), (false, Vec::new()));
    }

    #[test]
    fn what_was_given_and_not_used_stays_as_far_as_there_is_room_for_it() {
        // 40 of 128 are used, and half of the budget is for others: the lowest pages.
        assert_eq!(recorder(1..=40).hints_after(&[range(30, 200)]), [range(1, 104)]);
        // 100 of 128 are used: 28 others stay.
        assert_eq!(recorder(1..=100).hints_after(&[range(201, 300)]), [range(1, 100), range(201, 228)]);
        assert_eq!(recorder(1..=128).hints_after(&[range(201, 300)]), [range(1, 128)]);
    }

    #[test]
    fn workloads_that_alternate_keep_each_others_hints() {
        let mut stored = Vec::new();
        for start in 0..6 {
            let used = if start % 2 == 0 { 1..=50 } else { 101..=140 };
            let given = stored.clone();
            stored = recorder(used).hints_after(&given);
            assert_eq!(worth_storing(&given, &stored), start < 2, "start {start}: {given:?} to {stored:?}");
        }
        assert_eq!(stored, [range(1, 50), range(101, 140)]);
    }

    #[test]
    fn too_many_runs_are_joined_over_small_gaps_and_then_the_shortest_are_dropped() {
        let scattered =
            |gap: u32| (0..300u32).map(move |number| range(1 + number * (gap + 1), 1 + number * (gap + 1)));
        let joined = few_runs(scattered(1).collect());
        assert_eq!(joined.len(), HINT_RUNS_MAX);
        assert_eq!(runs::count(&joined), 300 + 44, "44 gaps are closed");
        let mut far: Vec<PageRange> = scattered(100).collect();
        far[299].last = page(far[299].first.get() + 1);
        let kept = few_runs(far.clone());
        assert_eq!(kept[..255], far[..255]);
        assert_eq!(kept[255..], [far[299]], "the longest one stays, and of the others the first");
    }

    #[test]
    fn a_write_is_worth_it_when_a_tenth_has_changed() {
        for (old, new, expected) in [
            (vec![], vec![], false),
            (vec![range(1, 1)], vec![range(1, 1)], false),
            (vec![], vec![range(1, 1)], true),
            (vec![range(1, 1)], vec![], true),
            (vec![range(1, 100)], vec![range(1, 91)], false),
            (vec![range(1, 100)], vec![range(1, 90)], true),
            (vec![range(1, 100)], vec![range(5, 104)], false),
            (vec![range(1, 100)], vec![range(6, 105)], true),
        ] {
            assert_eq!(worth_storing(&old, &new), expected, "{old:?} to {new:?}");
        }
    }

    proptest! {
        #[test]
        fn hints_are_in_order_few_and_within_the_budget(
            used in prop::collection::vec(1..3_000u32, 0..1_200),
            given in prop::collection::btree_set(1..3_000u32, 0..1_200),
        ) {
            let mut recorder = HintRecorder::new(PageSize::new(512).unwrap(), HINT_BYTES_DEFAULT);
            for number in &used {
                recorder.read(page(*number));
            }
            let given = PageRange::gather(given.into_iter().map(page));
            for hints in [recorder.hints_after(&[]), recorder.hints_after(&given)] {
                prop_assert!(runs::in_order(&hints) && hints.len() <= HINT_RUNS_MAX);
                let noted: BTreeSet<PageNumber> = hints.iter().flat_map(|run| run.pages()).collect();
                let recorded: BTreeSet<PageNumber> = used.iter().map(|number| page(*number)).collect();
                if PageRange::gather(recorded.iter().copied()).len() <= HINT_RUNS_MAX && given.is_empty() {
                    prop_assert_eq!(noted, recorded);
                }
            }
        }
    }
}

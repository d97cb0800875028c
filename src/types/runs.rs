//! Sets of pages as lists of runs. A list is *in order* when its runs ascend and do not overlap.

use super::{PageCount, PageNumber, PageRange};

/// Whether the runs ascend and do not overlap, and none ends before it starts.
pub fn in_order(runs: &[PageRange]) -> bool {
    runs.iter().all(|run| run.first <= run.last) && runs.windows(2).all(|pair| pair[0].last < pair[1].first)
}

/// The pages of any of these runs, in order and as few runs as there can be.
pub fn union(runs: impl IntoIterator<Item = PageRange>) -> Vec<PageRange> {
    let mut runs: Vec<PageRange> = runs.into_iter().collect();
    runs.sort_unstable_by_key(|run| run.first);
    let mut joined: Vec<PageRange> = Vec::with_capacity(runs.len());
    for run in runs {
        match joined.last_mut() {
            // The last possible page has no next one, and nothing starts behind it.
            Some(before) if before.last.next().is_none_or(|next| run.first <= next) => {
                before.last = before.last.max(run.last);
            }
            _ => joined.push(run),
        }
    }
    joined
}

/// The pages of `runs` that are not in `others`; both are in order, and so is the answer.
pub fn subtract(runs: &[PageRange], others: &[PageRange]) -> Vec<PageRange> {
    let mut left = Vec::with_capacity(runs.len());
    let mut others = others.iter().copied().peekable();
    for &run in runs {
        let mut first = Some(run.first);
        while let Some(other) = others.peek().copied() {
            if other.last < run.first {
                others.next();
                continue;
            }
            if other.first > run.last {
                break;
            }
            // What lies before the other one stays; what it covers goes.
            if let Some(start) = first.filter(|start| *start < other.first)
                && let Some(last) = PageNumber::new(other.first.get() - 1)
            {
                left.push(PageRange { first: start, last });
            }
            first = other.last.next();
            if other.last >= run.last {
                break;
            }
            others.next();
        }
        if let Some(first) = first.filter(|first| *first <= run.last) {
            left.push(PageRange { first, last: run.last });
        }
    }
    left
}

/// The first `pages_max` pages of `runs` that lie inside the size; `runs` are in order.
pub fn first_pages(runs: &[PageRange], size_pages: PageCount, pages_max: u64) -> Vec<PageRange> {
    let mut taken = Vec::new();
    let mut left = pages_max;
    for run in runs {
        let room = u32::try_from(left).unwrap_or(u32::MAX);
        // The number before the first page where there is no room: then nothing is taken.
        let end = run.first.get().saturating_add(room.saturating_sub(1)) - u32::from(room == 0);
        let end = end.min(run.last.get()).min(size_pages.0);
        let Some(last) = PageNumber::new(end).filter(|last| *last >= run.first) else { break };
        let run = PageRange { first: run.first, last };
        left -= u64::from(run.count());
        taken.push(run);
    }
    taken
}

/// The same pages in runs of at most `pages_max`, which is at least 1.
pub fn pieces(runs: &[PageRange], pages_max: u32) -> Vec<PageRange> {
    let step = pages_max.max(1);
    let mut pieces = Vec::with_capacity(runs.len());
    for run in runs {
        let mut next = Some(run.first);
        while let Some(first) = next.filter(|first| *first <= run.last) {
            let last =
                PageNumber::new(first.get().saturating_add(step - 1)).unwrap_or(run.last).min(run.last);
            pieces.push(PageRange { first, last });
            next = last.next();
        }
    }
    pieces
}

/// How many pages the runs have; they do not overlap.
pub fn count(runs: &[PageRange]) -> u64 {
    runs.iter().map(|run| u64::from(run.count())).sum()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn range(first: u32, last: u32) -> PageRange {
        PageRange { first: PageNumber::new(first).unwrap(), last: PageNumber::new(last).unwrap() }
    }

    fn runs() -> impl Strategy<Value = Vec<PageRange>> {
        prop::collection::vec((1..40u32, 0..6u32), 0..12)
            .prop_map(|runs| runs.into_iter().map(|(first, more)| range(first, first + more)).collect())
    }

    fn set(runs: &[PageRange]) -> BTreeSet<u32> {
        runs.iter().flat_map(|run| run.pages()).map(PageNumber::get).collect()
    }

    #[test]
    fn the_largest_page_is_a_page_like_any_other() {
        let (all, last) = (range(1, u32::MAX), range(u32::MAX, u32::MAX));
        assert_eq!(union([last, all, last]), [all]);
        assert_eq!(subtract(&[all], &[last]), [range(1, u32::MAX - 1)]);
        assert_eq!(subtract(&[last], &[all]), []);
        assert_eq!(first_pages(&[all], PageCount(u32::MAX), u64::MAX), [all]);
        assert_eq!(first_pages(&[last], PageCount(u32::MAX), 1), [last]);
        assert_eq!(count(&[all]), u64::from(u32::MAX));
        assert_eq!(pieces(&[all], u32::MAX), [all]);
        assert_eq!(pieces(&[range(u32::MAX - 2, u32::MAX)], 2), [range(u32::MAX - 2, u32::MAX - 1), last]);
        assert!(!in_order(&[range(2, 3), range(3, 4)]) && !in_order(&[range(3, 2)]) && in_order(&[all]));
    }

    proptest! {
        #[test]
        fn they_are_sets_of_pages(one in runs(), other in runs(), size in 0..50u32, pages_max in 0..60u64) {
            let (one, other) = (union(one.clone()), union(other));
            for runs in [&one, &other] {
                prop_assert!(in_order(runs));
                prop_assert!(runs.windows(2).all(|pair| pair[0].last.get() + 1 < pair[1].first.get()), "{:?}", runs);
            }
            let both: Vec<PageRange> = one.iter().chain(&other).copied().collect();
            prop_assert_eq!(set(&union(both.clone())), set(&both));
            let left = subtract(&one, &other);
            prop_assert!(in_order(&left));
            prop_assert_eq!(set(&left), &set(&one) - &set(&other));
            prop_assert_eq!(count(&left), set(&left).len() as u64);
            let taken = first_pages(&one, PageCount(size), pages_max);
            let expected: BTreeSet<u32> = set(&one)
                .into_iter()
                .filter(|page| *page <= size)
                .take(usize::try_from(pages_max).unwrap())
                .collect();
            prop_assert!(in_order(&taken));
            prop_assert_eq!(set(&taken), expected);
            let pages_max = u32::try_from(pages_max).unwrap();
            let cut = pieces(&one, pages_max);
            prop_assert!(in_order(&cut) && cut.iter().all(|piece| piece.count() <= pages_max.max(1)));
            prop_assert_eq!(set(&cut), set(&one));
        }
    }
}
